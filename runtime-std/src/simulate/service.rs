//! The simulator as a server on the event loop.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use estreamer_core::session::ServerConfig;
use estreamer_mio::event_loop::{EventLoop, Handle};
use estreamer_mio::server::{Listener, ServerOptions};
use estreamer_mio::tls::{ClientRules, Identity, ServerTls, TlsError};

use super::archive::Archive;
use super::feed::ConnectionFeed;

/// What to serve, and how.
pub struct ServiceOptions {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The server's certificate and key, and the CA its clients are verified by.
    pub identity: Identity,
    /// Who may connect, beside the chain to that CA.
    pub clients: ClientRules,
    /// The events that are served.
    pub archive: Archive,
    /// Events a second for each client; `None`: as fast as it takes them.
    pub rate: Option<u32>,
    /// Events in a bundle, at most.
    pub bundle: usize,
    /// Bundles sent before the first of them is acknowledged; at least 1.
    pub unacknowledged: u32,
    /// Milliseconds of silence after which a null message goes out; 0: never.
    pub keep_alive: u32,
    /// Told once for each connection that ends, in one line.
    pub log: Option<fn(&str)>,
}

/// A server ready to run.
pub struct Service {
    event_loop: EventLoop,
    address: SocketAddr,
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
        let tls = ServerTls::new(&options.identity).map_err(ServiceError::Tls)?;
        let mut event_loop = EventLoop::new().map_err(ServiceError::System)?;
        let server = ServerOptions {
            tls,
            clients: options.clients,
            session: ServerConfig {
                unacknowledged: options.unacknowledged,
                keep_alive: options.keep_alive,
                ..ServerConfig::default()
            },
            bundle: options.bundle,
            handshake_timeout: 30_000,
        };
        let archive = options.archive;
        let (rate, log) = (options.rate, options.log);
        let listener = Listener::bind(options.listen, server, move |peer| {
            Box::new(ConnectionFeed::new(archive.clone(), rate, peer, log))
        })
        .map_err(|error| ServiceError::Listen(options.listen, error))?;
        let address = listener
            .local_addr()
            .map_err(|error| ServiceError::Listen(options.listen, error))?;
        event_loop
            .add(Box::new(listener))
            .map_err(ServiceError::System)?;
        Ok(Self {
            event_loop,
            address,
        })
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops the service from another thread.
    pub fn handle(&self) -> Handle {
        self.event_loop.handle()
    }

    /// Serves until stopped.
    ///
    /// # Errors
    /// The system's, when it cannot poll any more.
    pub fn run(mut self) -> io::Result<()> {
        self.event_loop.run()
    }
}

/// A service on a thread of its own. It stops when this is dropped.
pub struct Running {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a service on a thread of its own.
    ///
    /// # Errors
    /// As [`Service::new`].
    pub fn start(options: ServiceOptions) -> Result<Self, ServiceError> {
        let (sender, receiver) = mpsc::channel();
        // The loop's endpoints stay on the thread that made them.
        let thread = thread::Builder::new()
            .name("simulator".into())
            .spawn(move || match Service::new(options) {
                Ok(service) => {
                    let _ = sender.send(Ok((service.address(), service.handle())));
                    // A loop that cannot poll any more ends; its clients see that.
                    let _ = service.run();
                }
                Err(error) => drop(sender.send(Err(error))),
            })
            .map_err(ServiceError::System)?;
        let gone = |_| ServiceError::System(io::Error::other("the simulator's thread is gone"));
        let (address, handle) = receiver.recv().map_err(gone)??;
        Ok(Self {
            address,
            handle,
            thread: Some(thread),
        })
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
