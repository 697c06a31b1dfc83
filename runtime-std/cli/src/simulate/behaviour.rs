//! How the server of `estreamer simulate` behaves, well or badly.

use clap::{Args, ValueEnum};
use estreamer_core::quirk::{Quirk, Quirks};

use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::pki::ServerFault;
use estreamer_simulate::request_length::RequestLength;
use estreamer_simulate::service::ServiceOptions;
use estreamer_simulate::tamper::{SHOWN, guide};

/// How the server behaves.
#[derive(Args)]
#[command(next_help_heading = "Behaviour")]
pub(super) struct BehaviourArgs {
    /// Events in a bundle, at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    bundle: u32,
    /// Bundles sent before the first of them is acknowledged.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    unacked: u32,
    /// Send a null message after so many seconds of silence; 0: never.
    #[arg(long, value_name = "SECS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(..4_000_000))]
    keep_alive: u32,
    /// Send each client so many events a second, at most.
    #[arg(long, value_name = "EPS", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Serve this transform too, as bytes that are no text: those of JSON, each
    /// XORed with 0x2a.
    #[arg(long, value_name = "NAME")]
    opaque: Option<String>,
    /// The reading of a request's length to hold: any; payload (8 and the JSON
    /// block: waits for what a longer one promises); inclusive (16 and the JSON
    /// block: cuts a shorter one, and answers with an error), inclusive-close
    /// (and closes), inclusive-silent (and says nothing).
    #[arg(long, value_name = "READING", default_value_t = RequestLength::Any)]
    request_length: RequestLength,
    /// Deviate in all that the guides print otherwise than real servers do it
    /// (guide), or in nothing (field).
    #[arg(long, value_enum, default_value_t = Profile::Field)]
    profile: Profile,
    /// Deviate by this name, repeatable; see docs/testing-your-client.md.
    #[arg(long = "quirk", value_name = "NAME", value_parser = quirk)]
    quirks: Vec<Quirk>,
    /// Do this wrong, repeatable; without a value the seed chooses one. See
    /// docs/testing-your-client.md.
    #[arg(long, value_name = "NAME[=VALUE]")]
    chaos: Vec<Chaos>,
    /// The chaos hits so many connections; later ones are served well.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "chaos", value_parser = clap::value_parser!(u32).range(1..))]
    chaos_connections: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    Field,
    Guide,
}

impl BehaviourArgs {
    /// What is to be wrong with the server's certificate.
    pub(super) fn certificate_fault(&self) -> Option<ServerFault> {
        self.chaos.iter().find_map(|chaos| match chaos.kind {
            ChaosKind::WrongSubject => Some(ServerFault::MissingTitle),
            ChaosKind::ExpiredCertificate => Some(ServerFault::Expired),
            _ => None,
        })
    }

    pub(super) fn apply(self, options: &mut ServiceOptions) {
        options.bundle = self.bundle as usize;
        options.unacknowledged = self.unacked;
        options.keep_alive = self.keep_alive * 1000;
        options.rate = self.rate;
        options.opaque = self.opaque;
        options.request_length = self.request_length;
        let profile = match self.profile {
            Profile::Field => Quirks::NONE,
            Profile::Guide => guide(),
        };
        options.quirks = self.quirks.into_iter().fold(profile, Quirks::with);
        options.chaos = self.chaos;
        options.chaos_connections = self.chaos_connections;
    }
}

fn quirk(name: &str) -> Result<Quirk, String> {
    let mut known = Quirk::SERVER.iter().chain(SHOWN);
    known
        .find(|quirk| quirk.name() == name)
        .copied()
        .ok_or_else(|| {
            let names: Vec<_> = Quirk::SERVER
                .iter()
                .chain(SHOWN)
                .map(|q| q.name())
                .collect();
            format!("use one of {}", names.join(", "))
        })
}
