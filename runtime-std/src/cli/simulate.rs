//! `estreamer simulate`: be the server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use estreamer_mio::tls::{ClientRules, Identity};

use super::collect::system;
use super::{Failure, signals};
use crate::simulate::generator::Options;
use crate::simulate::replay::Replay;
use crate::simulate::service::{Service, ServiceOptions};
use crate::simulate::{Content, pki};

/// Be an eStreamer server for tests: generated events, or the lines of a file.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer pki init pki\n  estreamer simulate --pki pki --count 1000"
)]
pub(super) struct Simulate {
    /// Where to listen; port 0 lets the system choose. The address is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8302")]
    listen: SocketAddr,
    /// A directory made by `estreamer pki init`.
    #[arg(long, value_name = "DIR")]
    pki: PathBuf,
    /// Generate so many events for each client, then stay connected; without
    /// end if not given.
    #[arg(long, value_name = "N", conflicts_with = "replay")]
    count: Option<u64>,
    /// Chooses the generated events; the same seed gives the same bytes.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "replay")]
    seed: u64,
    /// Events in a bundle, at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    bundle: u32,
    /// Events a second for each client; as fast as it takes them if not given.
    #[arg(long, value_name = "EPS", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Serve the lines of this file, byte for byte, then stay connected.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Accept clients whose certificate is for another address than they come
    /// from. Otherwise they are refused as a Management Center does it: by a
    /// close without a word.
    #[arg(long)]
    no_address_check: bool,
    /// Tell nothing about connections.
    #[arg(short, long)]
    quiet: bool,
}

impl Simulate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let content = match &self.replay {
            Some(path) => {
                Content::Replay(Replay::open(path).map_err(|error| Failure::failed(error, ""))?)
            }
            None => Content::Generated {
                options: Options {
                    seed: self.seed,
                    ..Options::default()
                },
                count: self.count,
            },
        };
        let files = pki::load(&self.pki).map_err(|error| Failure::failed(error, ""))?;
        let identity = identity(&files)?;
        let service = Service::new(ServiceOptions {
            listen: self.listen,
            identity,
            clients: ClientRules {
                address: !self.no_address_check,
                ..ClientRules::default()
            },
            content,
            rate: self.rate,
            bundle: self.bundle as usize,
            log: (!self.quiet).then_some(log as fn(&str)),
        })
        .map_err(|error| Failure::failed(error, ""))?;
        signals::watch(service.handle()).map_err(system)?;
        // The address is what was asked for; scripts read it from here.
        let mut stdout = std::io::stdout();
        let _ = writeln!(stdout, "{}", service.address()).and_then(|()| stdout.flush());
        service.run().map_err(system)
    }
}

/// The server's identity out of a PKI directory.
fn identity(files: &pki::ServerPki) -> Result<Identity, Failure> {
    Identity::from_pem(&files.chain_pem, &files.key_pem, &files.ca_pem)
        .map_err(|error| Failure::failed(error, ""))
}

fn log(line: &str) {
    eprintln!("estreamer: {line}");
}
