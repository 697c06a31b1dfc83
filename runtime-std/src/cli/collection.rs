//! A collection: connections one after the other, until it is enough.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use estreamer_core::fqe::EventKind;
use estreamer_core::session::{ClientConfig, End};
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::arena::Pool;
use estreamer_mio::client::{Client, ClientEnd, ClientOptions};
use estreamer_mio::event_loop::EventLoop;
use estreamer_mio::tls::{ClientTls, Identity, ServerRules};

use super::collect::request;
use super::{Failure, signals, verification};
use crate::collect::{Capture, Collector, Summary, explain};
use crate::delivery::pipeline::{self, Pipeline, Setup};
use crate::delivery::sequence::Noticed;
use crate::delivery::state::StateDir;
use crate::output::destination::Destination;

/// One collection.
pub(super) struct Job {
    pub(super) server: String,
    pub(super) name: String,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) identity: Identity,
    pub(super) rules: ServerRules,
    pub(super) from: InitialTimestamp,
    pub(super) kinds: Vec<EventKind>,
    pub(super) state: Option<StateDir>,
    pub(super) outputs: Vec<Destination>,
    pub(super) limit: u64,
    pub(super) idle: Option<u32>,
    pub(super) capture: Option<PathBuf>,
    pub(super) ahead: u32,
    pub(super) overlap: u32,
    pub(super) memory: usize,
    pub(super) quiet: bool,
    /// Set when it runs: nobody is left to write for once the reader has gone.
    pub(super) only_stdout: bool,
}

/// Bytes received into one piece of memory.
const ARENA: usize = 256 << 10;
/// Before a server is tried again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

impl Job {
    /// Collects until told to stop, over as many connections as it takes.
    pub(super) fn run(mut self) -> Result<(), Failure> {
        let tls = ClientTls::new(&self.identity, self.rules.clone())
            .map_err(|error| Failure::failed(error, ""))?;
        let mut event_loop = EventLoop::new().map_err(Failure::system)?;
        signals::watch(event_loop.handle()).map_err(Failure::system)?;
        if let Some(twice) = twice(&self.outputs) {
            return Err(Failure::usage(
                format!("{twice} is an output twice"),
                "Name each output once",
            ));
        }
        self.only_stdout = self.outputs == [Destination::Stdout];
        let setup = Setup {
            state: self.state.take(),
            outputs: std::mem::take(&mut self.outputs),
            sources: vec![self.name.clone()],
            overlap: self.overlap,
            limit: self.limit,
        };
        let mut pipeline = Pipeline::start(setup, event_loop.handle())
            .map_err(|error| Failure::failed(error, ""))?;
        for surprise in &pipeline.surprises {
            say!("estreamer: {surprise}");
        }
        let pool = Pool::new(ARENA, self.memory, event_loop.handle());
        let mut summary = Summary::default();
        let result = self.connections(&tls, &mut event_loop, &mut pipeline, &pool, &mut summary);
        // A connection that is left in it would keep the pipeline waiting.
        drop(event_loop);
        self.conclude(pipeline, summary, result)
    }

    /// Connects, and connects again after a session that had begun was lost.
    fn connections(
        &self,
        tls: &ClientTls,
        event_loop: &mut EventLoop,
        pipeline: &mut Pipeline,
        pool: &Pool,
        summary: &mut Summary,
    ) -> Result<(), Failure> {
        let mut pause = PAUSE.0;
        loop {
            let before = summary.events;
            let (server, end) = self.connection(tls, event_loop, pipeline, pool, summary)?;
            let failure = match end {
                ClientEnd::Session(End::Closed, _) => return Ok(()),
                end => explain(&server, &end),
            };
            if pipeline.has_failed() {
                return Ok(());
            }
            if summary.events == before && before == 0 {
                return Err(failure);
            }
            if summary.events > before {
                pause = PAUSE.0;
            }
            say!("estreamer: {failure}. Trying again in {pause:?}.");
            if !event_loop.pause(pause).map_err(Failure::system)? {
                return Ok(());
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Tries the addresses in turn, and stays with the first that answers.
    fn connection(
        &self,
        tls: &ClientTls,
        event_loop: &mut EventLoop,
        pipeline: &mut Pipeline,
        pool: &Pool,
        summary: &mut Summary,
    ) -> Result<(String, ClientEnd), Failure> {
        let progress = !self.quiet && io::stderr().is_terminal();
        let mut last = None;
        for &address in &self.addresses {
            let server = match address.to_string() == self.server {
                true => self.server.clone(),
                false => format!("{} ({address})", self.server),
            };
            verification::warn(&self.rules, &server);
            let Some(link) = pipeline.connect(&self.name, self.from) else {
                break;
            };
            let options = ClientOptions {
                address,
                request: request(link.from, &self.kinds)?,
                session: ClientConfig {
                    ahead: self.ahead,
                    ..ClientConfig::default()
                },
                pool: pool.clone(),
                handshake_timeout: 30_000,
            };
            let capture = self.capture(summary)?;
            let (collector, outcome) = Collector::new(link, self.idle, progress, capture, *summary);
            match Client::new(tls, options, collector, event_loop.now()) {
                Err((end, _)) => {
                    last = Some((server, end));
                    continue;
                }
                Ok(client) => event_loop.add(Box::new(client)).map_err(Failure::system)?,
            }
            event_loop.run().map_err(Failure::system)?;
            let outcome = outcome.take();
            *summary = outcome.summary;
            match outcome.end {
                None => break,
                // The next address may answer.
                Some(
                    end @ (ClientEnd::Connect(_)
                    | ClientEnd::ConnectTimeout
                    | ClientEnd::HandshakeTimeout),
                ) => last = Some((server, end)),
                Some(end) => return Ok((server, end)),
            }
        }
        last.ok_or_else(|| {
            Failure::failed(format!("{} cannot be tried", self.server), "Check the name")
        })
    }

    fn capture(&self, summary: &mut Summary) -> Result<Option<Capture>, Failure> {
        let Some(path) = &self.capture else {
            return Ok(None);
        };
        summary.connections += 1;
        let capture = Capture::create(path, summary.connections);
        capture.map(Some).map_err(|(path, error)| {
            Failure::failed(
                format!("cannot record in {}: {error}", path.display()),
                "Check path and permissions",
            )
        })
    }

    /// Delivers what is under way, sums up, and says how it went.
    fn conclude(
        &self,
        pipeline: Pipeline,
        mut summary: Summary,
        result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        let finished = pipeline.finish();
        if matches!(finished, Err(pipeline::Failure::ReaderLeft)) && self.only_stdout {
            // Whoever read our output has had enough.
            return Ok(());
        }
        if let Ok(noticed) = &finished
            && let Some(noticed) = noticed.get(&self.name)
        {
            summary.events = noticed.delivered;
            summary.duplicates = noticed.duplicates;
            summary.missing = noticed.missing;
            warn(noticed, self.overlap);
        }
        if summary.connected && !self.quiet {
            say!("estreamer: {summary}");
        }
        match finished {
            Err(failure) => Err(Failure::failed(
                failure,
                "What was not written comes again; make room, or check the disk, and collect again",
            )),
            Ok(_) => result,
        }
    }
}

/// An output that is named more than once.
fn twice(outputs: &[Destination]) -> Option<&Destination> {
    let mut seen = outputs.iter().enumerate();
    seen.find(|(index, output)| outputs[..*index].contains(output))
        .map(|(_, output)| output)
}

/// What bears on the promise that nothing is lost.
fn warn(noticed: &Noticed, overlap: u32) {
    if noticed.disorder > overlap / 2 {
        say!(
            "estreamer: events were stored up to {} s out of order. Up to {overlap} s are asked for \
             again at a restart; raise --overlap to twice the disorder.",
            noticed.disorder
        );
    }
    if noticed.ahead > 0 {
        say!(
            "estreamer: {} events are stored more than an hour ahead of this machine's clock. \
             Compare the two clocks.",
            noticed.ahead
        );
    }
    if noticed.bounded > 0 {
        say!(
            "estreamer: more events came within {overlap} s than can be remembered. After a \
             restart, what the server stored late may be missed; lower --overlap.",
        );
    }
}
