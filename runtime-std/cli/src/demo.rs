//! `estreamer demo`: server and collector on this machine.

use std::time::Duration;

use clap::Args;
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::tls::{Identity, ServerRules};

use super::signals;
use super::{Failure, remedy};
use estreamer::collect::{Run, run};
use estreamer::config::Destination;
use estreamer::config::address::Address;
use estreamer::config::number::{AHEAD, MEMORY, OVERLAP, REQUEST_TIMEOUT, SHUTDOWN};
use estreamer::config::{Config, EventRequest, OutputConfig, SourceConfig};
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
}

impl DemoCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
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
        let config = Config {
            state: None,
            ahead: AHEAD.default,
            overlap: OVERLAP.default,
            memory: MEMORY.mebibytes(),
            shutdown: Duration::from_secs(SHUTDOWN.default.into()),
            sources: vec![SourceConfig {
                name: "demo".into(),
                servers: vec![Address {
                    host: address.ip().to_string(),
                    port: address.port(),
                }],
                bind: None,
                identity,
                rules: ServerRules::default(),
                from: InitialTimestamp::OLDEST,
                request: EventRequest::everything(),
                request_form: None,
                request_timeout: Duration::from_secs(REQUEST_TIMEOUT.default.into()),
                record_length: RecordLength::Auto,
                quirks: Quirks::NONE,
            }],
            outputs: vec![OutputConfig::to(Destination::Stdout)],
        };
        let run = Run {
            limit: Some(self.events),
            watch: Some(Box::new(signals::watch)),
            wording: remedy::wording(),
            ..Run::default()
        };
        run::run(config, run)
    }
}
