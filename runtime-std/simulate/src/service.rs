//! The simulator as a server on the event loop.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use estreamer_core::quirk::Quirks;
use estreamer_core::session::ServerConfig;
use estreamer_mio::event_loop::Handle;
use estreamer_mio::server::{Server, ServerOptions};
use estreamer_mio::tls::{ClientRules, Identity, ServerTls, TlsError};

use super::archive::Archive;
use super::chaos::{Chaos, ChaosKind};
use super::feed::{Common, ConnectionFeed};
use super::request_length::RequestLength;
use super::served::Register;
use super::tamper::Tamper;

/// What to serve, and how.
pub struct ServiceOptions {
    /// Where to listen; port 0 lets the system choose. Default: that, on loopback.
    pub listen: SocketAddr,
    /// The server's certificate and key, and the CA its clients are verified by.
    pub identity: Identity,
    /// Who may connect, beside the chain to that CA.
    pub clients: ClientRules,
    /// The events that are served.
    pub archive: Archive,
    /// Events a second for each client; `None`: as fast as it takes them.
    pub rate: Option<u32>,
    /// Events in a bundle, at most. Default 100.
    pub bundle: usize,
    /// Bundles sent before the first of them is acknowledged. Default 1.
    pub unacknowledged: u32,
    /// Milliseconds of silence after which a null message goes out; 0: never.
    /// Default 30 s.
    pub keep_alive: u32,
    /// A transform that is served besides JSON and CSV: the bytes of JSON, each
    /// XORed with [`OPAQUE`](super::opaque::OPAQUE), so that they are no text.
    pub opaque: Option<String>,
    /// The reading of a request's length it holds. Default: any.
    pub request_length: RequestLength,
    /// Deviations to show, on all connections.
    pub quirks: Quirks,
    /// What to do wrong.
    pub chaos: Vec<Chaos>,
    /// Connections the chaos hits; the later ones are served well. Default 1.
    pub chaos_connections: u32,
    /// Chooses the values of the chaos. Default 1.
    pub seed: u64,
    /// Told once for each connection that ends, in one line.
    pub log: Option<fn(&str)>,
}

impl ServiceOptions {
    /// A server that serves this archive as a Management Center does.
    pub fn new(identity: Identity, archive: Archive) -> Self {
        let session = ServerConfig::default();
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            identity,
            clients: ClientRules::default(),
            archive,
            rate: None,
            bundle: 100,
            unacknowledged: session.unacknowledged,
            keep_alive: session.keep_alive,
            opaque: None,
            request_length: RequestLength::Any,
            quirks: Quirks::NONE,
            chaos: Vec::new(),
            chaos_connections: 1,
            seed: 1,
            log: None,
        }
    }
}

/// A server ready to run.
pub struct Service {
    server: Server<ConnectionFeed>,
    common: Arc<Common>,
    register: Option<Register>,
    quirks: Quirks,
    chaos: Vec<Chaos>,
    /// Connections that the chaos still hits.
    to_hit: u32,
    seed: u64,
}

/// Why a server cannot start.
#[derive(Debug)]
pub enum ServiceError {
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The identity does not suffice for a server.
    Tls(TlsError),
    /// The system gives no poll instance.
    System(io::Error),
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(
                f,
                "cannot listen on {address}: {error}; choose another address or port"
            ),
            Self::Tls(error) => error.fmt(f),
            Self::System(error) => write!(f, "the operating system refuses a resource: {error}"),
        }
    }
}

impl std::error::Error for ServiceError {}

impl Service {
    /// Listens; connections are accepted once it runs.
    ///
    /// # Errors
    /// [`ServiceError`] says what to change.
    pub fn new(options: ServiceOptions) -> Result<Self, ServiceError> {
        Self::with_register(options, None)
    }

    /// The same, and what is served is found in the register.
    pub(super) fn with_register(
        options: ServiceOptions,
        register: Option<Register>,
    ) -> Result<Self, ServiceError> {
        let tls = ServerTls::new(&options.identity).map_err(ServiceError::Tls)?;
        let has = |kind| options.chaos.iter().any(|chaos| chaos.kind == kind);
        let mut server = ServerOptions::new(tls);
        server.clients = options.clients;
        server.session.unacknowledged = match has(ChaosKind::NoLimit) {
            true => u32::MAX,
            false => options.unacknowledged,
        };
        server.session.keep_alive = options.keep_alive;
        server.session.quirks = options.quirks;
        // Clients send nothing larger than a request.
        server.session.limits.message = server.session.limits.request;
        if options.request_length == RequestLength::Payload {
            server.session.grace = u32::MAX;
        }
        server.literal_requests = options.request_length.is_literal();
        server.bundle = options.bundle;
        server.nagle = has(ChaosKind::Nagle);
        let server = Server::bind(options.listen, server)
            .map_err(|error| ServiceError::Listen(options.listen, error))?;
        let common = Arc::new(Common {
            archive: options.archive,
            rate: options.rate,
            opaque: options.opaque,
            request_length: options.request_length,
            quirks: options.quirks,
            log: options.log,
        });
        Ok(Self {
            server,
            common,
            register,
            quirks: options.quirks,
            to_hit: options.chaos_connections,
            chaos: options.chaos,
            seed: options.seed,
        })
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Stops the service from another thread.
    pub fn handle(&self) -> Handle {
        self.server.handle()
    }

    /// Serves until stopped.
    ///
    /// # Errors
    /// The system's, when it cannot poll any more.
    pub fn run(self) -> io::Result<()> {
        let mut to_hit = self.to_hit;
        self.server.run(|peer| {
            // Without a register, what was served is forgotten with the connection.
            let entry = self.register.clone().unwrap_or_default().add(peer);
            let chaos: &[Chaos] = if to_hit > 0 { &self.chaos } else { &[] };
            to_hit = to_hit.saturating_sub(1);
            let tamper = Tamper::new(self.quirks, chaos, self.seed);
            ConnectionFeed::new(self.common.clone(), entry, tamper)
        })
    }
}
