//! One source: resolve, query the bookmark, connect, collect, and repeat.

mod ends;
mod view;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use estreamer_core::session::Instant;
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::{ClientConnection, ClientEnd, ClientOptions};
use estreamer_mio::event_loop::{EndpointId, EventLoop, after};
use estreamer_mio::tls::ClientTls;

use super::Capture;
use super::backoff::Backoff;
use super::client_tls::tls;
use super::collector::Collector;
use super::connection::Connection;
use super::connection_log::ConnectionLog;
use super::forms::Forms;
use super::resolver::{PendingAddresses, Resolver};
use super::rotation::ServerRotation;
use crate::config::address::Address;
use crate::config::rules;
use crate::config::{RetryPolicy, SourceConfig};
use crate::delivery::pipeline::Pipeline;
use crate::delivery::pipeline::delivery::SourceInfo;
use crate::delivery::pipeline::link::{Link, PendingLink};
use crate::explain::explain;
use crate::failure::Failure;
use crate::format::csv::SourceColumns;
use crate::telemetry::SourceState;
use crate::telemetry::cause::EndCause;
use crate::telemetry::monitor::Monitor;

/// A running source.
pub(super) struct SourceTask {
    pub(super) source: Arc<SourceConfig>,
    info: Arc<SourceInfo>,
    tls: ClientTls,
    phase: Phase,
    backoff: Backoff,
    /// The current server.
    turn: ServerRotation,
    /// The server of the last established connection.
    stood: Option<usize>,
    /// The ends of the connections since the last wait.
    ends: Vec<ClientEnd>,
    /// Addresses of the server that are not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// The last failed address and its error.
    last: Option<(String, ClientEnd)>,
    /// Whether a session with the source ever succeeded, and whether the server answered
    /// the request of this connection.
    proven: bool,
    answered: bool,
    connections: u32,
    log: ConnectionLog,
    /// The state that the monitor shows.
    shown: Option<SourceState>,
    /// Set when the task has to end: the task that replaces it, if any.
    after: Option<Option<Box<SourceTask>>>,
}

enum Phase {
    /// Waiting until this time.
    Due(Instant),
    /// Resolving the addresses of its server.
    Resolving(PendingAddresses),
    /// Waiting for the pipeline's resume point.
    Asking(PendingLink, SocketAddr),
    /// Connecting or connected.
    Connected(Connection),
    Over(Option<Failure>),
}

/// The shared context of the tasks.
pub(super) struct Context<'a> {
    pub(super) event_loop: &'a mut EventLoop<ClientConnection>,
    pub(super) pipeline: &'a Pipeline,
    pub(super) pool: &'a Pool,
    pub(super) resolver: &'a Resolver,
    pub(super) monitor: &'a Monitor,
    /// The request forms of the sources.
    pub(super) forms: &'a mut Forms,
    /// The number of bundles acknowledged before they are delivered.
    pub(super) ahead: u32,
    /// What happens when a source fails that has never worked.
    pub(super) retry: RetryPolicy,
    /// The file in which connections are recorded.
    pub(super) capture: Option<&'a Path>,
    /// Whether there are several sources.
    pub(super) several: bool,
}

/// The time limit for TCP and the TLS handshake together.
const HANDSHAKE: Duration = Duration::from_secs(30);

impl SourceTask {
    /// Creates the task of a source that connects at once.
    pub(super) fn new(source: Arc<SourceConfig>, now: Instant) -> Result<Self, Failure> {
        let tls = tls(&source)?;
        Ok(Self {
            info: Arc::new(SourceInfo {
                name: source.name.as_str().into(),
                transform: source.request.transform.clone(),
                columns: SourceColumns::new(|kind| source.request.columns(kind)),
                has_several_servers: source.servers.len() > 1,
            }),
            log: ConnectionLog::new(&source.name),
            turn: ServerRotation::new(source.servers.len()),
            stood: None,
            ends: Vec::new(),
            source,
            tls,
            phase: Phase::Due(now),
            backoff: Backoff::default(),
            addresses: VecDeque::new(),
            last: None,
            proven: false,
            answered: false,
            connections: 0,
            shown: None,
            after: None,
        })
    }

    /// Returns its connection, if there is one.
    pub(super) fn collector(&self) -> Option<&Collector> {
        match &self.phase {
            Phase::Connected(connection) => Some(&connection.collector),
            _ => None,
        }
    }

    /// Gives the due commands to its client.
    pub(super) fn command(&mut self, event_loop: &mut EventLoop<ClientConnection>, now: Instant) {
        if let Phase::Connected(connection) = &mut self.phase
            && let Some(client) = connection.id.and_then(|id| event_loop.get_mut(id))
        {
            connection.tell(&mut self.log, client, now);
            connection.collector.command(client, now);
        }
    }

    /// Processes the result of a turn of this client, if it belongs to this source.
    pub(super) fn after_turn(
        &mut self,
        id: EndpointId,
        client: &mut ClientConnection,
        now: Instant,
    ) {
        if let Phase::Connected(connection) = &mut self.phase
            && connection.id == Some(id)
        {
            connection.collector.after_turn(client, now);
            connection.tell(&mut self.log, client, now);
        }
    }

    /// Returns when the task is due if nothing happens before.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let due = match &self.phase {
            Phase::Due(due) => Some(*due),
            Phase::Connected(connection) => connection.due(),
            _ => None,
        };
        let tell = self.log.due().map(|wait| after(now, wait));
        due.into_iter().chain(tell).min()
    }

    /// Returns the result if the task has ended.
    pub(super) fn over(&self) -> Option<Option<&Failure>> {
        match &self.phase {
            Phase::Over(failure) => Some(failure.as_ref()),
            _ => None,
        }
    }

    /// Returns whether it has to end.
    pub(super) fn is_ending(&self) -> bool {
        self.after.is_some()
    }

    /// Takes the task that replaces it after its end.
    pub(super) fn successor(&mut self) -> Option<SourceTask> {
        self.after.take().flatten().map(|task| *task)
    }

    /// Ends the task; `successor` replaces it.
    pub(super) fn end(&mut self, reason: &'static str, successor: Option<SourceTask>) {
        self.after = Some(successor.map(Box::new));
        match &mut self.phase {
            Phase::Connected(connection) => connection.collector.stop(reason),
            Phase::Over(_) => {}
            _ => self.phase = Phase::Over(None),
        }
    }

    /// Runs every step that is possible now.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        loop {
            let now = context.event_loop.now();
            self.log.summarise();
            match &mut self.phase {
                Phase::Due(due) if *due <= now => {
                    self.ends.clear();
                    self.resolve(context);
                }
                Phase::Resolving(answer) => match answer.try_recv() {
                    Err(TryRecvError::Empty) => return Ok(()),
                    Err(TryRecvError::Disconnected) => {
                        let error = io::Error::other("the resolver's thread has ended");
                        return Err(Failure::system(error));
                    }
                    Ok(Ok(addresses)) => {
                        self.addresses = addresses.into();
                        self.last = None;
                        self.next(context);
                    }
                    Ok(Err(error)) => {
                        let cause = Some(EndCause::Unreachable);
                        context.monitor.ended(&self.source.name, cause);
                        let failure = Failure::failed(
                            format!("cannot find the address of {}: {error}", self.server()),
                            "Check the name and the resolver of this machine",
                        );
                        self.server_failed(ClientEnd::Connect(error), failure, context);
                    }
                },
                Phase::Asking(pending, address) => {
                    let address = *address;
                    match pending.link() {
                        None => return Ok(()),
                        Some(link) => self.connect(link, address, context)?,
                    }
                }
                Phase::Connected(Connection { collector, .. }) => {
                    let end = collector.take_end();
                    if collector.is_answered() && !std::mem::replace(&mut self.answered, true) {
                        context.forms.answered(&self.source, &self.server());
                    }
                    match end {
                        None => return Ok(()),
                        Some(end) => self.ended(end, context),
                    }
                }
                Phase::Due(_) | Phase::Over(_) => return Ok(()),
            }
        }
    }

    /// Returns the current server as the user wrote it.
    fn server(&self) -> String {
        let server = self.source.servers.get(self.turn.current());
        server.map(Address::to_string).unwrap_or_default()
    }

    /// Starts to resolve the current server.
    fn resolve(&mut self, context: &Context<'_>) {
        self.phase = match self.source.servers.get(self.turn.current()) {
            Some(server) => {
                self.log.connecting(&server.to_string());
                match context.resolver.resolve(server.clone()) {
                    Ok(pending) => Phase::Resolving(pending),
                    Err(failure) => {
                        // A limit on threads that is reached now may not be later.
                        let error = io::Error::from(io::ErrorKind::OutOfMemory);
                        return self.server_failed(ClientEnd::Connect(error), failure, context);
                    }
                }
            }
            None => Phase::Over(None),
        };
    }

    /// Connects to the next address, or gives up this server.
    fn next(&mut self, context: &mut Context<'_>) {
        let pending = self.addresses.pop_front().and_then(|address| {
            let pending = context.pipeline.connect(&self.info, self.source.from)?;
            Some(Phase::Asking(pending, address))
        });
        if let Some(phase) = pending {
            self.phase = phase;
            return;
        }
        let (server, end) = self.last.take().unwrap_or_else(|| {
            let nothing = io::Error::other("the name has no address");
            (self.server(), ClientEnd::Connect(nothing))
        });
        let failure = explain(&server, &end);
        self.server_failed(end, failure, context);
    }

    fn connect(
        &mut self,
        link: Link,
        address: SocketAddr,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let typed = self.server();
        let (form, heeds_silence) = context.forms.form(&self.source, &typed);
        let server = match address.to_string() == typed {
            true => typed,
            false => format!("{typed} ({address})"),
        };
        if self.connections == 0 {
            rules::warn(Some(&self.source.name), &self.source.rules, &server);
        }
        self.answered = false;
        let patience = u32::try_from(self.source.request_timeout.as_millis()).unwrap_or(u32::MAX);
        let quirks = form.apply(self.source.quirks);
        let request = self.source.request.message(link.from, quirks);
        let mut options = ClientOptions::new(address, request, context.pool.clone());
        options.bind = self.source.bind;
        options.session.ahead = context.ahead;
        options.session.record_length = self.source.record_length;
        options.session.expected = Some(self.source.request.expected());
        options.session.quirks = quirks;
        options.handshake_timeout = HANDSHAKE;
        // Outputs are faster with large batches.
        options.gather = true;
        options.capture = context.capture.is_some();
        self.connections += 1;
        let capture = match context.capture {
            None => None,
            Some(path) => Some(self.capture(path, context.several)?),
        };
        let patience = (heeds_silence && patience > 0).then_some(patience);
        let name = match self.source.servers.len() {
            0 | 1 => String::new(),
            _ => self.server(),
        };
        let mut collector = Collector::new(link, capture, name, patience);
        let id = match ClientConnection::new(&self.tls, options, context.event_loop.now()) {
            Ok(client) => Some(context.event_loop.add(client).map_err(Failure::system)?),
            Err(end) => {
                collector.failed(end);
                None
            }
        };
        self.phase = Phase::Connected(Connection {
            id,
            collector: Box::new(collector),
            server,
            address,
            is_told: false,
        });
        Ok(())
    }

    fn capture(&self, path: &Path, several: bool) -> Result<Capture, Failure> {
        let source = several.then_some(&*self.source.name);
        Capture::create(path, source, self.connections).map_err(|(path, error)| {
            Failure::failed(
                format!("cannot record in {}: {error}", path.display()),
                "Check the path and its permissions",
            )
        })
    }
}
