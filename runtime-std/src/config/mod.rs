//! What is collected from whom, and where it goes: the same whether it was read
//! from a file or from flags.

pub mod address;
pub mod ask;
pub mod from;
pub mod number;
#[cfg(feature = "config")]
pub mod read;
pub mod rules;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::tls::{Identity, ServerRules};

use address::Address;
pub use ask::Ask;

pub use crate::format::{Data, Format};

use crate::output::destination::Destination;

/// A whole collection.
#[derive(Debug)]
pub struct Config {
    /// The directory bookmarks are kept in; without it there are none.
    pub state: Option<PathBuf>,
    /// Bundles acknowledged before the outputs have taken them; 0 waits until they are
    /// accepted.
    pub ahead: u32,
    /// Seconds asked for again at a resume.
    pub overlap: u32,
    /// Bytes for events on their way.
    pub memory: usize,
    /// How long a stop may take.
    pub shutdown: Duration,
    /// The sources.
    pub sources: Vec<Source>,
    /// Where events go.
    pub outputs: Vec<Output>,
}

/// One server, or several with the same events.
#[derive(Debug)]
pub struct Source {
    /// Its name, also the bookmark's.
    pub name: String,
    /// The servers, tried in turn; one at least.
    pub servers: Vec<Address>,
    /// The address of ours to connect from.
    pub bind: Option<IpAddr>,
    /// Who we are to it.
    pub identity: Identity,
    /// How its certificate is judged.
    pub rules: ServerRules,
    /// Where to start without a bookmark.
    pub from: InitialTimestamp,
    /// What is asked for.
    pub ask: Ask,
    /// The form of the request, where a user fixed it; otherwise one after the
    /// other is tried.
    pub request_form: Option<RequestForm>,
    /// How long it may be silent after the request before another form is tried;
    /// zero is for ever.
    pub request_timeout: Duration,
    /// What its record length counts.
    pub record_length: RecordLength,
    /// Deviations of ours that this server needs.
    pub quirks: Quirks,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name, also in the bookmark.
    pub name: String,
    /// Where to.
    pub destination: Destination,
    /// In which form.
    pub format: Format,
    /// Whether its delivery moves the bookmark; otherwise it drops and counts.
    pub required: bool,
    /// Permissions of the files that are made.
    pub mode: u32,
    /// Bytes an output that is not required may lag behind before it drops.
    pub queue: usize,
    /// The sources it takes, by name; `None` takes all.
    pub sources: Option<Vec<String>>,
    /// The event types it takes; `None` takes all, and whatever else comes.
    pub events: Option<Vec<EventKind>>,
}

/// Permissions of output files, where none are given: the owner writes, the group
/// reads.
pub const MODE: u32 = 0o640;

impl Output {
    /// A required output of everything, one event a line, named by where it goes.
    pub fn to(destination: Destination) -> Self {
        Self {
            name: destination.to_string(),
            destination,
            format: Format::Lines,
            required: true,
            mode: MODE,
            queue: number::QUEUE.mebibytes(),
            sources: None,
            events: None,
        }
    }
}
