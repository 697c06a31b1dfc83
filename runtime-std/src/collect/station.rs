//! One source: resolve, ask, connect, collect, and again.

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
use estreamer_mio::client::{Client, ClientEnd, ClientOptions};
use estreamer_mio::event_loop::{EndpointId, EventLoop};
use estreamer_mio::tls::ClientTls;

use super::Capture;
use super::backoff::Backoff;
use super::collector::Collector;
use super::forms::{Forms, Next};
use super::resolver::{Answer, Resolver};
use super::turn::Turn;
use crate::config::SourceConfig;
use crate::config::address::Address;
use crate::config::rules;
use crate::delivery::pipeline::Pipeline;
use crate::delivery::pipeline::delivery::SourceInfo;
use crate::delivery::pipeline::link::{Link, PendingLink};
use crate::explain::{explain, identity_remedy, unanswered};
use crate::failure::Failure;

/// A source at work.
pub(super) struct Station {
    pub(super) source: Arc<SourceConfig>,
    info: Arc<SourceInfo>,
    tls: ClientTls,
    phase: Phase,
    backoff: Backoff,
    /// The server that is tried.
    turn: Turn,
    /// The server that a connection stood with last.
    stood: Option<usize>,
    /// How those ended that were tried since the last wait.
    ends: Vec<ClientEnd>,
    /// Addresses of the server that are still to be tried.
    addresses: VecDeque<SocketAddr>,
    /// The last of them that failed, and how.
    last: Option<(String, ClientEnd)>,
    /// Whether it ever spoke the protocol with us, and whether it answered the
    /// request of this connection.
    proven: bool,
    answered: bool,
    connections: u32,
    /// Set when it is to end: what comes in its place, if anything does.
    after: Option<Option<Box<Station>>>,
}

enum Phase {
    /// To be tried at this time.
    Due(Instant),
    /// The addresses of its server are looked up.
    Resolving(Answer),
    /// The pipeline is asked where to go on from.
    Asking(PendingLink, SocketAddr),
    /// A connection is made or established.
    Connected(Connection),
    Over(Option<Failure>),
}

/// A connection of a source.
struct Connection {
    /// Its place in the event loop; `None` if it could not be made.
    id: Option<EndpointId>,
    collector: Box<Collector>,
    server: String,
}

/// What a station works with.
pub(super) struct Means<'a> {
    pub(super) event_loop: &'a mut EventLoop<Client>,
    pub(super) pipeline: &'a Pipeline,
    pub(super) pool: &'a Pool,
    pub(super) resolver: &'a Resolver,
    /// The forms of their requests.
    pub(super) forms: &'a mut Forms,
    /// Bundles acknowledged ahead.
    pub(super) ahead: u32,
    /// Whether a source that fails at its first try is tried again.
    pub(super) patient: bool,
    /// Where connections are recorded.
    pub(super) capture: Option<&'a Path>,
    /// Whether there are several sources.
    pub(super) several: bool,
}

/// Time until TCP is connected and the TLS handshake complete.
const HANDSHAKE: Duration = Duration::from_secs(30);

impl Station {
    /// A source that is due at once.
    pub(super) fn new(source: Arc<SourceConfig>, now: Instant) -> Result<Self, Failure> {
        let tls = tls(&source)?;
        Ok(Self {
            info: Arc::new(SourceInfo {
                name: source.name.as_str().into(),
                transform: source.request.transform.clone(),
                has_several_servers: source.servers.len() > 1,
            }),
            turn: Turn::new(source.servers.len()),
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
            after: None,
        })
    }

    /// Its connection, if there is one.
    pub(super) fn collector(&self) -> Option<&Collector> {
        match &self.phase {
            Phase::Connected(connection) => Some(&connection.collector),
            _ => None,
        }
    }

    /// Gives its client the commands that are due.
    pub(super) fn command(&mut self, event_loop: &mut EventLoop<Client>, now: Instant) {
        if let Phase::Connected(Connection { id, collector, .. }) = &mut self.phase
            && let Some(client) = id.and_then(|id| event_loop.get_mut(id))
        {
            collector.command(client, now);
        }
    }

    /// Takes what happened in a turn of this client, if it is this source's.
    pub(super) fn after_turn(&mut self, id: EndpointId, client: &mut Client, now: Instant) {
        if let Phase::Connected(connection) = &mut self.phase
            && connection.id == Some(id)
        {
            connection.collector.after_turn(client, now);
        }
    }

    /// When it has to be looked at again although nothing happens.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Due(due) => Some(*due),
            Phase::Connected(connection) => connection.collector.due(),
            _ => None,
        }
    }

    /// Whether it has ended; with the failure that ended it.
    pub(super) fn over(&self) -> Option<Option<&Failure>> {
        match &self.phase {
            Phase::Over(failure) => Some(failure.as_ref()),
            _ => None,
        }
    }

    /// Whether it was asked to end.
    pub(super) fn is_ending(&self) -> bool {
        self.after.is_some()
    }

    /// What is to come in its place once it is over.
    pub(super) fn successor(&mut self) -> Option<Station> {
        self.after.take().flatten().map(|station| *station)
    }

    /// Ends it; `successor` takes its place.
    pub(super) fn end(&mut self, reason: &'static str, successor: Option<Station>) {
        self.after = Some(successor.map(Box::new));
        match &mut self.phase {
            Phase::Connected(connection) => connection.collector.stop(reason),
            Phase::Over(_) => {}
            _ => self.phase = Phase::Over(None),
        }
    }

    /// Does what can be done now.
    pub(super) fn advance(&mut self, means: &mut Means<'_>) -> Result<(), Failure> {
        loop {
            let now = means.event_loop.now();
            match &mut self.phase {
                Phase::Due(due) if *due <= now => {
                    self.ends.clear();
                    self.resolve(means);
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
                        self.next(means);
                    }
                    Ok(Err(error)) => {
                        let failure = Failure::failed(
                            format!("cannot find the address of {}: {error}", self.server()),
                            "Check the name, and the resolver of this machine",
                        );
                        self.server_failed(ClientEnd::Connect(error), failure, means);
                    }
                },
                Phase::Asking(pending, address) => {
                    let address = *address;
                    match pending.link() {
                        None => return Ok(()),
                        Some(link) => self.connect(link, address, means)?,
                    }
                }
                Phase::Connected(Connection { collector, .. }) => {
                    let end = collector.take_end();
                    if collector.is_answered() && !std::mem::replace(&mut self.answered, true) {
                        means.forms.answered(&self.source, &self.server());
                    }
                    match end {
                        None => return Ok(()),
                        Some(end) => self.ended(end, means),
                    }
                }
                Phase::Due(_) | Phase::Over(_) => return Ok(()),
            }
        }
    }

    /// The server that is tried, as it is typed.
    fn server(&self) -> String {
        let server = self.source.servers.get(self.turn.current());
        server.map(Address::to_string).unwrap_or_default()
    }

    /// Asks for the addresses of the server whose turn it is.
    fn resolve(&mut self, means: &Means<'_>) {
        self.phase = match self.source.servers.get(self.turn.current()) {
            Some(server) => Phase::Resolving(means.resolver.ask(server.clone())),
            None => Phase::Over(None),
        };
    }

    /// Tries the next address, or gives up on this server.
    fn next(&mut self, means: &mut Means<'_>) {
        let pending = self.addresses.pop_front().and_then(|address| {
            let pending = means.pipeline.connect(&self.info, self.source.from)?;
            Some(Phase::Asking(pending, address))
        });
        if let Some(phase) = pending {
            self.phase = phase;
            return;
        }
        let (server, end) = self.last.take().unwrap_or_else(|| {
            let nothing = io::Error::other("the name stands for no address");
            (self.server(), ClientEnd::Connect(nothing))
        });
        let failure = explain(&server, &end);
        self.server_failed(end, failure, means);
    }

    fn connect(
        &mut self,
        link: Link,
        address: SocketAddr,
        means: &mut Means<'_>,
    ) -> Result<(), Failure> {
        let typed = self.server();
        let (form, heeds_silence) = means.forms.form(&self.source, &typed);
        let server = match address.to_string() == typed {
            true => typed,
            false => format!("{typed} ({address})"),
        };
        rules::warn(&self.source.rules, &server);
        self.answered = false;
        let patience = u32::try_from(self.source.request_timeout.as_millis()).unwrap_or(u32::MAX);
        let quirks = form.apply(self.source.quirks);
        let request = self.source.request.message(link.from, quirks);
        let mut options = ClientOptions::new(address, request, means.pool.clone());
        options.bind = self.source.bind;
        options.session.ahead = means.ahead;
        options.session.record_length = self.source.record_length;
        options.session.expected = Some(self.source.request.expected());
        options.session.quirks = quirks;
        options.handshake_timeout = HANDSHAKE;
        // Outputs are faster with large batches.
        options.gather = true;
        options.capture = means.capture.is_some();
        self.connections += 1;
        let capture = match means.capture {
            None => None,
            Some(path) => Some(self.capture(path, means.several)?),
        };
        let patience = (heeds_silence && patience > 0).then_some(patience);
        let name = match self.source.servers.len() {
            0 | 1 => String::new(),
            _ => self.server(),
        };
        let mut collector = Collector::new(link, capture, name, self.news(&server), patience);
        let id = match Client::new(&self.tls, options, means.event_loop.now()) {
            Ok(client) => Some(means.event_loop.add(client).map_err(Failure::system)?),
            Err(end) => {
                collector.failed(end);
                None
            }
        };
        self.phase = Phase::Connected(Connection {
            id,
            collector: Box::new(collector),
            server,
        });
        Ok(())
    }

    /// What is told when the connection stands: where there are several servers,
    /// which of them it is now.
    fn news(&self, server: &str) -> Option<String> {
        let is_news = self.source.servers.len() > 1 && self.stood != Some(self.turn.current());
        is_news.then(|| format!("{}: connected to {server}", self.source.name))
    }

    fn capture(&self, path: &Path, several: bool) -> Result<Capture, Failure> {
        let source = several.then_some(&*self.source.name);
        Capture::create(path, source, self.connections).map_err(|(path, error)| {
            Failure::failed(
                format!("cannot record in {}: {error}", path.display()),
                "Check path and permissions",
            )
        })
    }

    /// The connection is over.
    fn ended(&mut self, end: ClientEnd, means: &mut Means<'_>) {
        let phase = std::mem::replace(&mut self.phase, Phase::Over(None));
        let Phase::Connected(connection) = phase else {
            return;
        };
        let Connection {
            id,
            collector,
            server,
        } = connection;
        if let Some(id) = id {
            means.event_loop.remove(id);
        }
        self.proven |= collector.is_answered();
        if collector.is_connected() {
            self.stood = Some(self.turn.current());
        }
        // Before records are counted: those that are on their way may be new.
        let busy = collector.link.is_busy();
        let stood = collector.age(means.event_loop.now());
        let progress = self
            .backoff
            .connection_ended(stood, collector.new_records());
        match end {
            ClientEnd::Session(End::Closed, _) if collector.is_silent() => {
                self.silent(&server, means);
            }
            ClientEnd::Session(End::Closed, _) => {}
            // Another of its addresses may answer.
            ClientEnd::Connect(_)
            | ClientEnd::ConnectTimeout(_)
            | ClientEnd::HandshakeTimeout(_) => {
                self.last = Some((server, end));
                self.next(means);
            }
            end if progress || busy => {
                let failure = explain(&server, &end);
                self.turn.works();
                self.ends = vec![end];
                self.failed(failure, means);
            }
            end if collector.is_answered() => {
                let failure = explain(&server, &end);
                self.server_failed(end, failure, means);
            }
            end => self.refused(&server, end, means),
        }
        if self.after.is_some() {
            self.phase = Phase::Over(None);
        }
    }

    /// The connection ended before the server answered.
    fn refused(&mut self, server: &str, end: ClientEnd, means: &mut Means<'_>) {
        let next = means.forms.refused(&self.source, &self.server(), &end);
        let failure = match next {
            Some(Next::Try(form)) => {
                let what = explain(server, &end);
                return self.try_form(what.what(), form, means);
            }
            Some(Next::Wait { tried_all: true }) => unanswered(server, &end),
            Some(Next::Wait { tried_all: false }) | None => explain(server, &end),
        };
        self.server_failed(end, failure, means);
    }

    /// The server took the request and has said nothing since.
    fn silent(&mut self, server: &str, means: &mut Means<'_>) {
        let seconds = self.source.request_timeout.as_secs();
        let what = format!("{server} sent nothing within {seconds} s of the request");
        match means.forms.silent(&self.source, &self.server()) {
            Next::Try(form) => self.try_form(&what, form, means),
            Next::Wait { .. } => {
                let end = ClientEnd::Session(End::PeerSilent, String::new());
                let remedy =
                    "Run the doctor, which names the forms of the request that are answered";
                self.server_failed(end, Failure::failed(what, remedy), means);
            }
        }
    }

    fn try_form(&mut self, what: &str, form: RequestForm, means: &Means<'_>) {
        if means.pipeline.has_failed() || self.after.is_some() {
            return;
        }
        say!(
            "estreamer: {}{what}. It may want the request in another form. Trying {form}.",
            self.prefix(means)
        );
        self.resolve(means);
    }

    /// A server brought nothing: it is the next one's turn, at once.
    fn server_failed(&mut self, end: ClientEnd, failure: Failure, means: &Means<'_>) {
        self.ends.push(end);
        if !self.turn.next() || means.pipeline.has_failed() || self.after.is_some() {
            return self.failed(failure, means);
        }
        let name = &self.source.name;
        say!(
            "estreamer: {name}: {failure}. Trying {} now.",
            self.server()
        );
        self.resolve(means);
    }

    /// It did not work this time.
    fn failed(&mut self, failure: Failure, means: &Means<'_>) {
        if means.pipeline.has_failed() {
            self.phase = Phase::Over(None);
        } else if self.proven || means.patient {
            let wait = self.backoff.after(&self.ends);
            say!(
                "estreamer: {}{failure}. Trying again in {}.",
                self.prefix(means),
                Words(wait)
            );
            let now = means.event_loop.now();
            self.phase = Phase::Due(now.after(wait.as_millis() as u32));
        } else {
            self.phase = Phase::Over(Some(failure));
        }
    }

    /// Names the source where there are several.
    fn prefix(&self, means: &Means<'_>) -> String {
        match means.several {
            true => format!("{}: ", self.source.name),
            false => String::new(),
        }
    }
}

/// How a source's connections are secured.
pub(super) fn tls(source: &SourceConfig) -> Result<ClientTls, Failure> {
    ClientTls::new(&source.identity, source.rules.clone()).map_err(|error| {
        let remedy = identity_remedy(&error);
        Failure::failed(format!("{}: {error}", source.name), remedy)
    })
}

/// A wait, with as many digits as matter.
struct Words(Duration);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            seconds => write!(f, "{seconds} s"),
        }
    }
}
