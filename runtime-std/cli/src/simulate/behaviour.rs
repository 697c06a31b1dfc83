//! The behaviour options of `estreamer simulate`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use estreamer_core::quirk::{Quirk, Quirks};

use estreamer::config::read::event::EventName;
use estreamer_mio::server::SurplusNulls;
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::pki::ServerFault;
use estreamer_simulate::request_length::RequestLength;
use estreamer_simulate::service::ServiceOptions;
use estreamer_simulate::tamper::{SHOWN, guide};

/// The behaviour of the server.
#[derive(Args)]
#[command(next_help_heading = "Behaviour")]
pub(super) struct BehaviourArgs {
    /// The maximum number of events in a bundle.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    bundle: u32,
    /// Bundles to send before the first one is acknowledged.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    unacked: u32,
    /// What to do with a null message when no bundle waits for one.
    #[arg(long, value_enum, value_name = "DEED", default_value_t = Surplus::Ignore)]
    surplus_nulls: Surplus,
    /// Handle what a client sends only after this many milliseconds, as if the server were so far
    /// away.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=60_000))]
    delay: u32,
    /// Send a null message after this many seconds of silence; 0: never.
    #[arg(long, value_name = "SECS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(..4_000_000))]
    keep_alive: u32,
    /// The maximum number of events a second for each client.
    #[arg(long, value_name = "EPS", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Send only events of this type: connection, intrusion, packet or file. Repeatable; all
    /// four if none is given. Requests for the others are accepted, as by a Management Center
    /// on which they are not enabled.
    #[arg(long = "enable", value_name = "TYPE")]
    enabled: Vec<EventName>,
    /// Serve this transform, too, as binary bytes: those of JSON, each XORed with 0x2a.
    #[arg(long, value_name = "NAME")]
    opaque: Option<String>,
    /// How the length of a request is interpreted: any; payload (8 and the JSON block: waits for
    /// more bytes if it is larger); inclusive (16 and the JSON block: truncates the request if it
    /// is smaller, and answers with an error), inclusive-close (and closes), inclusive-silent
    /// (and stays silent).
    #[arg(long, value_name = "READING", default_value_t = RequestLength::Any)]
    request_length: RequestLength,
    /// Deviate from real servers wherever the guides differ (guide), or nowhere (field).
    #[arg(long, value_enum, default_value_t = Profile::Field)]
    profile: Profile,
    /// Deviate in this way; see docs/testing-your-client.md. Repeatable.
    #[arg(long = "quirk", value_name = "NAME", value_parser = quirk)]
    quirks: Vec<Quirk>,
    /// Add this fault; without a value the seed selects one. See docs/testing-your-client.md.
    /// Repeatable.
    #[arg(long, value_name = "NAME[=VALUE]")]
    chaos: Vec<Chaos>,
    /// The number of connections with faults.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "chaos", value_parser = clap::value_parser!(u32).range(1..))]
    chaos_connections: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    Field,
    Guide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Surplus {
    /// Ignore it.
    Ignore,
    /// Count it: a bundle may be sent for it later.
    Credit,
    /// Answer with an error message and close the connection.
    Error,
    /// Close the connection without a message.
    Close,
}

impl BehaviourArgs {
    /// Returns the fault of the server certificate.
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
        options.surplus_nulls = match self.surplus_nulls {
            Surplus::Ignore => SurplusNulls::Ignore,
            Surplus::Credit => SurplusNulls::Credit,
            Surplus::Error => SurplusNulls::Error,
            Surplus::Close => SurplusNulls::Close,
        };
        options.delay = Duration::from_millis(self.delay.into());
        options.keep_alive = self.keep_alive * 1000;
        options.rate = self.rate;
        options.opaque = self.opaque;
        if !self.enabled.is_empty() {
            options.enabled = self.enabled.into_iter().map(|name| name.0).collect();
        }
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
