//! The simulator on its own thread, for tests.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_mio::event_loop::Handle;
use estreamer_mio::server::SurplusNulls;
use estreamer_mio::tls::{ClientRules, Identity};

use super::archive::{Archive, ArchiveOptions};
use super::chaos::Chaos;
use super::generator::{EventKind, GeneratorOptions};
use super::pki::Pki;
use super::request_length::RequestLength;
use super::served::{Register, Served};
use super::service::{Service, ServiceError, ServiceOptions};

/// A server on its own thread. It stops on drop.
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

/// The settings of a simulator. By default the archive is empty and it behaves as a
/// Management Center.
pub struct SimulatorBuilder {
    options: ServiceOptions,
}

impl Simulator {
    /// Returns a builder with the server certificate of this PKI.
    ///
    /// # Errors
    /// The identity is not usable.
    pub fn builder(pki: &Pki) -> Result<SimulatorBuilder, estreamer_mio::tls::IdentityError> {
        let (certificate, ca) = (pki.server(), pki.ca());
        let identity = Identity::from_pem(
            certificate.cert_pem().as_bytes(),
            certificate.key_pem().as_bytes(),
            ca.cert_pem().as_bytes(),
        )?;
        Ok(Self::with_identity(identity))
    }

    /// Returns a builder with this identity.
    pub fn with_identity(identity: Identity) -> SimulatorBuilder {
        let nothing = Archive::new(ArchiveOptions::generated(GeneratorOptions::default(), 0));
        SimulatorBuilder {
            options: ServiceOptions::new(identity, nothing),
        }
    }

    /// Returns the address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the archive.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Returns every connection in the order of acceptance.
    pub fn connections(&self) -> Vec<Served> {
        self.register.all()
    }

    /// Waits until the connections satisfy a condition; returns false after a minute.
    #[must_use]
    pub fn wait(&self, wanted: impl Fn(&[Served]) -> bool) -> bool {
        self.register.wait(wanted, PATIENCE)
    }

    /// Stops the server: closes every connection without a message. Archive and recorded
    /// connections stay available.
    pub fn stop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // A panic is reported already.
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
    /// Sets the address to listen on; by default a free port on loopback.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.options.listen = address;
        self
    }

    /// Sets the archive.
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

    /// Sets the rules for clients.
    #[must_use]
    pub fn clients(mut self, rules: ClientRules) -> Self {
        self.options.clients = rules;
        self
    }

    /// Serves this transform as opaque bytes.
    #[must_use]
    pub fn opaque(mut self, transform: &str) -> Self {
        self.options.opaque = Some(transform.into());
        self
    }

    /// Sets the enabled event types; by default all. The others are never sent.
    #[must_use]
    pub fn enabled(mut self, kinds: &[EventKind]) -> Self {
        self.options.enabled = kinds.to_vec();
        self
    }

    /// Sets the maximum number of events a second for each client.
    #[must_use]
    pub fn rate(mut self, per_second: u32) -> Self {
        self.options.rate = Some(per_second);
        self
    }

    /// Sets the maximum number of events in a bundle.
    #[must_use]
    pub fn bundle(mut self, events: usize) -> Self {
        self.options.bundle = events;
        self
    }

    /// Sets the number of bundles to send before the first one is acknowledged.
    #[must_use]
    pub fn unacknowledged(mut self, bundles: u32) -> Self {
        self.options.unacknowledged = bundles;
        self
    }

    /// Sets what is done with null messages for which no bundle waits.
    #[must_use]
    pub fn surplus_nulls(mut self, deed: SurplusNulls) -> Self {
        self.options.surplus_nulls = deed;
        self
    }

    /// Sets how much later than it arrives what a client sends is handled.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.options.delay = delay;
        self
    }

    /// Sets the milliseconds of silence before a null message; 0: never.
    #[must_use]
    pub fn keep_alive(mut self, milliseconds: u32) -> Self {
        self.options.keep_alive = milliseconds;
        self
    }

    /// Sets how the length of a request is interpreted.
    #[must_use]
    pub fn request_length(mut self, length: RequestLength) -> Self {
        self.options.request_length = length;
        self
    }

    /// Sets the deviations from the guide.
    #[must_use]
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.options.quirks = quirks;
        self
    }

    /// Adds a deviation from the guide.
    #[must_use]
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.options.quirks = self.options.quirks.with(quirk);
        self
    }

    /// Adds a fault. A certificate cannot be changed here; see [`Pki::faulty_server`].
    #[must_use]
    pub fn chaos(mut self, chaos: impl Into<Chaos>) -> Self {
        self.options.chaos.push(chaos.into());
        self
    }

    /// Sets the number of connections with faults; by default the first one only.
    #[must_use]
    pub fn chaos_connections(mut self, connections: u32) -> Self {
        self.options.chaos_connections = connections;
        self
    }

    /// Sets the seed of the values of faults.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Sets a callback with one line for each connection that ends.
    #[must_use]
    pub fn log(mut self, log: fn(&str)) -> Self {
        self.options.log = Some(log);
        self
    }

    /// Starts the server. Clients can connect on return.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn spawn(self) -> Result<Simulator, ServiceError> {
        let register = Register::default();
        let archive = self.options.archive.clone();
        let (sender, receiver) = mpsc::channel();
        let shared = register.clone();
        // The endpoints of the loop stay on the thread that created them.
        let thread = thread::Builder::new()
            .name("simulator".into())
            .spawn(
                move || match Service::with_register(self.options, Some(shared)) {
                    Ok(service) => {
                        let _ = sender.send(Ok((service.address(), service.handle())));
                        // If polling fails, the loop ends and clients notice it.
                        let _ = service.run();
                    }
                    Err(error) => drop(sender.send(Err(error))),
                },
            )
            .map_err(ServiceError::System)?;
        let gone = |_| {
            let reason = "the simulator's thread has ended";
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
