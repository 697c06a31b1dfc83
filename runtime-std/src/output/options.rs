//! The settings of outputs to receivers, with secrets and certificates read.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

/// The default maximum length of a syslog message in a datagram: what a datagram holds.
pub const MAX_MESSAGE: usize = 65_507;
/// The default facility: local0.
pub const FACILITY: u8 = 16;
/// The default number of events of a request.
pub const BATCH_EVENTS: usize = 1000;
/// The default number of bytes of a request before compression.
pub const BATCH_BYTES: usize = 1 << 20;
/// How long an event waits for others by default.
pub const BATCH_TIME: Duration = Duration::from_secs(1);

/// A secret text. It is wiped when dropped and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Returns the text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the bytes of the text.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The settings of an output to a receiver. Each kind of receiver uses those that belong to
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReceiverOptions {
    /// TLS.
    pub tls: TlsOptions,
    /// Syslog messages.
    pub syslog: SyslogOptions,
    /// HTTP requests.
    pub http: HttpOptions,
    /// Messages to Kafka.
    pub kafka: KafkaOptions,
}

/// How a connection to a receiver is secured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TlsOptions {
    /// The CA certificates of the receiver as PEM; with none, those of the system.
    pub ca: Vec<u8>,
    /// The client certificate; with `None`, none is shown.
    pub identity: Option<ClientCertificate>,
    /// The name that the receiver's certificate must have; with `None`, the host of the
    /// address.
    pub server_name: Option<String>,
}

/// A client certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The certificate and its chain as PEM.
    pub certificates: String,
    /// The private key as PEM.
    pub key: SecretText,
}

impl ClientCertificate {
    /// Returns a client certificate from PEM.
    pub fn new(certificates: String, key: SecretText) -> Self {
        Self { certificates, key }
    }
}

/// How events become syslog messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyslogOptions {
    /// How messages of a stream are told apart.
    pub framing: SyslogFraming,
    /// The form of the header.
    pub version: SyslogVersion,
    /// The facility, 0 to 23.
    pub facility: u8,
    /// The host name; with `None`, the name of the source.
    pub hostname: Option<String>,
    /// The name of the application, or the tag.
    pub app_name: String,
    /// The maximum length of a message in a datagram, in bytes.
    pub max_message: usize,
}

impl Default for SyslogOptions {
    /// RFC 5424, octet counting, facility local0.
    fn default() -> Self {
        Self {
            framing: SyslogFraming::OctetCounting,
            version: SyslogVersion::Rfc5424,
            facility: FACILITY,
            hostname: None,
            app_name: "estreamer".into(),
            max_message: MAX_MESSAGE,
        }
    }
}

/// How syslog messages of a stream are told apart (RFC 6587).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyslogFraming {
    /// The length of each message is before it.
    OctetCounting,
    /// A line end is after each message.
    Newline,
}

/// The form of the header of syslog messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyslogVersion {
    /// RFC 5424.
    Rfc5424,
    /// RFC 3164, with the time in UTC.
    Rfc3164,
}

/// How events are sent by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// More headers of each request.
    pub headers: Vec<(String, SecretText)>,
    /// The header `Authorization`.
    pub authorization: Option<SecretText>,
    /// When a request is sent.
    pub batch: BatchLimits,
    /// How bodies are compressed.
    pub compress: Option<HttpCompression>,
    /// The URL of a proxy; with `None`, that of the environment.
    pub proxy: Option<SecretText>,
    /// The file for events that the receiver refuses.
    pub errors: Option<PathBuf>,
    /// The index that events go to; with `None`, that of the receiver.
    pub index: Option<String>,
    /// The source type of events in Splunk.
    pub sourcetype: String,
    /// Whether to wait until Splunk's indexers have acknowledged the events.
    pub ack: bool,
    /// How OpenTelemetry requests are encoded.
    pub encoding: OtlpEncoding,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            authorization: None,
            batch: BatchLimits::default(),
            compress: None,
            proxy: None,
            errors: None,
            index: None,
            sourcetype: crate::format::SPLUNK_SOURCETYPE.into(),
            ack: false,
            encoding: OtlpEncoding::Protobuf,
        }
    }
}

/// When a request is sent: at the first limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The number of events of a request.
    pub events: usize,
    /// The number of bytes of a request before compression. A longer event is sent alone.
    pub bytes: usize,
    /// How long an event may wait for others.
    pub time: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            events: BATCH_EVENTS,
            bytes: BATCH_BYTES,
            time: BATCH_TIME,
        }
    }
}

/// A compression of request bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpCompression {
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl HttpCompression {
    /// Returns the value of `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The encoding of OpenTelemetry requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtlpEncoding {
    /// Protocol Buffers.
    Protobuf,
    /// JSON.
    Json,
}

/// How events become messages of Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KafkaOptions {
    /// The key of each message.
    pub key: KafkaKey,
    /// The partition of all messages; with `None`, the client chooses it by the key.
    pub partition: Option<i32>,
    /// Options of the client, such as `sasl.username`.
    pub options: Vec<(String, SecretText)>,
    /// The file for events that the brokers refuse.
    pub errors: Option<PathBuf>,
}

impl KafkaOptions {
    /// Returns an option of the client; of several with one name, the last.
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut options = self.options.iter().rev();
        let found = options.find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The key of a message. Messages with the same key stay in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KafkaKey {
    /// The connection that the event belongs to; without one, the device.
    #[default]
    Connection,
    /// The device that the event names; without one, the source.
    Device,
    /// The source.
    Source,
    /// No key: messages are spread over all partitions.
    None,
}
