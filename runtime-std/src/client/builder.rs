//! The settings of a client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::fqe::{EventKind, Request, RequestForm};
use estreamer_core::session::ClientConfig;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::{ClientConnection, ClientEnd, ClientEvent, ClientOptions};
use estreamer_mio::event_loop::{EndpointId, EventLoop};
use estreamer_mio::tls::{ClientTls, Identity, ServerRules};
use zeroize::Zeroizing;

use super::bookmark::ClientBookmark;
use super::form::FormInUse;
use super::{Client, ClientStatistics, Counters, Error, ErrorKind};
use crate::config::address::Address;
use crate::config::event_request::{EventFields, EventRequest};
use crate::delivery::bookmark::state_dir::StateDir;
use crate::delivery::dedup::server_number::server_number;
use crate::format::OwnedTransform;
use crate::input;

/// The settings of a client. Every setting except the identity has a default.
#[must_use]
pub struct Builder {
    server: String,
    /// Further servers, tried after the first.
    others: Vec<String>,
    identity: Option<Source>,
    rules: ServerRules,
    from: InitialTimestamp,
    events: Vec<EventFields>,
    csv: bool,
    json: Option<String>,
    state: Option<PathBuf>,
    name: Option<String>,
    overlap: u32,
    request_form: Option<RequestForm>,
    session: ClientConfig,
    memory: usize,
    connect_timeout: Duration,
}

/// The source of the identity.
enum Source {
    Pkcs12(PathBuf, Zeroizing<String>),
    Read(Box<Identity>),
}

/// The size of a receive arena in bytes.
const ARENA: usize = 256 << 10;
/// The minimum of memory: the largest record and two arenas.
const LEAST: usize = 20 << 20;

impl Builder {
    pub(super) fn new(server: &str) -> Self {
        Self {
            server: server.into(),
            others: Vec::new(),
            identity: None,
            rules: ServerRules::default(),
            from: InitialTimestamp::NOW,
            events: Vec::new(),
            csv: false,
            json: None,
            state: None,
            name: None,
            overlap: 5,
            request_form: None,
            session: ClientConfig::default(),
            memory: 32 << 20,
            connect_timeout: Duration::from_secs(30),
        }
    }

    /// Adds a server with the same events, as in a high-availability pair. It is tried
    /// if the servers before it cannot be reached. All servers share the bookmark: an
    /// event of one server is recognised when another one sends it, if the two stored it
    /// within [`overlap`](Self::overlap) seconds of each other.
    pub fn server(mut self, server: &str) -> Self {
        self.others.push(server.into());
        self
    }

    /// Sets the identity of this client: the PKCS#12 file downloaded from the Management
    /// Center. The password may be empty.
    pub fn pkcs12(mut self, file: impl AsRef<Path>, password: &str) -> Self {
        let password = Zeroizing::new(password.to_owned());
        self.identity = Some(Source::Pkcs12(file.as_ref().into(), password));
        self
    }

    /// Sets the identity of this client, for instance one read from PEM files.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(Source::Read(Box::new(identity)));
        self
    }

    /// Sets the rules for the server's certificate. By default its chain and its subject
    /// are verified.
    pub fn rules(mut self, rules: ServerRules) -> Self {
        self.rules = rules;
        self
    }

    /// Sets where to start in the server's archive; by default now. A bookmark takes
    /// precedence.
    pub fn from(mut self, from: InitialTimestamp) -> Self {
        self.from = from;
        self
    }

    /// Requests events of a kind with the fields of the guide. Without any such call,
    /// all four kinds are requested.
    pub fn event(self, kind: EventKind) -> Self {
        self.fields(kind, kind.default_fields())
    }

    /// Requests events of a kind with these fields and field sets.
    pub fn fields(mut self, kind: EventKind, fields: &[&str]) -> Self {
        self.events.push(EventFields::new(kind, fields));
        self
    }

    /// Requests events as CSV instead of JSON.
    pub fn csv(mut self) -> Self {
        self.csv = true;
        self
    }

    /// Requests the events that a JSON block selects, in the form of the guide's
    /// json_request.json, instead of single kinds.
    pub fn json(mut self, block: &str) -> Self {
        self.json = Some(block.into());
        self
    }

    /// Stores a bookmark in this directory, which is created if needed. Only one client
    /// may use it at a time.
    pub fn state(mut self, directory: impl AsRef<Path>) -> Self {
        self.state = Some(directory.as_ref().into());
        self
    }

    /// Sets the name of the bookmark; by default the first server as given.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how far before its end a restart requests again, in whole seconds, 5 s by
    /// default. This is how far the server's archive may be out of order.
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.overlap = u32::try_from(overlap.as_secs()).unwrap_or(u32::MAX);
        self
    }

    /// Sets the number of bundles that the server may send before the program
    /// acknowledges the first one, 16 by default. With 0, a null message follows each
    /// acknowledgement.
    pub fn ahead(mut self, bundles: u32) -> Self {
        self.session.ahead = bundles;
        self
    }

    /// Sets the form of the request. The default is the form that this server answered
    /// before, which is stored with the bookmark, or else [`RequestForm::Payload`]. See
    /// [`Client::request_form`].
    pub fn request_form(mut self, form: RequestForm) -> Self {
        self.request_form = Some(form);
        self
    }

    /// Sets what the server's record length counts. By default it is determined from
    /// each record.
    pub fn record_length(mut self, record_length: RecordLength) -> Self {
        self.session.record_length = record_length;
        self
    }

    /// Sets the bytes of memory for received data, 32 MiB by default and 20 MiB at
    /// least. When it is full, the client stops reading.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes.max(LEAST);
        self
    }

    /// Sets the time limit for TCP and the TLS handshake together, 30 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Connects and sends the request. Returns when the TLS handshake is complete.
    /// Whether the server accepts the client is known when it sends data.
    ///
    /// # Errors
    /// The [`Error`] has a remedy.
    pub fn connect(mut self) -> Result<Client, Error> {
        // Settings are checked before files are opened.
        let event_request = self.event_request()?;
        let tls = self.tls()?;
        self.session.expected = Some(event_request.expected());
        let servers = self.servers()?;
        let several = servers.len() > 1;
        let mut bookmark = self.bookmark()?;
        let from = match &mut bookmark {
            Some(bookmark) => bookmark.connect(self.from, several)?,
            None => self.from,
        };
        let mut event_loop = EventLoop::new().map_err(Error::system)?;
        let pool = Pool::new(ARENA, self.memory, event_loop.handle());
        let mut last = no_address(&self.server, "it has no address");
        for (server, address) in servers {
            let name = self.name.as_ref().unwrap_or(&self.server);
            let form = FormInUse::new(self.state.as_deref(), name, &address, self.request_form);
            let request = event_request.message(from, form.form().quirks());
            let addresses = match address.resolve() {
                Ok(addresses) => addresses,
                Err(error) => {
                    last = no_address(server, error);
                    continue;
                }
            };
            for address in addresses {
                let mut options = ClientOptions::new(address, request.clone(), pool.clone());
                options.session = self.session;
                options.handshake_timeout = self.connect_timeout;
                match establish(&tls, options, &mut event_loop)? {
                    Err(end) => last = Error::ended(server, &end),
                    Ok(connection) => {
                        if let Some(bookmark) = &mut bookmark {
                            let name = if several { server } else { "" };
                            let peer = event_loop.get(connection);
                            let peer = peer.and_then(|connection| connection.tls().peer());
                            bookmark.began(server_number(peer, name))?;
                        }
                        return Ok(Client {
                            server: server.clone(),
                            event_loop,
                            connection,
                            bookmark,
                            form,
                            batch: None,
                            units: 0,
                            handed_out: 0,
                            delivered: 0,
                            outstanding: false,
                            ahead: self.session.ahead.into(),
                            interrupted: Arc::default(),
                            counted: ClientStatistics::default(),
                            counters: Counters::default(),
                            end: None,
                            over: false,
                        });
                    }
                }
            }
        }
        Err(last)
    }

    fn tls(&self) -> Result<ClientTls, Error> {
        let refuse = |what: String| Error::new(ErrorKind::Identity, what, "");
        let identity = match &self.identity {
            Some(Source::Read(identity)) => identity,
            Some(Source::Pkcs12(file, password)) => {
                let bytes = input::read(file, input::IDENTITY).map_err(|error| {
                    let what = format!("cannot read {}: {error}", file.display());
                    let remedy = "Check the path and its permissions";
                    Error::new(ErrorKind::Identity, what, remedy)
                })?;
                &Identity::from_pkcs12(&bytes, Some(password))
                    .map_err(|error| refuse(format!("{}: {error}", file.display())))?
            }
            None => {
                let what = "no identity is configured";
                let remedy = "Set the PKCS#12 file of this client";
                return Err(Error::new(ErrorKind::Identity, what, remedy));
            }
        };
        ClientTls::new(identity, self.rules.clone()).map_err(|error| refuse(error.to_string()))
    }

    /// Returns the servers with their names.
    fn servers(&self) -> Result<Vec<(&String, Address)>, Error> {
        let all = std::iter::once(&self.server).chain(&self.others);
        let servers = all.map(|server| {
            let address = server.parse().map_err(|error: String| {
                Error::new(ErrorKind::Address, format!("{server:?}: {error}"), "")
            })?;
            Ok((server, address))
        });
        servers.collect()
    }

    fn bookmark(&self) -> Result<Option<ClientBookmark>, Error> {
        let Some(path) = &self.state else {
            return Ok(None);
        };
        let state = StateDir::open(path, false).map_err(Error::bookmark)?;
        let name = self.name.as_ref().unwrap_or(&self.server);
        ClientBookmark::open(state, name, self.overlap).map(Some)
    }

    /// Returns the request without its initial timestamp.
    fn event_request(&self) -> Result<EventRequest, Error> {
        let request = match &self.json {
            Some(json) => Request::from_json(self.from, json.as_bytes())
                .and_then(|request| request.check())
                .and_then(|()| EventRequest::block(json.clone().into_bytes())),
            None => {
                let transform = match self.csv {
                    true => OwnedTransform::Csv,
                    false => OwnedTransform::Json,
                };
                match self.events.is_empty() {
                    true => EventRequest::events(
                        &EventKind::ALL.map(EventFields::default_of),
                        transform,
                    ),
                    false => EventRequest::events(&self.events, transform),
                }
            }
        };
        request.map_err(|error| Error::new(ErrorKind::Request, error, ""))
    }
}

fn no_address(server: &str, error: impl std::fmt::Display) -> Error {
    let what = format!("cannot find the address of {server}: {error}");
    let remedy = "Check the name and the resolver of this machine";
    Error::new(ErrorKind::Address, what, remedy)
}

/// Waits until the TLS handshake is complete and the request sent.
fn establish(
    tls: &ClientTls,
    options: ClientOptions,
    event_loop: &mut EventLoop<ClientConnection>,
) -> Result<Result<EndpointId, ClientEnd>, Error> {
    let connection = match ClientConnection::new(tls, options, event_loop.now()) {
        Ok(connection) => connection,
        Err(end) => return Ok(Err(end)),
    };
    let id = event_loop.add(connection).map_err(Error::system)?;
    loop {
        event_loop.wait(None).map_err(Error::system)?;
        while let Some((_, connection)) = event_loop.next_turn() {
            while let Some(event) = connection.poll_event() {
                match event {
                    ClientEvent::Connected => return Ok(Ok(id)),
                    ClientEvent::Ended(end) => {
                        event_loop.remove(id);
                        return Ok(Err(end));
                    }
                    _ => {}
                }
            }
        }
    }
}
