//! One source: resolve, query the bookmark, connect, collect, and repeat.

mod ends;
mod view;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use estreamer_core::session::Instant;
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::{ClientConnection, ClientOptions};
use estreamer_mio::event_loop::{EndpointId, EventLoop, after};
use estreamer_mio::tls::ClientTls;

use super::Capture;
use super::client_tls::tls;
use super::collector::Collector;
use super::connection::Connection;
use super::connection_log::ConnectionLog;
use super::history::Histories;
use crate::config::rules;
use crate::config::{RetryPolicy, SourceConfig};
use crate::delivery::pipeline::Pipeline;
use crate::delivery::pipeline::delivery::SourceInfo;
use crate::delivery::pipeline::link::{Link, PendingLink};
use crate::failure::Failure;
use crate::format::csv::SourceColumns;
use crate::reconnect::{Attempts, Forms, PendingAddresses, Resolver, Target};
use crate::telemetry::SourceState;
use crate::telemetry::cause::EndCause;
use crate::telemetry::monitor::Monitor;

/// A running source.
pub(super) struct SourceTask {
    pub(super) source: Arc<SourceConfig>,
    info: Arc<SourceInfo>,
    tls: ClientTls,
    phase: Phase,
    /// What it connects to next.
    attempts: Attempts,
    /// Whether the server answered the request of this connection.
    answered: bool,
    /// Whether the rules were warned of.
    is_warned: bool,
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
    /// The number of null messages sent ahead of need.
    pub(super) prepaid: u32,
    /// What happens when a source fails that has never worked.
    pub(super) retry: RetryPolicy,
    /// What happened to the sources before a reload.
    pub(super) histories: &'a mut Histories,
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
            attempts: Attempts::new(Target {
                name: source.name.clone(),
                servers: source.servers.clone(),
                form: source.request_form,
                request_timeout: source.request_timeout,
            }),
            source,
            tls,
            phase: Phase::Due(now),
            answered: false,
            is_warned: false,
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

    /// Returns the client of its connection, if there is one.
    pub(super) fn client(&self) -> Option<EndpointId> {
        match &self.phase {
            Phase::Connected(connection) => connection.id,
            _ => None,
        }
    }

    /// Processes the result of a turn of its client.
    pub(super) fn after_turn(&mut self, client: &mut ClientConnection, now: Instant) {
        if let Phase::Connected(connection) = &mut self.phase {
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
                    self.attempts.begin_round();
                    self.resolve(context);
                }
                Phase::Resolving(answer) => match answer.try_recv() {
                    Err(TryRecvError::Empty) => return Ok(()),
                    Err(TryRecvError::Disconnected) => {
                        let error = io::Error::other("the resolver's thread has ended");
                        return Err(Failure::system(error));
                    }
                    Ok(Ok(addresses)) => {
                        let after = self.attempts.resolved(addresses);
                        self.go_on(after, context);
                    }
                    Ok(Err(error)) => {
                        let cause = Some(EndCause::Unreachable);
                        context.monitor.ended(&self.source.name, cause);
                        let after = self.attempts.unresolved(error);
                        self.go_on(after, context);
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
                        self.attempts.answered(context.forms);
                        context.histories.of(&self.source.name).has_worked = true;
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

    /// Starts to resolve the current server.
    fn resolve(&mut self, context: &mut Context<'_>) {
        let Some(server) = self.attempts.address() else {
            self.phase = Phase::Over(None);
            return;
        };
        self.log.connecting(&server.to_string());
        match context.resolver.resolve(server.clone()) {
            Ok(pending) => self.phase = Phase::Resolving(pending),
            Err(failure) => {
                let after = self.attempts.not_asked(failure);
                self.go_on(after, context);
            }
        }
    }

    fn connect(
        &mut self,
        link: Link,
        address: SocketAddr,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let (form, watch) = self.attempts.form(context.forms);
        let server = self.attempts.server_at(address);
        if !std::mem::replace(&mut self.is_warned, true) {
            rules::warn(Some(&self.source.name), &self.source.rules, &server);
        }
        self.answered = false;
        let quirks = form.apply(self.source.quirks);
        let request = self.source.request.message(link.from, quirks);
        let mut options = ClientOptions::new(address, request, context.pool.clone());
        options.bind = self.source.bind;
        options.session.ahead = context.ahead;
        options.session.prepaid = self.attempts.prepaid(context.prepaid);
        options.session.record_length = self.source.record_length;
        options.session.expected = Some(self.source.request.expected());
        options.session.quirks = quirks;
        options.handshake_timeout = HANDSHAKE;
        // Outputs are faster with large batches.
        options.gather = true;
        options.capture = context.capture.is_some();
        let capture = match context.capture {
            None => None,
            Some(path) => Some(self.capture(path, context.several, context.histories)?),
        };
        let name = self.attempts.distinction();
        let mut collector = Collector::new(link, capture, name, watch);
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

    fn capture(
        &self,
        path: &Path,
        several: bool,
        histories: &mut Histories,
    ) -> Result<Capture, Failure> {
        let source = several.then_some(&*self.source.name);
        let history = histories.of(&self.source.name);
        history.recorded += 1;
        Capture::create(path, source, history.recorded).map_err(|(path, error)| {
            Failure::failed(
                format!("cannot record in {}: {error}", path.display()),
                "Check the path and its permissions",
            )
        })
    }
}
