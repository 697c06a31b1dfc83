//! `estreamer demo`: everything at once, on this machine alone.

use clap::Args;
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::tls::{Identity, ServerRules};

use super::Failure;
use super::collection::Job;
use crate::config::number::{AHEAD, MEMORY, OVERLAP};
use crate::config::{Ask, Output};
use crate::output::destination::Destination;
use crate::simulate::Simulator;
use crate::simulate::pki::{DEFAULT_PASSWORD, Pki};

/// Show everything at once: throw-away certificates, a simulated server on a
/// loopback port, and a collector that prints its events. Leaves nothing behind.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer demo --events 5000 > events.ndjson")]
pub(super) struct Demo {
    /// How many events to collect.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
}

impl Demo {
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
        let job = Job {
            server: "the simulated server".into(),
            name: "demo".into(),
            addresses: vec![server.address()],
            identity,
            rules: ServerRules::default(),
            from: InitialTimestamp::OLDEST,
            ask: Ask::everything(),
            quirks: Quirks::NONE,
            state: None,
            outputs: vec![Output::to(Destination::Stdout)],
            limit: self.events,
            idle: None,
            capture: None,
            ahead: AHEAD.default,
            overlap: OVERLAP.default,
            memory: MEMORY.mebibytes(),
            quiet: false,
            only_stdout: true,
        };
        job.run()
    }
}
