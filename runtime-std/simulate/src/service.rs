//! The simulator as a server on the event loop.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::quirk::Quirks;
use estreamer_core::session::ServerConfig;
use estreamer_mio::event_loop::Handle;
use estreamer_mio::server::{ServerLoop, ServerOptions, SurplusNulls};
use estreamer_mio::tls::{ClientRules, Identity, ServerTls, TlsError};

use super::archive::Archive;
use super::chaos::{Chaos, ChaosKind};
use super::feed::{Common, ConnectionFeed};
use super::generator::EventKind;
use super::request_length::RequestLength;
use super::served::Register;
use super::tamper::Tamper;

/// The settings of a service.
pub struct ServiceOptions {
    /// The address to listen on; port 0 selects a free port. Default: port 0 on loopback.
    pub listen: SocketAddr,
    /// The certificate and key of the server, and the CA that verifies clients.
    pub identity: Identity,
    /// The rules for clients besides the chain to that CA.
    pub clients: ClientRules,
    /// The events to serve.
    pub archive: Archive,
    /// The maximum number of events a second for each client; `None`: no limit.
    pub rate: Option<u32>,
    /// The maximum number of events in a bundle. Default 100.
    pub bundle: usize,
    /// Bundles to send before the first one is acknowledged. Default 1.
    pub unacknowledged: u32,
    /// What is done with null messages for which no bundle waits. Default: ignore.
    pub surplus_nulls: SurplusNulls,
    /// How much later than it arrives what a client sends is handled. Default: at once.
    pub delay: Duration,
    /// Milliseconds of silence before a null message; 0: never. Default 30 s.
    pub keep_alive: u32,
    /// A transform to serve besides JSON and CSV: the bytes of JSON, each XORed with
    /// [`OPAQUE`](super::opaque::OPAQUE), so that they are not text.
    pub opaque: Option<String>,
    /// The enabled event types. Others are never sent, as by a Management Center on which
    /// they are not enabled. Default: all.
    pub enabled: Vec<EventKind>,
    /// How the length of a request is interpreted. Default: any.
    pub request_length: RequestLength,
    /// Deviations from the guide, on all connections.
    pub quirks: Quirks,
    /// Faults.
    pub chaos: Vec<Chaos>,
    /// The number of connections with faults. Default 1.
    pub chaos_connections: u32,
    /// The seed of the values of faults. Default 1.
    pub seed: u64,
    /// Called with one line for each connection that ends.
    pub log: Option<fn(&str)>,
}

impl ServiceOptions {
    /// Returns settings that behave as a Management Center with this archive.
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
            surplus_nulls: SurplusNulls::Ignore,
            delay: Duration::ZERO,
            keep_alive: session.keep_alive,
            opaque: None,
            enabled: EventKind::ALL.to_vec(),
            request_length: RequestLength::Any,
            quirks: Quirks::NONE,
            chaos: Vec::new(),
            chaos_connections: 1,
            seed: 1,
            log: None,
        }
    }
}

/// A server that is ready to run.
pub struct Service {
    server: ServerLoop<ConnectionFeed>,
    common: Arc<Common>,
    register: Option<Register>,
    quirks: Quirks,
    chaos: Vec<Chaos>,
    /// The number of connections that get faults.
    to_hit: u32,
    seed: u64,
}

/// Why a server cannot start.
#[derive(Debug)]
pub enum ServiceError {
    /// Listening on the address failed.
    Listen(SocketAddr, io::Error),
    /// The identity is not sufficient for a server.
    Tls(TlsError),
    /// The system provides no poll instance.
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
    /// Starts listening. Connections are accepted when it runs.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn new(options: ServiceOptions) -> Result<Self, ServiceError> {
        Self::with_register(options, None)
    }

    /// As [`new`](Self::new), and records connections in the register.
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
        server.surplus_nulls = options.surplus_nulls;
        server.delay = options.delay;
        server.bundle = options.bundle;
        server.nagle = has(ChaosKind::Nagle);
        let server = ServerLoop::bind(options.listen, server)
            .map_err(|error| ServiceError::Listen(options.listen, error))?;
        let common = Arc::new(Common {
            archive: options.archive,
            rate: options.rate,
            opaque: options.opaque,
            enabled: options.enabled,
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

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Returns a handle that stops the service from another thread.
    pub fn handle(&self) -> Handle {
        self.server.handle()
    }

    /// Serves until stopped.
    ///
    /// # Errors
    /// Those of the system if polling fails.
    pub fn run(self) -> io::Result<()> {
        let mut number = 0;
        self.server.run(|peer| {
            // Without a register, the record of a connection is dropped with it.
            let entry = self.register.clone().unwrap_or_default().add(peer);
            let is_hit = number < self.to_hit;
            let chaos: &[Chaos] = if is_hit { &self.chaos } else { &[] };
            // Each connection is hit at another place.
            let seed = self.seed.wrapping_add(number.into());
            number = number.saturating_add(1);
            let tamper = Tamper::new(self.quirks, chaos, seed);
            ConnectionFeed::new(self.common.clone(), entry, tamper)
        })
    }
}
