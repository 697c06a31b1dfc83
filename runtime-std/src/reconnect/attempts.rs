//! What follows from the end of a connection: another address or another form of the
//! request, another server, or a wait.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::{End, Instant};
use estreamer_mio::client::ClientEnd;

use super::backoff::Backoff;
use super::forms::{FormTarget, Forms, Next};
use super::rotation::ServerRotation;
use super::watch::{ConnectionWatch, Health};
use crate::config::address::Address;
use crate::explain::{explain, unanswered};
use crate::failure::Failure;
use crate::telemetry::cause::EndCause;
use crate::trouble::Words;

/// What a source connects to.
#[derive(Debug)]
pub(crate) struct Target {
    /// The name of the source, also of its bookmark.
    pub(crate) name: String,
    /// The servers, tried in turn.
    pub(crate) servers: Vec<Address>,
    /// The form of the request if a user fixed it.
    pub(crate) form: Option<RequestForm>,
    /// How long the server may be silent after the request before the next form is tried;
    /// zero is no limit.
    pub(crate) request_timeout: Duration,
}

/// The attempts of one source.
#[derive(Debug)]
pub(crate) struct Attempts {
    target: Target,
    backoff: Backoff,
    /// The current server.
    rotation: ServerRotation,
    /// The ends of the connections since the last wait.
    ends: Vec<Arc<ClientEnd>>,
    /// Addresses of the server that are not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// The last failed address and its error.
    last: Option<(String, ClientEnd)>,
    is_proven: bool,
    /// Whether a server ended a connection because of prepaid null messages.
    is_objected: bool,
}

/// A connection that has ended.
pub(crate) struct EndedConnection<'a> {
    pub(crate) end: ClientEnd,
    /// The server with its address.
    pub(crate) server: String,
    pub(crate) watch: &'a ConnectionWatch,
    /// Whether the server answered the request.
    pub(crate) is_answered: bool,
    /// New records of the source so far, over all its connections.
    pub(crate) records: u64,
    /// Whether records in flight may be new.
    pub(crate) is_busy: bool,
    pub(crate) now: Instant,
}

/// What follows.
#[derive(Debug)]
pub(crate) enum AfterEnd {
    /// Nothing: this side closed the connection.
    Nothing,
    /// Another address of the same server, at once.
    Address(SocketAddr),
    /// The same server at once, with another form of the request.
    Form(Failed, RequestForm),
    /// Another server, at once.
    Server(Failed),
    /// All servers failed: the first one again after this wait.
    Wait(Failed, Duration),
}

/// A failed attempt or connection.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    pub(crate) end: Arc<ClientEnd>,
    pub(crate) fault: Fault,
}

/// What is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection or the server.
    Connection,
    /// The name of the server.
    Address,
    /// The request: the server refuses each of its forms with an error message.
    Request,
}

impl Failed {
    fn new(end: ClientEnd, failure: Failure) -> Self {
        Self {
            failure,
            end: Arc::new(end),
            fault: Fault::Connection,
        }
    }

    fn at(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    /// Returns the cause in one word.
    pub(crate) fn cause(&self) -> &'static str {
        EndCause::of(&self.end).map_or("", EndCause::name)
    }
}

/// A server that closes later than this after the handshake does not refuse the client.
const STOOD_IDLE: Duration = Duration::from_secs(3);
/// A server that ends the connection so soon after null messages that were sent ahead of
/// need objects to them.
const OBJECTS_WITHIN: Duration = Duration::from_secs(10);

impl EndedConnection<'_> {
    /// Returns the cause of the end; `None` for an end that this side wanted.
    pub(crate) fn cause(&self) -> Option<EndCause> {
        match &self.end {
            _ if self.watch.health() != Health::Works => Some(EndCause::Silent),
            ClientEnd::Session(End::BeforeFirstByte, _) if self.stood() >= STOOD_IDLE => {
                Some(EndCause::Closed)
            }
            end => EndCause::of(end),
        }
    }

    fn stood(&self) -> Duration {
        self.watch.age(self.now)
    }

    /// Returns whether the server probably objects to null messages ahead of need.
    pub(crate) fn objects_to_prepaid(&self) -> bool {
        let by_server = match &self.end {
            ClientEnd::Socket(_) => true,
            ClientEnd::Session(end, _) => {
                matches!(end, End::PeerError { .. } | End::Idle | End::MidMessage)
            }
            _ => false,
        };
        let since = self.watch.since_prepaid(self.now);
        by_server && since.is_some_and(|since| since <= OBJECTS_WITHIN)
    }
}

impl Attempts {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            rotation: ServerRotation::new(target.servers.len()),
            target,
            backoff: Backoff::default(),
            ends: Vec::new(),
            addresses: VecDeque::new(),
            last: None,
            is_proven: false,
            is_objected: false,
        }
    }

    /// Starts a round after a wait.
    pub(crate) fn begin_round(&mut self) {
        self.ends.clear();
    }

    /// Returns the current server.
    pub(crate) fn address(&self) -> Option<&Address> {
        self.target.servers.get(self.rotation.current())
    }

    /// Returns the current server as the user wrote it.
    pub(crate) fn server(&self) -> String {
        self.address().map(Address::to_string).unwrap_or_default()
    }

    /// Returns the current server with the address that is connected.
    pub(crate) fn server_at(&self, address: SocketAddr) -> String {
        let typed = self.server();
        match address.to_string() == typed {
            true => typed,
            false => format!("{typed} ({address})"),
        }
    }

    /// Returns what distinguishes the current server from others of the source; empty if
    /// there is only one.
    pub(crate) fn distinction(&self) -> String {
        match self.has_several_servers() {
            true => self.server(),
            false => String::new(),
        }
    }

    /// Returns whether there is more than one server.
    pub(crate) fn has_several_servers(&self) -> bool {
        self.target.servers.len() > 1
    }

    /// Returns the form of the next request, and the watch of its connection.
    pub(crate) fn form(&self, forms: &mut Forms) -> (RequestForm, ConnectionWatch) {
        let (form, heeds_silence) = forms.form(self.form_target(&self.server()));
        let timeout = self.target.request_timeout.as_millis();
        let patience = u32::try_from(timeout).unwrap_or(u32::MAX);
        let patience = (heeds_silence && patience > 0).then_some(patience);
        (form, ConnectionWatch::new(patience))
    }

    /// Returns how many null messages the next connection sends ahead of need: as many as
    /// wanted, unless a server objected.
    pub(crate) fn prepaid(&self, wanted: u32) -> u32 {
        match self.is_objected {
            true => 0,
            false => wanted,
        }
    }

    /// Returns whether a session ever succeeded.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Records that the server answered the request.
    pub(crate) fn answered(&self, forms: &mut Forms) {
        forms.answered(self.form_target(&self.server()));
    }

    /// Stores the form that the server answered, also if a user fixed it.
    pub(crate) fn store(&self, forms: &mut Forms, form: RequestForm) {
        forms.store(self.form_target(&self.server()), form);
    }

    /// Returns the wait after an attempt that failed on this side.
    pub(crate) fn pause(&mut self) -> Duration {
        self.backoff.after(std::iter::empty())
    }

    /// Processes the addresses of the current server.
    pub(crate) fn resolved(&mut self, addresses: Vec<SocketAddr>) -> AfterEnd {
        self.addresses = addresses.into();
        self.last = None;
        self.next_address()
    }

    /// Processes a server whose addresses the system does not find.
    pub(crate) fn unresolved(&mut self, error: io::Error) -> AfterEnd {
        let failure = Failure::failed(
            format!("cannot find the address of {}: {error}", self.server()),
            "Check the name and the resolver of this machine",
        );
        let failed = Failed::new(ClientEnd::Connect(error), failure);
        self.server_failed(failed.at(Fault::Address))
    }

    /// Processes a resolver that could not be started.
    pub(crate) fn not_asked(&mut self, failure: Failure) -> AfterEnd {
        // A limit on threads that is reached now may not be later.
        let error = io::Error::from(io::ErrorKind::OutOfMemory);
        self.server_failed(Failed::new(ClientEnd::Connect(error), failure))
    }

    /// Processes the end of a connection.
    pub(crate) fn ended(&mut self, ended: EndedConnection<'_>, forms: &mut Forms) -> AfterEnd {
        self.is_proven |= ended.is_answered;
        self.is_objected |= ended.objects_to_prepaid();
        let stood = ended.stood();
        let progress = self.backoff.connection_ended(stood, ended.records);
        let EndedConnection {
            end,
            server,
            watch,
            is_answered,
            is_busy,
            ..
        } = ended;
        match (end, watch.health()) {
            (ClientEnd::Session(End::Closed, _), Health::Silent) => self.silent(&server, forms),
            (ClientEnd::Session(End::Closed, _), Health::Gone { silence, usual }) => {
                let what = format!(
                    "{server} has sent nothing for {}; before, it sent a null message at least \
                     every {}",
                    Words(silence),
                    Words(usual)
                );
                let remedy = "Check whether the server runs, and the firewalls on the path";
                let end = ClientEnd::Session(End::PeerSilent, String::new());
                self.server_failed(Failed::new(end, Failure::failed(what, remedy)))
            }
            (ClientEnd::Session(End::Closed, _), Health::Works) => AfterEnd::Nothing,
            // Another address of the server may answer.
            (
                end @ (ClientEnd::Connect(_)
                | ClientEnd::ConnectTimeout(_)
                | ClientEnd::HandshakeTimeout(_)),
                _,
            ) => {
                self.last = Some((server, end));
                self.next_address()
            }
            (end, _) if progress || is_busy => {
                self.rotation.works();
                self.ends.clear();
                let failure = explain(&server, &end);
                self.wait(Failed::new(end, failure))
            }
            (end, _) if is_answered => {
                let failure = explain(&server, &end);
                self.server_failed(Failed::new(end, failure))
            }
            (ClientEnd::Session(End::BeforeFirstByte, text), _) if stood >= STOOD_IDLE => {
                self.closed_idle(&server, stood, text, forms)
            }
            (end, _) => self.refused(&server, end, forms),
        }
    }

    /// Returns the next address, or gives up this server.
    fn next_address(&mut self) -> AfterEnd {
        if let Some(address) = self.addresses.pop_front() {
            return AfterEnd::Address(address);
        }
        let (server, end) = self.last.take().unwrap_or_else(|| {
            let nothing = io::Error::other("the name has no address");
            (self.server(), ClientEnd::Connect(nothing))
        });
        let failure = explain(&server, &end);
        self.server_failed(Failed::new(end, failure))
    }

    /// Processes an end before the server answered.
    fn refused(&mut self, server: &str, end: ClientEnd, forms: &mut Forms) -> AfterEnd {
        let next = forms.refused(self.form_target(&self.server()), &end);
        let is_error = matches!(&end, ClientEnd::Session(End::PeerError { .. }, _));
        let explained = explain(server, &end);
        match next {
            Some(Next::Try(form)) => AfterEnd::Form(Failed::new(end, explained), form),
            Some(Next::Wait { tried_all: false }) => {
                self.server_failed(Failed::new(end, explained))
            }
            _ => {
                let failure = match next {
                    Some(_) => unanswered(server, &end),
                    None => explained,
                };
                let failed = Failed::new(end, failure);
                self.server_failed(match is_error {
                    true => failed.at(Fault::Request),
                    false => failed,
                })
            }
        }
    }

    /// Processes a server that did not answer the request.
    fn silent(&mut self, server: &str, forms: &mut Forms) -> AfterEnd {
        let seconds = self.target.request_timeout.as_secs();
        let what = format!("{server} sent nothing within {seconds} s of the request");
        let end = ClientEnd::Session(End::PeerSilent, String::new());
        match forms.silent(self.form_target(&self.server())) {
            Next::Try(form) => AfterEnd::Form(Failed::new(end, Failure::failed(what, "")), form),
            Next::Wait { .. } => {
                let remedy =
                    "Run the doctor: it shows which forms of the request the server answers";
                self.server_failed(Failed::new(end, Failure::failed(what, remedy)))
            }
        }
    }

    /// Processes a server that closed a connection on which it had sent nothing for some
    /// seconds. A server that refuses this client closes at once; this one has nothing to
    /// send, or waits for the rest of a request that it reads differently.
    fn closed_idle(
        &mut self,
        server: &str,
        stood: Duration,
        text: String,
        forms: &mut Forms,
    ) -> AfterEnd {
        self.is_proven = true;
        let what = format!(
            "{server} closed the connection after {} without having sent anything",
            Words(stood)
        );
        let typed = self.server();
        let (_, heeds_silence) = forms.form(self.form_target(&typed));
        let end = ClientEnd::Session(End::Idle, text);
        let failed = Failed::new(end, Failure::failed(what, ""));
        if heeds_silence && let Next::Try(form) = forms.silent(self.form_target(&typed)) {
            return AfterEnd::Form(failed, form);
        }
        self.server_failed(failed)
    }

    /// Processes the failure of one server: the next one is tried at once.
    fn server_failed(&mut self, failed: Failed) -> AfterEnd {
        if !self.rotation.next() {
            return self.wait(failed);
        }
        self.ends.push(failed.end.clone());
        AfterEnd::Server(failed)
    }

    /// Processes the failure of all servers.
    fn wait(&mut self, failed: Failed) -> AfterEnd {
        self.ends.push(failed.end.clone());
        let wait = self.backoff.after(self.ends.iter().map(Arc::as_ref));
        AfterEnd::Wait(failed, wait)
    }

    fn form_target<'a>(&'a self, server: &'a str) -> FormTarget<'a> {
        FormTarget {
            source: &self.target.name,
            server,
            fixed: self.target.form,
        }
    }
}
