//! A PKI in a directory, and the simulator as a program.

use std::path::{Path, PathBuf};
use std::process::Command;

use estreamer_mio::tls::Identity;
use estreamer_simulate::archive::Archive;
use estreamer_simulate::{SimulatorBuilder, pki};

use crate::process::{Ended, Running, estreamer, wait_until};

/// A PKI in a directory that is gone at the end of the test.
pub struct Pki {
    directory: tempfile::TempDir,
    certificates: pki::Pki,
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// Makes one.
    ///
    /// # Panics
    /// When that fails.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let certificates = pki::Pki::generate().expect("certificates");
        certificates
            .write_to(&directory.path().join("pki"))
            .expect("a writable directory");
        Self {
            directory,
            certificates,
        }
    }

    /// What is in its files.
    pub fn certificates(&self) -> &pki::Pki {
        &self.certificates
    }

    /// A simulated server with its certificate, in this process.
    pub fn server(&self) -> SimulatorBuilder {
        estreamer_simulate::Simulator::with_identity(self.identity())
    }

    /// The directory.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("pki")
    }

    /// The path of one of its files, as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn file(&self, name: &str) -> String {
        let path = self.path().join(name);
        path.to_str().expect("a path in UTF-8").into()
    }

    /// The server's identity.
    pub fn identity(&self) -> Identity {
        self.identity_of(self.certificates.server())
    }

    /// A server's identity with this certificate.
    ///
    /// # Panics
    /// When it is none.
    pub fn identity_of(&self, server: &pki::IssuedIdentity) -> Identity {
        let ca = self.certificates.ca().cert_pem().as_bytes();
        let (cert, key) = (server.cert_pem().as_bytes(), server.key_pem().as_bytes());
        Identity::from_pem(cert, key, ca).expect("an identity")
    }

    /// A path beside the PKI for whatever a test writes.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file beside the PKI and returns its path as text.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.scratch(name);
        std::fs::write(&path, contents).expect("a writable directory");
        path.to_str().expect("a path in UTF-8").into()
    }
}

/// `estreamer simulate` on a loopback port.
pub struct Simulator {
    running: Running,
    /// The address it printed.
    pub address: String,
}

impl Simulator {
    /// Starts it with further arguments.
    ///
    /// # Panics
    /// When it prints no address.
    pub fn start(pki: &Path, arguments: &[&str]) -> Self {
        let mut command = estreamer(&["simulate", "--listen", "127.0.0.1:0", "--pki"]);
        command.arg(pki).args(arguments);
        let (running, address) = Running::start_to_first_line(&mut command);
        Self { running, address }
    }

    /// Waits until it has said this so many times, then stops it: it may say a
    /// thing after the client has ended.
    ///
    /// # Panics
    /// When it does not say that.
    pub fn stop_after(self, words: &str, times: usize) -> Ended {
        wait_until(|| self.running.said().matches(words).count() >= times);
        let ended = self.stop();
        let said = ended.stderr.matches(words).count();
        assert_eq!(said, times, "{words:?} in {}", ended.stderr);
        ended
    }

    /// Stops it and returns what it said.
    pub fn stop(self) -> Ended {
        self.running.signal("TERM");
        self.running.wait()
    }
}

/// `estreamer collect` from that address with the PEM identity; where to start
/// is among the arguments.
pub fn collect(pki: &Pki, address: &str, arguments: &[&str]) -> Command {
    let mut command = estreamer(&["collect", "--server", address]);
    command.args([
        "--cert",
        &pki.file("client.pem"),
        "--key",
        &pki.file("client.key"),
        "--ca",
        &pki.file("ca.pem"),
    ]);
    command.args(arguments);
    command
}

/// Collects everything this server has, from the oldest event on.
///
/// # Panics
/// When it does not come to that.
#[track_caller]
pub fn collect_all(pki: &Pki, server: &estreamer_simulate::Simulator, arguments: &[&str]) -> Ended {
    let address = server.address().to_string();
    let mut command = collect(pki, &address, &["--from", "oldest"]);
    Running::until_served(command.args(arguments), &[server])
}

/// What a collector writes that asks for everything in this archive.
pub fn expected_lines(archive: &Archive) -> Vec<Vec<u8>> {
    let events = archive.events();
    events.into_iter().map(|event| event.data).collect()
}

/// The lines of what a collector wrote, without their ends and without those that
/// tell of unreadable records.
pub fn events(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|&byte| byte == b'\n');
    lines
        .filter(|line| !line.is_empty() && !line.starts_with(b"{\"estreamer_error\""))
        .map(<[u8]>::to_vec)
        .collect()
}
