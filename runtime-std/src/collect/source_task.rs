//! One source: resolve, query the bookmark, connect, collect, and repeat.

mod view;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::{End, Instant};
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::{ClientConnection, ClientEnd, ClientOptions};
use estreamer_mio::event_loop::{EndpointId, EventLoop};
use estreamer_mio::tls::ClientTls;

use super::Capture;
use super::backoff::Backoff;
use super::client_tls::tls;
use super::collector::Collector;
use super::forms::{Forms, Next};
use super::pause::Pause;
use super::resolver::{PendingAddresses, Resolver};
use super::rotation::ServerRotation;
use crate::config::SourceConfig;
use crate::config::address::Address;
use crate::config::rules;
use crate::delivery::pipeline::Pipeline;
use crate::delivery::pipeline::delivery::SourceInfo;
use crate::delivery::pipeline::link::{Link, PendingLink};
use crate::explain::{explain, unanswered};
use crate::failure::Failure;
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

/// A connection of a source.
struct Connection {
    /// Its token in the event loop; `None` if it could not be established.
    id: Option<EndpointId>,
    collector: Box<Collector>,
    server: String,
    address: SocketAddr,
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
    /// Whether a source that fails at its first attempt is retried.
    pub(super) patient: bool,
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
                has_several_servers: source.servers.len() > 1,
            }),
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
        if let Phase::Connected(Connection { id, collector, .. }) = &mut self.phase
            && let Some(client) = id.and_then(|id| event_loop.get_mut(id))
        {
            collector.command(client, now);
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
        }
    }

    /// Returns when the task is due if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Due(due) => Some(*due),
            Phase::Connected(connection) => connection.collector.due(),
            _ => None,
        }
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
                        let cause = Some(EndCause::Name);
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
            Some(server) => Phase::Resolving(context.resolver.resolve(server.clone())),
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
        rules::warn(&self.source.rules, &server);
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
        let mut collector = Collector::new(link, capture, name, self.news(&server), patience);
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
        });
        Ok(())
    }

    /// Returns the message for an established connection: with several servers, the name
    /// of the current one.
    fn news(&self, server: &str) -> Option<String> {
        let is_news = self.source.servers.len() > 1 && self.stood != Some(self.turn.current());
        is_news.then(|| format!("{}: connected to {server}", self.source.name))
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

    /// Processes the end of the connection.
    fn ended(&mut self, end: ClientEnd, context: &mut Context<'_>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Over(None));
        let Phase::Connected(connection) = phase else {
            return;
        };
        let Connection {
            id,
            collector,
            server,
            ..
        } = connection;
        if let Some(id) = id {
            context.event_loop.remove(id);
        }
        self.proven |= collector.is_answered();
        if collector.is_connected() {
            self.stood = Some(self.turn.current());
        }
        let cause = view::cause(&collector, &end);
        context.monitor.ended(&self.source.name, cause);
        // Done before records are counted, because records in flight may be new.
        let busy = collector.link.is_busy();
        let stood = collector.age(context.event_loop.now());
        let progress = self
            .backoff
            .connection_ended(stood, collector.new_records());
        match end {
            ClientEnd::Session(End::Closed, _) if collector.is_silent() => {
                self.silent(&server, context);
            }
            ClientEnd::Session(End::Closed, _) => {}
            // Another address of the server may answer.
            ClientEnd::Connect(_)
            | ClientEnd::ConnectTimeout(_)
            | ClientEnd::HandshakeTimeout(_) => {
                self.last = Some((server, end));
                self.next(context);
            }
            end if progress || busy => {
                let failure = explain(&server, &end);
                self.turn.works();
                self.ends = vec![end];
                self.failed(failure, context);
            }
            end if collector.is_answered() => {
                let failure = explain(&server, &end);
                self.server_failed(end, failure, context);
            }
            end => self.refused(&server, end, context),
        }
        if self.after.is_some() {
            self.phase = Phase::Over(None);
        }
    }

    /// Processes an end before the server answered.
    fn refused(&mut self, server: &str, end: ClientEnd, context: &mut Context<'_>) {
        let next = context.forms.refused(&self.source, &self.server(), &end);
        let failure = match next {
            Some(Next::Try(form)) => {
                let what = explain(server, &end);
                return self.try_form(what.what(), form, context);
            }
            Some(Next::Wait { tried_all: true }) => unanswered(server, &end),
            Some(Next::Wait { tried_all: false }) | None => explain(server, &end),
        };
        self.server_failed(end, failure, context);
    }

    /// Processes a server that did not answer the request.
    fn silent(&mut self, server: &str, context: &mut Context<'_>) {
        let seconds = self.source.request_timeout.as_secs();
        let what = format!("{server} sent nothing within {seconds} s of the request");
        match context.forms.silent(&self.source, &self.server()) {
            Next::Try(form) => self.try_form(&what, form, context),
            Next::Wait { .. } => {
                let end = ClientEnd::Session(End::PeerSilent, String::new());
                let remedy =
                    "Run the doctor: it shows which forms of the request the server answers";
                self.server_failed(end, Failure::failed(what, remedy), context);
            }
        }
    }

    fn try_form(&mut self, what: &str, form: RequestForm, context: &Context<'_>) {
        if context.pipeline.has_failed() || self.after.is_some() {
            return;
        }
        say!(
            "estreamer: {}{what}. It may expect another form of the request. Trying {form}.",
            self.prefix(context)
        );
        self.resolve(context);
    }

    /// Processes the failure of one server: the next one is tried at once.
    fn server_failed(&mut self, end: ClientEnd, failure: Failure, context: &Context<'_>) {
        self.ends.push(end);
        context.monitor.failed(&self.source.name, &failure);
        if !self.turn.next() || context.pipeline.has_failed() || self.after.is_some() {
            return self.failed(failure, context);
        }
        let name = &self.source.name;
        say!(
            "estreamer: {name}: {failure}. Trying {} now.",
            self.server()
        );
        self.resolve(context);
    }

    /// Processes the failure of all servers: waits, or ends the task.
    fn failed(&mut self, failure: Failure, context: &Context<'_>) {
        context.monitor.failed(&self.source.name, &failure);
        if context.pipeline.has_failed() {
            self.phase = Phase::Over(None);
        } else if self.proven || context.patient {
            let wait = self.backoff.after(&self.ends);
            say!(
                "estreamer: {}{failure}. Trying again in {}.",
                self.prefix(context),
                Pause(wait)
            );
            let now = context.event_loop.now();
            self.phase = Phase::Due(now.after(wait.as_millis() as u32));
        } else {
            self.phase = Phase::Over(Some(failure));
        }
    }

    /// Returns the prefix with the name of the source, if there are several.
    fn prefix(&self, context: &Context<'_>) -> String {
        match context.several {
            true => format!("{}: ", self.source.name),
            false => String::new(),
        }
    }
}
