//! Several simulators behind one PKI, and the configuration that names them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use estreamer_simulate::archive::{Archive, ArchiveOptions, Live};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_simulate::{Simulator, SimulatorBuilder};

use crate::process::{Running, estreamer, wait_until};
use crate::server::Pki;

/// A configuration in the making, beside a PKI.
pub struct Fleet {
    pki: Pki,
}

/// One `[[source]]` or `[[output]]`, as lines.
type Table = String;

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Fleet {
    /// Makes the PKI.
    ///
    /// # Panics
    /// When that fails.
    pub fn new() -> Self {
        Self { pki: Pki::new() }
    }

    /// A server with so many events, and more when a test stores them.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn server(
        &self,
        seed: u64,
        events: u64,
        more: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
    ) -> Simulator {
        let options = GeneratorOptions {
            seed,
            ..GeneratorOptions::default()
        };
        let archive = Archive::new(ArchiveOptions {
            live: Live::ByHand,
            ..ArchiveOptions::generated(options, events)
        });
        more(self.pki.server().archive(archive))
            .spawn()
            .expect("a loopback port")
    }

    /// A path beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.pki.scratch(name)
    }

    /// A source that asks for everything from the oldest on.
    pub fn source(name: &str, server: &Simulator) -> Table {
        Self::source_at(name, &server.address().to_string())
    }

    /// The same for a server at any address.
    pub fn source_at(name: &str, address: &str) -> Table {
        format!(
            "[[source]]\nname = {name:?}\nserver = {address:?}\nfrom = \"oldest\"\n\
             cert = \"pki/client.pem\"\nkey = \"pki/client.key\"\nca = \"pki/ca.pem\"\n"
        )
    }

    /// An output of everything.
    pub fn output(url: &str) -> Table {
        format!("[[output]]\nurl = {url:?}\n")
    }

    /// Writes the configuration, with a state directory.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, top: &str, tables: &[Table]) -> PathBuf {
        let mut text = format!("state = \"state\"\n{top}\n");
        for table in tables {
            writeln!(text, "{table}").expect("a string grows");
        }
        let path = self.path("estreamer.toml");
        std::fs::write(&path, text).expect("a writable directory");
        path
    }

    /// Writes a configuration of one source, `fmc`, and of outputs at these URLs.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure_one(&self, server: &Simulator, urls: &[&str]) {
        let outputs = urls.iter().map(|url| Self::output(url));
        let tables = [Self::source("fmc", server)].into_iter().chain(outputs);
        self.configure("", &tables.collect::<Vec<_>>());
    }

    /// `collect` with that configuration, as a service: servers may be away at first.
    pub fn collect(&self) -> Command {
        let mut command = estreamer(&["collect", "--retry", "always", "--config"]);
        command.arg(self.path("estreamer.toml"));
        command
    }
}

/// Waits until a file holds so many lines.
///
/// # Panics
/// When it does not come to that; with what the collector said.
#[track_caller]
pub fn wait_for_lines(path: &Path, count: usize, running: &Running) {
    let holds = || {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.iter().filter(|&&byte| byte == b'\n').count()
    };
    let mut last = holds();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_until(|| {
            last = holds();
            last >= count
        });
    }));
    assert!(done.is_ok(), "{last} of {count} lines; {}", running.said());
    assert_eq!(last, count, "too many; {}", running.said());
}

/// What the archives hold, one line an event.
pub fn stored<'a>(servers: impl IntoIterator<Item = &'a Simulator>) -> Vec<Vec<u8>> {
    let events = servers
        .into_iter()
        .flat_map(|server| server.archive().events());
    let mut lines: Vec<Vec<u8>> = events.map(|event| event.data).collect();
    lines.sort();
    lines
}
