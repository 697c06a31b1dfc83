//! The configuration of a collection: sources, outputs and limits. A file and flags
//! result in the same [`Config`].
//!
//! - `read` (feature `config`): files and flags; [`event_request`]: what a source requests.
//! - [`receiver`]: the settings of outputs to receivers.
//! - [`number`]: the numeric settings; [`address`], [`from`], [`rules`]: single values.

pub mod address;
pub mod event_request;
pub mod from;
pub mod listen_address;
pub mod number;
#[cfg(feature = "config")]
pub mod read;
mod retry_policy;
pub mod rules;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::tls::{Identity, ServerRules};

use address::Address;
pub use event_request::EventRequest;
use receiver::ReceiverOptions;
pub use retry_policy::RetryPolicy;

pub use crate::filter::{Condition, ConditionError, FieldSelection};
pub use crate::format::{ENVELOPE, Format, OwnedTransform};
pub use crate::output::destination::Destination;
pub use crate::output::file::settings::{ArchiveRules, Compression, Retention, Rotation};
pub use crate::output::options as receiver;

/// The configuration of a collection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// The state directory; without it there is no bookmark.
    pub state: Option<PathBuf>,
    /// Bundles to acknowledge before the outputs have taken them; with 0 a bundle is
    /// acknowledged after the outputs have accepted it.
    pub ahead: u32,
    /// Null messages that each source sends ahead of need, once a bundle is acknowledged.
    /// A server that ends the connection within ten seconds gets none on later ones.
    pub prepaid: u32,
    /// How far before its end a resume requests again, in whole seconds.
    pub overlap: Duration,
    /// Bytes for events between connections and outputs.
    pub memory: usize,
    /// The maximum time that a stop may take.
    pub shutdown: Duration,
    /// The address at which the status is served, if it is.
    pub listen: Option<SocketAddr>,
    /// What happens when a source fails that has never worked; `None` is the default.
    pub retry: Option<RetryPolicy>,
    /// The sources.
    pub sources: Vec<SourceConfig>,
    /// The outputs.
    pub outputs: Vec<OutputConfig>,
}

/// A source: one server, or several with the same events.
#[derive(Debug)]
#[non_exhaustive]
pub struct SourceConfig {
    /// The name, also of its bookmark.
    pub name: String,
    /// The servers, tried in turn; at least one.
    pub servers: Vec<Address>,
    /// The local address to connect from.
    pub bind: Option<IpAddr>,
    /// The client certificate and key.
    pub identity: Arc<Identity>,
    /// How the server certificate is verified.
    pub rules: ServerRules,
    /// The start without a bookmark.
    pub from: InitialTimestamp,
    /// The request.
    pub request: EventRequest,
    /// The form of the request if it is configured; with `None`, the forms are tried in
    /// turn.
    pub request_form: Option<RequestForm>,
    /// How long the server may be silent after the request before the next form is
    /// tried; zero is no limit.
    pub request_timeout: Duration,
    /// What the record length of this server counts.
    pub record_length: RecordLength,
    /// Deviations from the guide that this server needs.
    pub quirks: Quirks,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputConfig {
    /// The name, also in the bookmark.
    pub name: String,
    /// The destination.
    pub destination: Destination,
    /// The format of the events.
    pub format: Format,
    /// Whether the bookmark waits for this output. If not, events that it cannot keep up
    /// with are dropped and counted.
    pub required: bool,
    /// Permissions of new files.
    pub mode: u32,
    /// The number of the group of new files; `None` is that of the process.
    pub group: Option<u32>,
    /// When a file is closed, and what is done to it then.
    pub archive: ArchiveRules,
    /// Bytes that may wait for an output that is not required.
    pub queue: usize,
    /// The settings of a receiver.
    pub receiver: ReceiverOptions,
    /// The sources it accepts, by name; `None` accepts all.
    pub sources: Option<Vec<String>>,
    /// The event types it accepts; `None` accepts every record.
    pub events: Option<Vec<EventKind>>,
    /// The condition that an event has to meet. A record that is not a JSON event is always
    /// accepted.
    pub condition: Option<Condition>,
    /// The fields of JSON events that are written; `None` writes all. The format
    /// [`Raw`](Format::Raw) writes all bytes.
    pub fields: Option<FieldSelection>,
}

impl Config {
    /// Returns a collection from these sources into these outputs, without a state
    /// directory. Every other setting has its default.
    pub fn new(sources: Vec<SourceConfig>, outputs: Vec<OutputConfig>) -> Self {
        Self {
            state: None,
            ahead: number::AHEAD.default,
            prepaid: number::PREPAID.default,
            overlap: Duration::from_secs(number::OVERLAP.default.into()),
            memory: number::MEMORY.mebibytes(),
            shutdown: Duration::from_secs(number::SHUTDOWN.default.into()),
            listen: None,
            retry: None,
            sources,
            outputs,
        }
    }
}

impl SourceConfig {
    /// Returns a source with one server, which requests everything from now on. Every
    /// other setting has its default.
    pub fn new(name: String, server: Address, identity: impl Into<Arc<Identity>>) -> Self {
        Self {
            name,
            servers: vec![server],
            bind: None,
            identity: identity.into(),
            rules: ServerRules::default(),
            from: InitialTimestamp::NOW,
            request: EventRequest::everything(),
            request_form: None,
            request_timeout: Duration::from_secs(number::REQUEST_TIMEOUT.default.into()),
            record_length: RecordLength::Auto,
            quirks: Quirks::NONE,
        }
    }
}

/// The default permissions of output files.
pub const MODE: u32 = 0o640;

impl OutputConfig {
    /// Returns a required output that accepts everything, one event a line. Its name is
    /// the destination.
    pub fn to(destination: Destination) -> Self {
        Self {
            name: destination.to_string(),
            destination,
            format: Format::Lines,
            required: true,
            mode: MODE,
            group: None,
            archive: ArchiveRules::default(),
            queue: number::QUEUE.mebibytes(),
            receiver: ReceiverOptions::default(),
            sources: None,
            events: None,
            condition: None,
            fields: None,
        }
    }
}
