//! A simulated server, and the events that the Rust client receives from it.

use std::path::PathBuf;

use estreamer::client::Client;
use estreamer_core::wire::InitialTimestamp;
use estreamer_simulate::Simulator;
use estreamer_simulate::pki::{DEFAULT_PASSWORD, Pki};

/// The password of the client's PKCS#12 file.
pub(crate) const PASSWORD: &str = DEFAULT_PASSWORD;

/// A server with events, and the files for a client.
pub(crate) struct Server {
    directory: tempfile::TempDir,
    pki: Pki,
    simulator: Simulator,
}

impl Server {
    /// Serves the generator's first `count` events.
    pub(crate) fn new(count: u64) -> Self {
        Self::in_bundles(count, 100)
    }

    /// The same, in bundles of so many events.
    pub(crate) fn in_bundles(count: u64, events: usize) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let pki = Pki::generate().expect("certificates");
        pki.write_to(&directory.path().join("pki"))
            .expect("a writable directory");
        let builder = Simulator::builder(&pki).expect("an identity");
        let simulator = builder
            .count(count)
            .bundle(events)
            .spawn()
            .expect("a loopback port");
        Self {
            directory,
            pki,
            simulator,
        }
    }

    /// Stops the server, and starts another one with the same events at the same address.
    pub(crate) fn restart(&mut self) {
        let (address, archive) = (self.simulator.address(), self.simulator.archive().clone());
        self.simulator.stop();
        let builder = Simulator::builder(&self.pki).expect("an identity");
        let builder = builder.listen(address).archive(archive);
        self.simulator = builder.spawn().expect("the same port");
    }

    /// HOST:PORT.
    pub(crate) fn address(&self) -> String {
        self.simulator.address().to_string()
    }

    /// The port; the host is 127.0.0.1.
    pub(crate) fn port(&self) -> String {
        self.simulator.address().port().to_string()
    }

    /// The client's PKCS#12 file.
    pub(crate) fn pkcs12(&self) -> String {
        self.path("pki/client.p12").to_string_lossy().into_owned()
    }

    /// A path in a temporary directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What the Rust client collects, a line end behind each event.
    pub(crate) fn lines(&self, events: usize) -> Vec<u8> {
        let client = Client::builder(&self.address())
            .pkcs12(self.pkcs12(), PASSWORD)
            .from(InitialTimestamp::OLDEST)
            .connect()
            .expect("a server");
        let mut lines = Vec::new();
        for event in client.take(events) {
            lines.extend_from_slice(&event.expect("an event").data);
            lines.push(b'\n');
        }
        lines
    }
}
