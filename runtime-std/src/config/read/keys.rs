//! Every key of a configuration file, by table.

/// A table of the file with its known keys.
#[derive(Debug, Clone, Copy)]
pub struct TableKeys {
    /// The name as shown in messages.
    pub name: &'static str,
    /// The known keys.
    pub keys: &'static [&'static str],
    /// Former names of keys, still accepted.
    pub former: &'static [&'static str],
}

/// All tables.
pub const TABLES: [TableKeys; 12] = [
    TOP, ACK, LISTEN, SOURCE, PASSWORD, EVENTS, OUTPUT, ROTATE, KEEP, TLS, BATCH, AUTH,
];

pub(super) const TOP: TableKeys = TableKeys {
    name: "the top level",
    keys: &[
        "state", "memory", "overlap", "shutdown", "retry", "ack", "listen", "source", "output",
    ],
    former: &[],
};

pub(super) const ACK: TableKeys = TableKeys {
    name: "[ack]",
    keys: &["ahead", "prepaid"],
    former: &[],
};

pub(super) const LISTEN: TableKeys = TableKeys {
    name: "[listen]",
    keys: &["address"],
    former: &[],
};

pub(super) const SOURCE: TableKeys = TableKeys {
    name: "[[source]]",
    keys: &[
        "name",
        "server",
        "bind",
        "pkcs12",
        "password",
        "cert",
        "key",
        "ca",
        "events",
        "minimal",
        "transform",
        "request",
        "from",
        "request_form",
        "request_timeout",
        "record_length",
        "quirks",
        "server_name",
        "server_fingerprint",
        "allow_sha1",
        "insecure_no_verify",
    ],
    former: &["data"],
};

pub(super) const PASSWORD: TableKeys = TableKeys {
    name: "password",
    keys: &["file", "env", "credential"],
    former: &[],
};

pub(super) const EVENTS: TableKeys = TableKeys {
    name: "events",
    keys: &["connection", "intrusion", "packet", "file"],
    former: &[],
};

pub(super) const OUTPUT: TableKeys = TableKeys {
    name: "[[output]]",
    keys: &[
        "name",
        "url",
        "format",
        "required",
        "mode",
        "group",
        "rotate",
        "keep",
        "manifest",
        "queue",
        "sources",
        "events",
        "where",
        "keep_fields",
        "drop_fields",
        "tls",
        "rfc",
        "facility",
        "hostname",
        "app_name",
        "framing",
        "max_message",
        "batch",
        "compress",
        "errors",
        "header",
        "auth",
        "proxy",
        "token",
        "index",
        "sourcetype",
        "ack",
        "api_key",
        "user",
        "password",
        "encoding",
        "key",
        "partition",
        "option",
    ],
    former: &[],
};

pub(super) const ROTATE: TableKeys = TableKeys {
    name: "rotate",
    keys: &["size", "every"],
    former: &[],
};

pub(super) const KEEP: TableKeys = TableKeys {
    name: "keep",
    keys: &["files", "days", "total"],
    former: &[],
};

pub(super) const TLS: TableKeys = TableKeys {
    name: "tls",
    keys: &["ca", "cert", "key", "pkcs12", "password", "server_name"],
    former: &[],
};

pub(super) const BATCH: TableKeys = TableKeys {
    name: "batch",
    keys: &["events", "bytes", "seconds"],
    former: &[],
};

pub(super) const AUTH: TableKeys = TableKeys {
    name: "auth",
    keys: &["bearer", "user", "password"],
    former: &[],
};
