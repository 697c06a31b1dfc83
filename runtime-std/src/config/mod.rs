//! What is collected from whom, and where it goes: the same whether it was read
//! from a file or from flags.

pub mod address;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use estreamer_core::fqe::EventKind;
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::tls::{Identity, ServerRules};

use crate::output::destination::Destination;

/// A whole collection.
pub struct Config {
    /// The directory bookmarks are kept in; without it there are none.
    pub state: Option<PathBuf>,
    /// Bundles acknowledged before they are delivered; 0 is strict.
    pub ahead: u32,
    /// Seconds asked for again at a resume.
    pub overlap: u32,
    /// Bytes for events on their way.
    pub memory: usize,
    /// How long a stop may take.
    pub shutdown: Duration,
    /// The servers.
    pub sources: Vec<Source>,
    /// Where events go.
    pub outputs: Vec<Output>,
}

/// One server.
pub struct Source {
    /// Its name, also the bookmark's.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
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
    /// Deviations of ours that this server needs.
    pub quirks: Quirks,
}

/// What a source is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The JSON block of the request.
    pub json: Vec<u8>,
    /// The form the events' data comes in.
    pub data: Data,
}

/// The form of an event's data (the guide's `transform`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Text, one JSON object.
    Json,
    /// Text, comma-separated values.
    Csv,
    /// Bytes that are never altered, by the transform's name.
    Other(String),
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
    /// Bytes an output that is not required may lag behind before it drops.
    pub queue: usize,
    /// The sources it takes, by name; `None` takes all.
    pub sources: Option<Vec<String>>,
    /// The event types it takes; `None` takes all, and whatever else comes.
    pub events: Option<Vec<EventKind>>,
}

/// How a record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text as it came, one event a line; bytes in an envelope as base64.
    Lines,
    /// The bytes as they came, each record with its length before it.
    Raw,
}
