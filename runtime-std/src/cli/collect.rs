//! `estreamer collect`: from one server to the outputs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use estreamer_core::fqe::{EventKind, Request};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::InitialTimestamp;

use super::collection::Job;
use super::identity_args::IdentityArgs;
use super::verification::VerificationArgs;
use super::{Failure, from, identity_args};
use crate::config::address::Address;
use crate::delivery::state::StateDir;
use crate::output::destination::Destination;

/// Collect events from a server and write them out, one event a line.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer collect --server fmc.example.net --pkcs12 client.p12 \
                  --password-file client.pass --from -1h --output file:events.ndjson"
)]
pub(super) struct Collect {
    /// The server; the port is 8302 if none is given.
    #[arg(long, value_name = "HOST[:PORT]")]
    server: Address,
    /// An event type to ask for, repeatable; all four if none is given.
    #[arg(long = "event", value_name = "TYPE", value_enum)]
    events: Vec<EventType>,
    /// Where in the server's archive to start: oldest, now, UNIX seconds, RFC
    /// 3339, or a time ago like -1h.
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = from::parse, allow_hyphen_values = true)]
    from: InitialTimestamp,
    /// Where events go, repeatable: stdout: or file:PATH (appended to), with
    /// {source} and {event} in the path.
    #[arg(short, long = "output", value_name = "URL", default_value = "stdout:")]
    outputs: Vec<Destination>,
    /// Where bookmarks are kept: with it, a restart goes on where it ended, and
    /// files hold every event exactly once. One process at a time.
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY")]
    state: Option<PathBuf>,
    /// Discard the bookmark; --from says where to start.
    #[arg(long, requires = "state")]
    reset_bookmark: bool,
    /// The source's name, by which its bookmark is found; the server as typed if
    /// not given.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Bundles acknowledged before they are delivered; 0 is strict.
    #[arg(long, value_name = "N", default_value_t = 16)]
    ack_ahead: u32,
    /// Seconds asked for again at a restart: how far the server's archive may be
    /// out of order.
    #[arg(long, value_name = "SECS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    overlap: u32,
    /// Memory for events on their way, MiB; when it is full, the server waits.
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(20..=65_536))]
    memory: u32,
    /// Stop after so many events were delivered.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
    /// Stop when no event came for so many seconds, such as 0.5.
    #[arg(long, value_name = "SECS", value_parser = milliseconds)]
    stop_when_idle: Option<u32>,
    /// Record what is received in FILE, and what is sent in FILE.sent, for
    /// `estreamer capture decode`.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// No progress line and no summary.
    #[arg(short, long)]
    quiet: bool,
    // Last, because their headings hold for all arguments that follow.
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    verification: VerificationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EventType {
    Connection,
    Intrusion,
    Packet,
    File,
}

impl From<EventType> for EventKind {
    fn from(event: EventType) -> Self {
        match event {
            EventType::Connection => Self::Connection,
            EventType::Intrusion => Self::Intrusion,
            EventType::Packet => Self::Packet,
            EventType::File => Self::File,
        }
    }
}

impl Collect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let identity = self.identity.load()?;
        identity_args::warn(&identity);
        let kinds: Vec<EventKind> = match self.events.is_empty() {
            true => EventKind::ALL.to_vec(),
            false => self.events.iter().map(|&event| event.into()).collect(),
        };
        let addresses = self.server.resolve().map_err(|error| {
            Failure::failed(
                format!("cannot find the address of {}: {error}", self.server),
                "Check the name, and the resolver of this machine",
            )
        })?;
        let state = match &self.state {
            None => None,
            Some(path) => Some(
                StateDir::open(path, self.reset_bookmark)
                    .map_err(|error| Failure::failed(error, ""))?,
            ),
        };
        let server = self.server.to_string();
        let job = Job {
            name: self.name.unwrap_or_else(|| server.clone()),
            server,
            addresses,
            identity,
            rules: self.verification.rules(),
            from: self.from,
            kinds,
            state,
            outputs: self.outputs,
            limit: self.stop_after.unwrap_or(u64::MAX),
            idle: self.stop_when_idle,
            capture: self.capture,
            ahead: self.ack_ahead,
            overlap: self.overlap,
            memory: self.memory as usize * (1 << 20),
            quiet: self.quiet,
            only_stdout: false,
        };
        job.run()
    }
}

/// The whole request message for JSON events of these kinds.
pub(super) fn request(from: InitialTimestamp, kinds: &[EventKind]) -> Result<Vec<u8>, Failure> {
    let mut request = Request::new(from);
    for &kind in kinds {
        request = request.event(kind, kind.default_fields());
    }
    let mut buffer = vec![0; 4096];
    let length = request
        .emit(Quirks::NONE, &mut buffer)
        .map_err(|error| Failure::usage(error, ""))?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

/// Seconds with a fraction, as milliseconds.
fn milliseconds(text: &str) -> Result<u32, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..4_000_000.0).contains(&seconds) => Ok((seconds * 1000.0) as u32),
        _ => Err("use seconds such as 30 or 0.5".into()),
    }
}
