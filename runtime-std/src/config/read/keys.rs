//! Every key of a configuration file, by the table it stands in.

/// A table of the file, and what may stand in it.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// As a person writes it.
    pub name: &'static str,
    /// Its keys.
    pub keys: &'static [&'static str],
}

/// All of them.
pub const TABLES: [Table; 6] = [TOP, ACK, SOURCE, PASSWORD, EVENTS, OUTPUT];

pub(super) const TOP: Table = Table {
    name: "the top level",
    keys: &[
        "state", "memory", "overlap", "shutdown", "ack", "source", "output",
    ],
};

pub(super) const ACK: Table = Table {
    name: "[ack]",
    keys: &["ahead"],
};

pub(super) const SOURCE: Table = Table {
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
        "data",
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
};

pub(super) const PASSWORD: Table = Table {
    name: "password",
    keys: &["file", "env", "credential"],
};

pub(super) const EVENTS: Table = Table {
    name: "events",
    keys: &["connection", "intrusion", "packet", "file"],
};

pub(super) const OUTPUT: Table = Table {
    name: "[[output]]",
    keys: &[
        "name", "url", "format", "required", "mode", "queue", "sources", "events",
    ],
};
