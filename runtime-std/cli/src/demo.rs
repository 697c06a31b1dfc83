//! `estreamer demo`: server and collector on this machine.

use clap::Args;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::tls::Identity;

use super::signals;
use super::{Failure, remedy};
use crate::log::LogArgs;
use crate::progress::{Progress, REDRAW};
use estreamer::collect::{Run, run};
use estreamer::config::Destination;
use estreamer::config::address::Address;
use estreamer::config::{Config, OutputConfig, SourceConfig};
use estreamer_simulate::Simulator;
use estreamer_simulate::pki::{DEFAULT_PASSWORD, Pki};

/// Demonstrate everything on this machine: temporary certificates, a simulated server on a
/// loopback port, and a collector that prints its events. Leaves no files.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer demo --events 5000 > events.ndjson")]
pub(super) struct DemoCommand {
    /// The number of events to collect.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    #[command(flatten)]
    log: LogArgs,
}

impl DemoCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.log.start();
        let failed = |error: &dyn std::fmt::Display| Failure::failed(error, "");
        let pki = Pki::generate().map_err(|error| failed(&error))?;
        let p12 = pki
            .client_p12(DEFAULT_PASSWORD)
            .map_err(|error| failed(&error))?;
        let identity =
            Identity::from_pkcs12(&p12, Some(DEFAULT_PASSWORD)).map_err(|error| failed(&error))?;
        let server = Simulator::builder(&pki)
            .map_err(|error| failed(&error))?
            .count(self.events)
            .spawn()
            .map_err(|error| failed(&error))?;
        let address = server.address();
        let address = Address {
            host: address.ip().to_string(),
            port: address.port(),
        };
        let mut source = SourceConfig::new("demo".into(), address, identity);
        source.from = InitialTimestamp::OLDEST;
        let config = Config::new(vec![source], vec![OutputConfig::to(Destination::Stdout)]);
        let mut run = Run::default();
        run.limit = Some(self.events);
        run.watch = Some(Box::new(signals::watch_and_tell));
        run.wording = remedy::wording();
        let progress = match self.log.quiet {
            true => None,
            false => Progress::on_terminal(&config),
        };
        if let Some(progress) = &progress {
            run.heartbeat = Some(progress.heartbeat(None));
            run.heartbeat_interval = Some(REDRAW);
        }
        run::run(config, run)
    }
}
