//! The kinds of receivers: their URLs, their settings, and how their outputs are made.

use std::fmt;
use std::sync::Arc;

use super::Output;
use super::connection::Endpoint;
#[cfg(feature = "http")]
use super::http;
use super::kafka;
use super::stream::StreamOutput;
use super::syslog::SyslogWriter;
use super::tls::TlsConnector;
use super::udp::UdpOutput;
use crate::output::options::ReceiverOptions;

/// A kind of receiver, identified by its scheme.
pub struct ReceiverKind {
    /// The scheme of the URL.
    pub scheme: &'static str,
    /// The form of the URL, for messages.
    pub usage: &'static str,
    /// The configuration keys of its own.
    pub keys: &'static [&'static str],
    /// What it needs to know of each record.
    pub needs: RecordNeeds,
    /// The cargo feature that this build lacks for it.
    pub missing: Option<&'static str>,
    /// Whether the address is a path, without `//` before it.
    pub is_path: bool,
    /// Parses the address; `None` if it is not valid.
    pub address: fn(&str) -> Option<String>,
    /// Creates the output for an address.
    pub output: fn(&str, &ReceiverOptions) -> Box<dyn Output>,
}

/// What an output needs to know of each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordNeeds {
    /// Nothing: it passes bytes on.
    Nothing,
    /// Where each record ends, its type and its time.
    Records,
    /// The same, and the number of each record among its equals.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    Ordinals,
    /// Where each record ends, its type and its time, and the connection of its event.
    Connections,
}

const SYSLOG_STREAM: &[&str] = &["rfc", "facility", "hostname", "app_name", "framing"];
const SYSLOG_TLS: &[&str] = &["rfc", "facility", "hostname", "app_name", "framing", "tls"];

/// Returns every kind of receiver.
pub fn receivers() -> impl Iterator<Item = &'static ReceiverKind> {
    let kinds = STREAMS.iter();
    #[cfg(feature = "http")]
    let kinds = kinds
        .chain(&http::HTTP)
        .chain(&http::SPLUNK)
        .chain(&http::ELASTIC)
        .chain(&http::OTLP);
    kinds.chain([&kafka::KAFKA])
}

/// Connections and datagrams.
static STREAMS: [ReceiverKind; 6] = [
    ReceiverKind {
        scheme: "tcp",
        usage: "tcp://HOST:PORT",
        keys: &[],
        needs: RecordNeeds::Nothing,
        missing: None,
        is_path: false,
        address: host_and_port,
        output: |address, _| stream(Endpoint::Tcp(address.into()), None),
    },
    ReceiverKind {
        scheme: "tcp+tls",
        usage: "tcp+tls://HOST:PORT",
        keys: &["tls"],
        needs: RecordNeeds::Nothing,
        missing: None,
        is_path: false,
        address: host_and_port,
        output: |address, options| stream(tls(address, options), None),
    },
    ReceiverKind {
        scheme: "unix",
        usage: "unix:PATH",
        keys: &[],
        needs: RecordNeeds::Nothing,
        missing: None,
        is_path: true,
        address: |path| (!path.is_empty()).then(|| path.to_owned()),
        output: |path, _| stream(Endpoint::Unix(path.into()), None),
    },
    ReceiverKind {
        scheme: "syslog+udp",
        usage: "syslog+udp://HOST:PORT",
        keys: &["rfc", "facility", "hostname", "app_name", "max_message"],
        needs: RecordNeeds::Records,
        missing: None,
        is_path: false,
        address: host_and_port,
        output: |address, options| {
            let writer = SyslogWriter::new(&options.syslog);
            Box::new(UdpOutput::new(address, writer, options.syslog.max_message))
        },
    },
    ReceiverKind {
        scheme: "syslog+tcp",
        usage: "syslog+tcp://HOST:PORT",
        keys: SYSLOG_STREAM,
        needs: RecordNeeds::Records,
        missing: None,
        is_path: false,
        address: host_and_port,
        output: |address, options| stream(Endpoint::Tcp(address.into()), Some(options)),
    },
    ReceiverKind {
        scheme: "syslog+tls",
        usage: "syslog+tls://HOST:PORT",
        keys: SYSLOG_TLS,
        needs: RecordNeeds::Records,
        missing: None,
        is_path: false,
        address: host_and_port,
        output: |address, options| stream(tls(address, options), Some(options)),
    },
];

fn stream(endpoint: Endpoint, syslog: Option<&ReceiverOptions>) -> Box<dyn Output> {
    let syslog = syslog.map(|options| SyslogWriter::new(&options.syslog));
    Box::new(StreamOutput::new(endpoint, syslog))
}

fn tls(address: &str, options: &ReceiverOptions) -> Endpoint {
    let connector = TlsConnector::new(&options.tls).map(Arc::new);
    Endpoint::Tls(address.into(), connector)
}

impl PartialEq for ReceiverKind {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
    }
}

impl Eq for ReceiverKind {}

impl fmt::Debug for ReceiverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)
    }
}

/// Returns the address if it has a host and a valid port.
fn host_and_port(text: &str) -> Option<String> {
    let (host, port) = text.strip_suffix('/').unwrap_or(text).rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let sound = !host.is_empty() && (bare.is_some() || !host.contains(':')) && port > 0;
    sound.then(|| format!("{host}:{port}"))
}
