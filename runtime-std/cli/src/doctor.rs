//! `estreamer doctor`: why does it not connect, or connect and stay silent?

use std::process::ExitCode;

use clap::Args;
use estreamer_mio::tls::ClientTls;

use super::identity::print;
use super::identity_args::IdentityArgs;
use super::verification::VerificationArgs;
use super::{Failure, remedy, report};
use estreamer::certificate;
use estreamer::config::address::Address;
use estreamer::config::event_request::EventRequest;
use estreamer::config::rules;
use estreamer::doctor::{Class, Options, Report, walk};
use estreamer::explain::identity_remedy;

/// Find out why a server does not send events: walk through a connection step
/// by step, and say what to look at.
///
/// Asks for all event types from the oldest on, in every form of the request, and
/// leaves when the first events have come.
#[derive(Args)]
#[command(after_help = after_help())]
pub(super) struct DoctorCommand {
    /// The server; the port is 8302 if none is given. Repeatable; each is walked
    /// through for itself, and the exit status is that of the first that is not
    /// healthy.
    #[arg(long = "server", value_name = "HOST[:PORT]", required = true)]
    servers: Vec<Address>,
    /// Seconds to wait for the first events.
    #[arg(long, value_name = "SECS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    wait: u32,
    /// Seconds until TCP and TLS have to stand.
    #[arg(long, value_name = "SECS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    timeout: u32,
    /// Print one JSON document instead of text; of several servers, a list.
    #[arg(long)]
    json: bool,
    // Last, because their headings hold for all arguments that follow.
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    verification: VerificationArgs,
}

impl DoctorCommand {
    pub(super) fn run(self) -> ExitCode {
        match self.examine() {
            Ok(class) => ExitCode::from(class.status()),
            Err(failure) => report(&failure),
        }
    }

    fn examine(&self) -> Result<Class, Failure> {
        let identity = self.identity.load()?;
        let rules = self.verification.rules();
        let tls = ClientTls::new(&identity, rules.clone()).map_err(|error| {
            let remedy = identity_remedy(&error);
            Failure::failed(error, remedy)
        })?;
        let mut reports = Vec::with_capacity(self.servers.len());
        for address in &self.servers {
            let server = address.to_string();
            rules::warn(&rules, &server);
            let report = walk(&Options {
                server,
                addresses: address.resolve(),
                identity: &identity,
                rules: &rules,
                tls: &tls,
                ask: &EventRequest::everything(),
                asked: "all event types from the oldest on".into(),
                timeout: self.timeout * 1000,
                wait: self.wait * 1000,
                now: certificate::now(),
                wording: remedy::wording(),
            });
            reports.push(report.map_err(Failure::system)?);
        }
        print(&match (self.json, &*reports) {
            (true, [report]) => format!("{:#}\n", report.json()),
            (true, reports) => {
                let documents: Vec<_> = reports.iter().map(Report::json).collect();
                format!("{:#}\n", serde_json::Value::from(documents))
            }
            (false, [report]) => report.to_string(),
            (false, reports) => reports
                .iter()
                .map(|report| format!("{}\n{report}", report.server))
                .collect(),
        })?;
        let classes = reports.iter().map(|report| report.class);
        let unhealthy = classes.clone().find(|class| *class != Class::Healthy);
        Ok(unhealthy.unwrap_or(Class::Healthy))
    }
}

/// An example, and every exit status with its meaning.
fn after_help() -> String {
    let mut text = String::from(
        "Example:\n  estreamer doctor --server fmc.example.net --pkcs12 client.p12 \
         --password-file client.pass\n\nExit status:\n",
    );
    for class in Class::ALL {
        text += &format!("  {:>2}  {class}\n", class.status());
        if class == Class::Healthy {
            text += "   1  the diagnosis cannot begin, as when the identity does not open\n";
            text += "   2  wrong usage\n";
        }
    }
    text
}
