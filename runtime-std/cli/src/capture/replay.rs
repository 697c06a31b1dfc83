//! `estreamer capture replay`.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use estreamer_mio::tls::{ClientRules, Identity};
use estreamer_simulate::pki;
use estreamer_simulate::recording::{Recording, RecordingOptions};
use tracing::info;

use super::super::{Failure, signals};
use super::unreadable;

/// Run a server that answers every request with a recorded stream.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer pki init pki\n  estreamer capture replay stream.bin --pki pki"
)]
pub(super) struct ReplayCommand {
    /// The bytes that a server sent, without TLS.
    file: PathBuf,
    /// The address to listen on; port 0 selects a free port. The address is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8302")]
    listen: SocketAddr,
    /// A directory made by `estreamer pki init`.
    #[arg(long, value_name = "DIR")]
    pki: PathBuf,
    /// Close each connection after the last byte. By default the client closes.
    #[arg(long)]
    close: bool,
    /// Accept clients whose certificate is for another address than theirs.
    #[arg(long)]
    no_address_check: bool,
    /// Print nothing about connections.
    #[arg(short, long)]
    quiet: bool,
}

impl ReplayCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(error, "");
        let found = File::open(&self.file).and_then(|file| file.metadata());
        let metadata = found.map_err(|error| unreadable(&self.file, &error))?;
        // Each client gets the whole file.
        if !metadata.is_file() {
            return Err(Failure::usage(
                format!("{} is not a regular file", self.file.display()),
                "Name a file: each client gets it from its first byte",
            ));
        }
        let files = pki::load(&self.pki).map_err(|error| failed(&error))?;
        let identity = Identity::from_pem(&files.chain_pem, &files.key_pem, &files.ca_pem)
            .map_err(|error| failed(&error))?;
        let mut options = RecordingOptions::new(identity, &self.file);
        options.listen = self.listen;
        options.close = self.close;
        options.clients = ClientRules {
            address: !self.no_address_check,
            ..ClientRules::default()
        };
        options.log = (!self.quiet).then_some(log as fn(&str));
        let recording = Recording::new(options).map_err(|error| failed(&error))?;
        signals::watch(recording.handle())?;
        // Scripts read the address from standard output.
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "{}", recording.address()).and_then(|()| stdout.flush());
        recording.run().map_err(Failure::system)
    }
}

fn log(line: &str) {
    info!("{line}");
}
