//! The settings of a client.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::fqe::{EventKind, Request, RequestForm};
use estreamer_core::quirk::Quirks;
use estreamer_core::session::ClientConfig;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::tls::{Identity, ServerRules};
use zeroize::Zeroizing;

use super::bookmark::ClientBookmark;
use super::connector::{Connector, Observer};
use super::identity::{self, IdentitySource};
use super::settings::ConnectionSettings;
use super::{Client, ConnectionChange, Error, ErrorKind};
use crate::config::address::Address;
use crate::config::event_request::{EventFields, EventRequest};
use crate::config::number;
use crate::delivery::bookmark::state_dir::StateDir;
use crate::form_hints::FormHints;
use crate::format::OwnedTransform;
use crate::reconnect::Target;

/// The settings of a client. Every setting except the identity has a default.
///
/// ```
/// use std::time::Duration;
///
/// use estreamer::client::tls::ServerRules;
/// use estreamer::client::{Client, EventKind, InitialTimestamp, Quirk, Quirks, RecordLength};
///
/// # let directory = tempfile::tempdir()?;
/// # let pki = estreamer_simulate::pki::Pki::generate()?;
/// # pki.write_to(directory.path())?;
/// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
/// # let address = server.address().to_string();
/// # let file = directory.path().join("client.p12");
/// # let state = directory.path().join("state");
/// let client = Client::builder(&address) // fmc.example.net
///     .server("127.0.0.1:9") // fmc2.example.net
///     .pkcs12(file, "estreamer") // the password of the file
///     .rules(ServerRules::default())
///     .from(InitialTimestamp::OLDEST)
///     .event(EventKind::Intrusion)
///     .fields(EventKind::File, &["FileName", "SHA_Disposition"])
///     .state(state) // a directory for the bookmark
///     .name("fmc")
///     .overlap(Duration::from_secs(10))
///     .ahead(4)
///     .bind("127.0.0.1".parse()?)
///     .quirks(Quirks::NONE.with(Quirk::ErrorNul))
///     .record_length(RecordLength::Auto)
///     .memory(64 << 20)
///     .connect_timeout(Duration::from_secs(10))
///     .connect()?;
/// assert!(client.is_connected());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Builder {
    server: String,
    /// Further servers, tried after the first.
    others: Vec<String>,
    identity: Option<IdentitySource>,
    rules: ServerRules,
    from: InitialTimestamp,
    events: Vec<EventFields>,
    csv: bool,
    json: Option<String>,
    state: Option<PathBuf>,
    name: Option<String>,
    overlap: u32,
    request_form: Option<RequestForm>,
    request_timeout: Duration,
    session: ClientConfig,
    quirks: Quirks,
    bind: Option<IpAddr>,
    memory: usize,
    connect_timeout: Duration,
    is_reconnecting: bool,
    observer: Option<Observer>,
}

/// The minimum of memory: the largest record and two arenas.
const LEAST: usize = 20 << 20;

/// Without the identity and its password.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("server", &self.server)
            .field("state", &self.state)
            .field("is_reconnecting", &self.is_reconnecting)
            .finish_non_exhaustive()
    }
}

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
            request_timeout: Duration::from_secs(number::REQUEST_TIMEOUT.default.into()),
            session: ClientConfig::default(),
            quirks: Quirks::NONE,
            bind: None,
            memory: 32 << 20,
            connect_timeout: Duration::from_secs(30),
            is_reconnecting: false,
            observer: None,
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
        self.identity = Some(IdentitySource::Pkcs12(file.as_ref().into(), password));
        self
    }

    /// Sets the identity of this client, which may be in memory: PKCS#12, or certificate
    /// chain, key and CA as PEM.
    ///
    /// ```
    /// use estreamer::client::Client;
    /// use estreamer::client::tls::Identity;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// let bytes = std::fs::read(file)?;
    /// let identity = Identity::from_pkcs12(&bytes, Some("estreamer"))?;
    /// Client::builder(&address).identity(identity).connect()?;
    ///
    /// # let read = |name: &str| std::fs::read(directory.path().join(name));
    /// let (chain, key, ca) = (read("client.pem")?, read("client.key")?, read("ca.pem")?);
    /// let identity = Identity::from_pem(&chain, &key, &ca)?;
    /// Client::builder(&address).identity(identity).connect()?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn identity(mut self, identity: impl Into<Arc<Identity>>) -> Self {
        self.identity = Some(IdentitySource::Read(identity.into()));
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

    /// Requests events as CSV instead of JSON. Each event type needs its fields by name.
    ///
    /// ```
    /// # use estreamer::client::{Client, EventKind, InitialTimestamp};
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// # let builder = Client::builder(&address).pkcs12(file, "estreamer");
    /// let mut client = builder
    ///     .from(InitialTimestamp::OLDEST)
    ///     .fields(EventKind::Connection, &["InitiatorIP", "ResponderIP"])
    ///     .csv()
    ///     .connect()?;
    /// # client.close("no event may be a connection event")?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn csv(mut self) -> Self {
        self.csv = true;
        self
    }

    /// Requests the events that a JSON block selects, in the form of the guide's
    /// json_request.json, instead of single kinds.
    ///
    /// ```
    /// # use estreamer::client::{Client, ErrorKind};
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// # let builder = || Client::builder(&address).pkcs12(&file, "estreamer");
    /// let block = r#"{"Events": {"FileEvent": {"Fields": ["FileName"]}},
    ///     "OutputFormat": {"Transform": "Text", "TransformConfig": "JSON"}}"#;
    /// builder().json(block).connect()?;
    /// let error = builder().json("{}").connect().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Request);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
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

    /// Sets the number of null messages that are sent ahead of need after the first
    /// acknowledgement, none by default. A server far away that counts them sends so many
    /// more bundles without waiting. If the server ends the connection within ten seconds,
    /// a [reconnecting](Self::reconnecting) client sends none on later connections.
    pub fn prepaid(mut self, nulls: u32) -> Self {
        self.session.prepaid = nulls;
        self
    }

    /// Sets the form of the request. The default is the form that this server answered
    /// before, which is stored with the bookmark, or else [`RequestForm::Payload`]. See
    /// [`Client::request_form`].
    pub fn request_form(mut self, form: RequestForm) -> Self {
        self.request_form = Some(form);
        self
    }

    /// Sets how long the server may be silent after the request before a
    /// [reconnecting](Self::reconnecting) client tries the next form of the request, 60 s
    /// by default; zero is no limit.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets deviations from the guide that this server needs, of [`Quirk::CLIENT`]. Those
    /// that concern the form of the request have no effect: see
    /// [`request_form`](Self::request_form).
    ///
    /// [`Quirk::CLIENT`]: super::Quirk::CLIENT
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// Sets the local address to connect from; by default the system chooses.
    pub fn bind(mut self, address: IpAddr) -> Self {
        self.bind = Some(address);
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

    /// Makes a client that connects again by itself, with the waits of the collector: it
    /// waits 0.1 s to 30 s after the end of a connection, 1 s to 60 s if the server cannot
    /// be reached, and 30 s to 300 s if one side refuses the other. Each wait is twice the
    /// one before until there is progress, and a part of it is random. Without a
    /// [form](Self::request_form) it tries the forms of the request one after the other
    /// until the server answers.
    ///
    /// An event that was handed out is not handed out again after a reconnect, whether it
    /// is acknowledged or not. Without [`state`](Self::state) the client knows this in
    /// memory, from its start on.
    ///
    /// The client ends only with an error that another attempt cannot repair: the request
    /// or the identity is wrong, or the bookmark cannot be used any more.
    /// [`on_change`](Self::on_change) tells of all others.
    pub fn reconnecting(mut self) -> Self {
        self.is_reconnecting = true;
        self
    }

    /// Calls a function at each [`ConnectionChange`], for example to log it. It is called
    /// during calls of the client, in the same thread.
    ///
    /// ```
    /// use estreamer::client::{Client, InitialTimestamp};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// # let state = directory.path().join("state");
    /// let client = Client::builder(&address)
    ///     .pkcs12(file, "estreamer")
    ///     .from(InitialTimestamp::OLDEST)
    ///     .state(state)
    ///     .reconnecting()
    ///     .on_change(|change| eprintln!("{change}"))
    ///     .connect()?;
    /// for event in client {
    ///     println!("{}", String::from_utf8_lossy(&event?.data));
    ///     # break;
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_change(mut self, observer: impl FnMut(&ConnectionChange) + Send + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Connects and sends the request. Returns when the TLS handshake is complete.
    /// Whether the server accepts the client is known when it sends data.
    ///
    /// A [reconnecting](Self::reconnecting) client is returned at once, as by
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// The [`Error`] has a remedy.
    pub fn connect(self) -> Result<Client, Error> {
        let is_reconnecting = self.is_reconnecting;
        let mut client = self.start()?;
        if !is_reconnecting {
            client.establish()?;
        }
        Ok(client)
    }

    /// Checks the settings, opens the bookmark, and returns the client without waiting for
    /// the server: calls of the client connect it. An error of the connection is returned
    /// by them.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), for settings and files.
    pub fn start(mut self) -> Result<Client, Error> {
        // Settings are checked before files are opened.
        let request = self.event_request()?;
        let tls = identity::tls(self.identity.as_ref(), self.rules.clone())?;
        self.session.expected = Some(request.expected());
        let target = Target {
            name: self.name.as_ref().unwrap_or(&self.server).clone(),
            servers: self.servers()?,
            form: self.request_form,
            request_timeout: self.request_timeout,
        };
        let bookmark = self.bookmark()?;
        let hints = self.state.as_deref().map(FormHints::open);
        let settings = ConnectionSettings {
            tls,
            request,
            from: self.from,
            session: self.session,
            quirks: self.quirks,
            bind: self.bind,
            connect_timeout: self.connect_timeout,
            memory: self.memory,
            form: self.request_form,
            is_reconnecting: self.is_reconnecting,
        };
        let hints = hints.unwrap_or_default();
        let connector = Connector::new(settings, target, hints, self.observer)?;
        let ahead = self.session.ahead;
        Ok(Client::new(self.server, connector, bookmark, ahead))
    }

    fn servers(&self) -> Result<Vec<Address>, Error> {
        let all = std::iter::once(&self.server).chain(&self.others);
        let servers = all.map(|server| {
            server.parse().map_err(|error: String| {
                Error::new(ErrorKind::Address, format!("{server:?}: {error}"), "")
            })
        });
        servers.collect()
    }

    /// A reconnecting client knows in memory what it has handed out.
    fn bookmark(&self) -> Result<Option<ClientBookmark>, Error> {
        let name = self.name.as_ref().unwrap_or(&self.server);
        match &self.state {
            Some(path) => {
                let state = StateDir::open(path, false).map_err(Error::bookmark)?;
                ClientBookmark::open(state, name, self.overlap, self.from).map(Some)
            }
            None if self.is_reconnecting => Ok(Some(ClientBookmark::in_memory(name, self.overlap))),
            None => Ok(None),
        }
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
