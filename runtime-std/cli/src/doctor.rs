//! `estreamer doctor`: finds out why a server does not send events.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use estreamer_mio::tls::ClientTls;

use super::identity::print;
use super::identity_args::IdentityArgs;
use super::verification::VerificationArgs;
use super::{Failure, remedy, report};
use estreamer::config::address::Address;
use estreamer::config::event_request::EventRequest;
use estreamer::config::rules;
use estreamer::doctor::{Class, DoctorOptions, Report, diagnose};
use estreamer::shared::certificate;
use estreamer::shared::identity_remedy;

/// Find out why a server does not send events: test a connection step by step, and print
/// what to check.
///
/// Requests all event types from the oldest on, in every form of the request, and closes
/// after the first events.
#[derive(Args)]
#[command(after_help = after_help())]
pub(super) struct DoctorCommand {
    /// The server; the default port is 8302. Repeatable; each server is tested separately, and
    /// the exit status is that of the first unhealthy one.
    #[arg(long = "server", value_name = "HOST[:PORT]", required = true)]
    servers: Vec<Address>,
    /// Seconds to wait for the first events.
    #[arg(long, value_name = "SECS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    wait: u32,
    /// Seconds to wait for TCP and TLS.
    #[arg(long, value_name = "SECS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    timeout: u32,
    /// Print one JSON document instead of text; for several servers, a list.
    #[arg(long)]
    json: bool,
    // Last, because their headings apply to all arguments that follow.
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
            rules::warn(None, &rules, &server);
            let report = diagnose(&DoctorOptions {
                server,
                addresses: address.resolve(),
                identity: &identity,
                rules: &rules,
                tls: &tls,
                request: &EventRequest::everything(),
                request_text: "all event types from the oldest on".into(),
                timeout: Duration::from_secs(self.timeout.into()),
                wait: Duration::from_secs(self.wait.into()),
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
