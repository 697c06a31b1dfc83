//! The simulator on a thread of its own, for tests.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_mio::event_loop::Handle;
use estreamer_mio::tls::{ClientRules, Identity};

use super::archive::{Archive, ArchiveOptions};
use super::chaos::Chaos;
use super::generator::GeneratorOptions;
use super::pki::Pki;
use super::request_length::RequestLength;
use super::served::{Register, Served};
use super::service::{Service, ServiceError, ServiceOptions};

/// A server on a thread of its own. It stops when this is dropped.
///
/// ```
/// use estreamer_simulate::Simulator;
/// use estreamer_simulate::pki::Pki;
/// let pki = Pki::generate()?;
/// let simulator = Simulator::builder(&pki)?.count(1000).bundle(10).spawn()?;
/// assert_eq!(simulator.archive().events().len(), 1000);
/// // … let a client collect from simulator.address() …
/// assert!(simulator.connections().is_empty());
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Simulator {
    address: SocketAddr,
    archive: Archive,
    register: Register,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// How a simulator is to be; by default it has an archive without events and
/// behaves as a Management Center does.
pub struct SimulatorBuilder {
    options: ServiceOptions,
}

impl Simulator {
    /// A simulator with the server certificate of this PKI.
    ///
    /// # Errors
    /// What is wrong with the identity.
    pub fn builder(pki: &Pki) -> Result<SimulatorBuilder, estreamer_mio::tls::IdentityError> {
        let (certificate, ca) = (pki.server(), pki.ca());
        let identity = Identity::from_pem(
            certificate.cert_pem().as_bytes(),
            certificate.key_pem().as_bytes(),
            ca.cert_pem().as_bytes(),
        )?;
        Ok(Self::with_identity(identity))
    }

    /// A simulator with this identity.
    pub fn with_identity(identity: Identity) -> SimulatorBuilder {
        let nothing = Archive::new(ArchiveOptions::generated(GeneratorOptions::default(), 0));
        SimulatorBuilder {
            options: ServiceOptions::new(identity, nothing),
        }
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves from.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Every connection so far, in the order they were accepted.
    pub fn connections(&self) -> Vec<Served> {
        self.register.all()
    }

    /// Waits until the connections are as wanted; false if they are not within a
    /// minute.
    #[must_use]
    pub fn wait(&self, wanted: impl Fn(&[Served]) -> bool) -> bool {
        self.register.wait(wanted, PATIENCE)
    }

    /// Stops it: every connection is closed without a word. The archive and what
    /// was served stay to be asked for.
    pub fn stop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop();
    }
}

impl SimulatorBuilder {
    /// Listens there; default: a free port on loopback.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.options.listen = address;
        self
    }

    /// Serves this archive.
    #[must_use]
    pub fn archive(mut self, archive: Archive) -> Self {
        self.options.archive = archive;
        self
    }

    /// Serves the generator's first `count` events.
    #[must_use]
    pub fn count(self, count: u64) -> Self {
        let options = ArchiveOptions::generated(GeneratorOptions::default(), count);
        self.archive(Archive::new(options))
    }

    /// Accepts clients by these rules.
    #[must_use]
    pub fn clients(mut self, rules: ClientRules) -> Self {
        self.options.clients = rules;
        self
    }

    /// Serves what is asked for in this transform as opaque bytes.
    #[must_use]
    pub fn opaque(mut self, transform: &str) -> Self {
        self.options.opaque = Some(transform.into());
        self
    }

    /// Sends each client so many events a second, at most.
    #[must_use]
    pub fn rate(mut self, per_second: u32) -> Self {
        self.options.rate = Some(per_second);
        self
    }

    /// Puts so many events in a bundle, at most.
    #[must_use]
    pub fn bundle(mut self, events: usize) -> Self {
        self.options.bundle = events;
        self
    }

    /// Sends so many bundles before the first of them is acknowledged.
    #[must_use]
    pub fn unacknowledged(mut self, bundles: u32) -> Self {
        self.options.unacknowledged = bundles;
        self
    }

    /// Sends a null message after so many milliseconds of silence; 0: never.
    #[must_use]
    pub fn keep_alive(mut self, milliseconds: u32) -> Self {
        self.options.keep_alive = milliseconds;
        self
    }

    /// Holds this reading of a request's length.
    #[must_use]
    pub fn request_length(mut self, length: RequestLength) -> Self {
        self.options.request_length = length;
        self
    }

    /// Shows these deviations and no others.
    #[must_use]
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.options.quirks = quirks;
        self
    }

    /// Shows a deviation, beside those already asked for.
    #[must_use]
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.options.quirks = self.options.quirks.with(quirk);
        self
    }

    /// Does something wrong, beside what was already asked for. A certificate
    /// cannot be changed here; see [`Pki::faulty_server`].
    #[must_use]
    pub fn chaos(mut self, chaos: impl Into<Chaos>) -> Self {
        self.options.chaos.push(chaos.into());
        self
    }

    /// Lets the chaos hit so many connections instead of the first one alone.
    #[must_use]
    pub fn chaos_connections(mut self, connections: u32) -> Self {
        self.options.chaos_connections = connections;
        self
    }

    /// Chooses the values of the chaos.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Tells of each connection that ends, in one line.
    #[must_use]
    pub fn log(mut self, log: fn(&str)) -> Self {
        self.options.log = Some(log);
        self
    }

    /// Starts the server; clients can connect when this returns.
    ///
    /// # Errors
    /// [`ServiceError`] says what to change.
    pub fn spawn(self) -> Result<Simulator, ServiceError> {
        let register = Register::default();
        let archive = self.options.archive.clone();
        let (sender, receiver) = mpsc::channel();
        let shared = register.clone();
        // The loop's endpoints stay on the thread that made them.
        let thread = thread::Builder::new()
            .name("simulator".into())
            .spawn(
                move || match Service::with_register(self.options, Some(shared)) {
                    Ok(service) => {
                        let _ = sender.send(Ok((service.address(), service.handle())));
                        // A loop that cannot poll any more ends; its clients see that.
                        let _ = service.run();
                    }
                    Err(error) => drop(sender.send(Err(error))),
                },
            )
            .map_err(ServiceError::System)?;
        let gone = |_| {
            let reason = "the simulator's thread is gone";
            ServiceError::System(std::io::Error::other(reason))
        };
        let (address, handle) = receiver.recv().map_err(gone)??;
        Ok(Simulator {
            address,
            archive,
            register,
            handle,
            thread: Some(thread),
        })
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
