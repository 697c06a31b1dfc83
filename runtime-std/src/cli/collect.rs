//! `estreamer collect`: from one server to the outputs.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use estreamer_core::fqe::{EventKind, Request};
use estreamer_core::quirk::Quirks;
use estreamer_core::session::{ClientConfig, End};
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::client::{Client, ClientEnd, ClientOptions};
use estreamer_mio::event_loop::EventLoop;
use estreamer_mio::tls::{ClientTls, Identity, ServerRules};

use super::address::Address;
use super::identity_args::IdentityArgs;
use super::verification::VerificationArgs;
use super::{Failure, from, identity_args, signals, verification};
use crate::collect::{Collector, Destination, Outcome, Output, Until};

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
    /// Where events go, repeatable: stdout: or file:PATH (appended to).
    #[arg(short, long = "output", value_name = "URL", default_value = "stdout:")]
    outputs: Vec<Destination>,
    /// Stop after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
    /// Stop when no event came for so many seconds.
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u32).range(1..4_000_000))]
    stop_when_idle: Option<u32>,
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
        let request = request(self.from, &kinds)?;
        let addresses = self.server.resolve().map_err(|error| {
            Failure::failed(
                format!("cannot find the address of {}: {error}", self.server),
                "Check the name, and the resolver of this machine",
            )
        })?;
        let outputs = self
            .outputs
            .iter()
            .map(|destination| {
                Output::open(destination.clone()).map_err(|error| {
                    Failure::failed(
                        format!("cannot open {destination}: {error}"),
                        "Check that the directory exists and may be written to",
                    )
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let until = Until {
            events: self.stop_after,
            idle: self.stop_when_idle.map(|seconds| seconds * 1000),
        };
        let job = Job {
            server: self.server.to_string(),
            addresses,
            identity,
            rules: self.verification.rules(),
            request,
            outputs,
            until,
            quiet: self.quiet,
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

/// One collection, everything opened.
pub(super) struct Job {
    pub(super) server: String,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) identity: Identity,
    pub(super) rules: ServerRules,
    pub(super) request: Vec<u8>,
    pub(super) outputs: Vec<Output>,
    pub(super) until: Until,
    pub(super) quiet: bool,
}

impl Job {
    /// Tries the addresses in turn and collects from the first that answers.
    pub(super) fn run(self) -> Result<(), Failure> {
        let tls = ClientTls::new(&self.identity, self.rules.clone())
            .map_err(|error| Failure::failed(error, ""))?;
        let mut event_loop = EventLoop::new().map_err(system)?;
        signals::watch(event_loop.handle()).map_err(system)?;
        let progress = !self.quiet && io::stderr().is_terminal();
        let mut outputs = Some(self.outputs);
        let mut last = None;
        for address in self.addresses {
            verification::warn(&self.rules, &format!("{} ({address})", self.server));
            let options = ClientOptions {
                address,
                request: self.request.clone(),
                session: ClientConfig::default(),
                handshake_timeout: 30_000,
            };
            let (collector, outcome) =
                Collector::new(outputs.take().unwrap_or_default(), self.until, progress);
            match Client::new(&tls, options, collector, event_loop.now()) {
                Err((end, collector)) => {
                    outputs = Some(collector.into_outputs());
                    last = Some((address, end));
                    continue;
                }
                Ok(client) => event_loop.add(Box::new(client)).map_err(system)?,
            }
            event_loop.run().map_err(system)?;
            let mut outcome = outcome.take();
            match outcome.end.take() {
                // The next address may answer.
                Some(
                    end @ (ClientEnd::Connect(_)
                    | ClientEnd::ConnectTimeout
                    | ClientEnd::HandshakeTimeout),
                ) => {
                    outputs = Some(std::mem::take(&mut outcome.outputs));
                    last = Some((address, end));
                }
                end => return conclude(&self.server, self.quiet, outcome, end),
            }
        }
        Err(match last {
            Some((address, end)) if address.to_string() == self.server => {
                explain(&self.server, &end)
            }
            Some((address, end)) => explain(&format!("{} ({address})", self.server), &end),
            None => Failure::failed(format!("{} has no address", self.server), "Check the name"),
        })
    }
}

/// Turns what a collector left behind into the command's result.
fn conclude(
    server: &str,
    quiet: bool,
    outcome: Outcome,
    end: Option<ClientEnd>,
) -> Result<(), Failure> {
    match &outcome.failed {
        // Whoever read our output has had enough.
        Some((_, error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        _ => {}
    }
    if outcome.summary.connected && !quiet {
        eprintln!("estreamer: {}", outcome.summary);
    }
    if let Some((destination, error)) = outcome.failed {
        return Err(Failure::failed(
            format!("cannot write to {destination}: {error}"),
            "What was not written was not acknowledged; make room and collect again",
        ));
    }
    match end {
        None | Some(ClientEnd::Session(End::Closed, _)) => Ok(()),
        Some(end) => Err(explain(server, &end)),
    }
}

/// What happened on the wire, in the words of the person who has to act on it.
fn explain(server: &str, end: &ClientEnd) -> Failure {
    match end {
        ClientEnd::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Failure::failed(
                format!("{server} refuses the connection: nothing listens on that port"),
                "Check address and port (8302 on a Management Center), and that eStreamer is on there",
            )
        }
        ClientEnd::Connect(error) => Failure::failed(
            format!("cannot connect to {server}: {error}"),
            "Check address, routing, and the firewalls between",
        ),
        ClientEnd::ConnectTimeout => Failure::failed(
            format!("{server} does not answer within 30 s"),
            "Check the address, and the firewalls between: one of them drops the packets",
        ),
        ClientEnd::HandshakeTimeout => Failure::failed(
            format!("{server} does not speak: no TLS handshake within 30 s"),
            "Check that the port is eStreamer's, and the firewalls between",
        ),
        ClientEnd::Tls(error) => Failure::failed(format!("TLS with {server} failed: {error}"), ""),
        ClientEnd::Socket(error) => Failure::failed(
            format!("the connection to {server} broke: {error}"),
            "Check the network between, and the server's own log",
        ),
        ClientEnd::Session(End::BeforeFirstByte, _) => Failure::failed(
            format!("{server} closed the connection after the TLS handshake without a word"),
            "A Management Center refuses clients this way: check that this client is registered \
             there under the address it sees this machine by",
        ),
        ClientEnd::Session(End::PeerError { code }, text) => Failure::failed(
            format!("{server} ended the session with error {code}: {text}"),
            "Check the request, and the eStreamer page of the server",
        ),
        ClientEnd::Session(End::OutOfStep(error), _) => Failure::failed(
            format!("what {server} sends is not eStreamer: {error}"),
            "Check that address and port are an eStreamer service's; otherwise collect again",
        ),
        ClientEnd::Session(end @ (End::Idle | End::MidMessage), _) => Failure::failed(
            format!("{server} ended the session: {end}"),
            "The server shut down or the network broke; collect again from where this ended",
        ),
        ClientEnd::Session(end, _) => Failure::failed(
            format!("the session with {server} ended: {end}"),
            "Check the network between; collect again from where this ended",
        ),
    }
}

/// What the operating system refuses.
pub(super) fn system(error: io::Error) -> Failure {
    Failure::failed(
        format!("the operating system refuses a resource: {error}"),
        "Check the limits on files and threads",
    )
}
