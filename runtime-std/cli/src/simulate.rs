//! `estreamer simulate`: runs a simulated server.

mod archive;
mod behaviour;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use estreamer_mio::tls::{ClientRules, Identity};
use tracing::info;

use super::Failure;
use crate::signals;
use archive::ArchiveArgs;
use behaviour::BehaviourArgs;
use estreamer_simulate::pki;
use estreamer_simulate::service::{Service, ServiceOptions};

/// Run an eStreamer server for tests, with generated events or the lines of a file.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer pki init pki\n  estreamer simulate --pki pki --count 1000 --live 10"
)]
pub(super) struct SimulateCommand {
    /// The address to listen on; port 0 selects a free port. The address is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8302")]
    listen: SocketAddr,
    /// A directory made by `estreamer pki init`.
    #[arg(long, value_name = "DIR")]
    pki: PathBuf,
    #[command(flatten)]
    archive: ArchiveArgs,
    #[command(flatten)]
    behaviour: BehaviourArgs,
    /// Accept clients whose certificate is for another address than theirs. By default the
    /// server closes their connection without a message, as a Management Center does.
    #[arg(long)]
    no_address_check: bool,
    /// Print nothing about connections.
    #[arg(short, long)]
    quiet: bool,
}

impl SimulateCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(error, "");
        let files = match self.behaviour.certificate_fault() {
            None => pki::load(&self.pki),
            Some(fault) => pki::load_faulty(&self.pki, fault),
        }
        .map_err(|error| failed(&error))?;
        let identity = Identity::from_pem(&files.chain_pem, &files.key_pem, &files.ca_pem)
            .map_err(|error| failed(&error))?;
        let mut options = ServiceOptions::new(identity, self.archive.archive()?);
        options.listen = self.listen;
        options.clients = ClientRules {
            address: !self.no_address_check,
            ..ClientRules::default()
        };
        options.seed = self.archive.seed;
        options.log = (!self.quiet).then_some(log as fn(&str));
        self.behaviour.apply(&mut options);
        let service = Service::new(options).map_err(|error| failed(&error))?;
        signals::watch(service.handle())?;
        // Scripts read the address from standard output.
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "{}", service.address()).and_then(|()| stdout.flush());
        service.run().map_err(Failure::system)
    }
}

fn log(line: &str) {
    info!("{line}");
}
