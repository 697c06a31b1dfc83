//! `estreamer doctor`: finds out why a server does not send events.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use estreamer_mio::tls::{ClientTls, Identity};

use super::identity::print;
use super::identity_args::IdentityArgs;
use super::verification::VerificationArgs;
use super::{Failure, remedy, report};
use estreamer::config::address::Address;
use estreamer::config::from;
use estreamer::config::read::diagnostic::{self, Diagnostic};
use estreamer::config::read::event::one_of;
use estreamer::config::read::file;
use estreamer::config::read::raw::RawSource;
use estreamer::config::{EventRequest, SourceConfig, rules};
use estreamer::doctor::{Class, DoctorOptions, Report, diagnose};
use estreamer::shared::{certificate, identity_remedy};
use estreamer_core::fqe::RequestForm;
use estreamer_core::wire::InitialTimestamp;

/// Find out why a server does not send events: test a connection step by step, and print
/// what to check.
///
/// With a configuration: sends the request of each source, from its start on. Without:
/// requests all event types from the oldest on. Closes after the first events, and
/// acknowledges nothing.
#[derive(Args)]
#[command(after_help = after_help())]
pub(super) struct DoctorCommand {
    /// The configuration with the sources to test, one after the other.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only the source of this name.
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,
    /// The server; the default port is 8302. Repeatable; each server is tested separately, and
    /// the exit status is that of the first unhealthy one.
    #[arg(
        long = "server",
        value_name = "HOST[:PORT]",
        required_unless_present = "config"
    )]
    servers: Vec<Address>,
    /// The local address to connect from, as for `collect`; by default the system selects one.
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
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

/// The options that are allowed beside a configuration.
pub(super) const DOCTOR_OPTIONS: [&str; 4] = ["source", "wait", "timeout", "json"];

impl DoctorCommand {
    pub(super) fn run(self) -> ExitCode {
        match self.examine() {
            Ok(status) => status,
            Err(failure) => report(&failure),
        }
    }

    fn examine(&self) -> Result<ExitCode, Failure> {
        let mut reports = Vec::new();
        let mut refused = None;
        match &self.config {
            None => reports.extend(self.diagnose(&self.source_of_options()?, None)?),
            Some(path) => {
                for source in self.chosen(path)? {
                    let name = source.name.value.clone();
                    let found =
                        load(path, source).and_then(|source| self.diagnose(&source, Some(name)));
                    match found {
                        Ok(found) => reports.extend(found),
                        // The other sources are tested all the same.
                        Err(failure) => refused = refused.or(Some(report(&failure))),
                    }
                }
            }
        }
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into());
        print(&match (self.json, &*reports) {
            (_, []) => String::new(),
            (true, [report]) => format!("{:#}\n", report.json()),
            (true, reports) => {
                let documents: Vec<_> = reports.iter().map(Report::json).collect();
                format!("{:#}\n", serde_json::Value::from(documents))
            }
            (false, [report]) => report.text(width),
            (false, reports) => reports
                .iter()
                .map(|report| format!("{}\n{}", title(report), report.text(width)))
                .collect(),
        })?;
        let mut classes = reports.iter().map(|report| report.class);
        let unhealthy = classes.find(|class| *class != Class::Healthy);
        let class = unhealthy.unwrap_or(Class::Healthy);
        Ok(refused.unwrap_or(ExitCode::from(class.status())))
    }

    /// Returns the sources of a configuration that are to be tested.
    fn chosen(&self, path: &Path) -> Result<Vec<RawSource>, Failure> {
        let raw = file::read(path)?;
        let names = raw.sources.iter().map(|source| source.name.value.as_str());
        let known = match &self.source {
            None => raw.check(true),
            Some(name) if names.clone().any(|known| known == name) => Vec::new(),
            Some(name) => {
                return Err(Failure::usage(
                    format!("{} has no source {name:?}", path.display()),
                    format!("Use {}", one_of(name, names)),
                ));
            }
        };
        if !known.is_empty() {
            return Err(diagnostic::failure(Some(path), known));
        }
        let wanted = |source: &RawSource| {
            let name = &source.name.value;
            self.source.as_ref().is_none_or(|wanted| wanted == name)
        };
        Ok(raw.sources.into_iter().filter(wanted).collect())
    }

    /// Returns the source that the options describe: everything, from the oldest on.
    fn source_of_options(&self) -> Result<SourceConfig, Failure> {
        let identity = self.identity.load()?;
        let mut servers = self.servers.clone().into_iter();
        let Some(first) = servers.next() else {
            return Err(Failure::usage(
                "no server is given",
                "Name one, or a configuration",
            ));
        };
        let mut source = SourceConfig::new(String::new(), first, identity);
        source.servers.extend(servers);
        source.rules = self.verification.rules();
        source.from = InitialTimestamp::OLDEST;
        source.bind = self.bind;
        Ok(source)
    }

    /// Tests each server of a source.
    fn diagnose(
        &self,
        source: &SourceConfig,
        name: Option<String>,
    ) -> Result<Vec<Report>, Failure> {
        let tls = ClientTls::new(&source.identity, source.rules.clone()).map_err(|error| {
            let remedy = identity_remedy(&error);
            Failure::failed(error, remedy)
        })?;
        let request_text = match name {
            None => "all event types from the oldest on".into(),
            Some(_) => format!("{} from {} on", source.request, from::in_words(source.from)),
        };
        let tests = source.servers.iter().map(|address| {
            let server = address.to_string();
            rules::warn(name.as_deref(), &source.rules, &server);
            diagnose(&DoctorOptions {
                source: name.clone(),
                server,
                addresses: address.resolve(),
                identity: &source.identity,
                rules: &source.rules,
                tls: &tls,
                bind: source.bind,
                request: &source.request,
                from: source.from,
                form: source.request_form,
                quirks: source.quirks,
                request_text: request_text.clone(),
                timeout: Duration::from_secs(self.timeout.into()),
                wait: Duration::from_secs(self.wait.into()),
                now: certificate::now(),
                wording: remedy::wording(),
            })
            .map_err(Failure::system)
        });
        tests.collect()
    }
}

/// Reads the files that a source names.
fn load(path: &Path, source: RawSource) -> Result<SourceConfig, Failure> {
    let base = path.parent().unwrap_or(Path::new(""));
    let at = |found: Diagnostic| diagnostic::worded(Some(path), vec![found], remedy::wording());
    let request: EventRequest = source.request.load(base).map_err(at)?;
    let line = source.identity.line;
    let identity: Identity = source
        .identity
        .value
        .load(base)
        .map_err(|failure| at(Diagnostic { line, failure }))?;
    let mut servers = source.servers.value.into_iter();
    let Some(first) = servers.next() else {
        return Err(Failure::usage("the source has no server", "Name one"));
    };
    let mut config = SourceConfig::new(source.name.value, first, identity);
    config.servers.extend(servers);
    config.bind = source.bind;
    config.rules = source.rules;
    config.from = source.from;
    config.request = request;
    config.request_form = source.request_form.map(|form| form.value);
    config.request_form = config.request_form.or(RequestForm::of(source.quirks));
    config.quirks = source.quirks;
    Ok(config)
}

/// Names the source and the server of a report.
fn title(report: &Report) -> String {
    match &report.source {
        None => report.server.clone(),
        Some(source) if *source == report.server => source.clone(),
        Some(source) => format!("{source} at {}", report.server),
    }
}

/// An example, and every exit status with its meaning.
fn after_help() -> String {
    let mut text = String::from(
        "Example:\n  estreamer doctor --server fmc.example.net --pkcs12 client.p12 \
         --password-file client.pass\n  estreamer doctor --config \
         estreamer.toml --source fmc-berlin\n\nExit status:\n",
    );
    for class in Class::ALL {
        text += &format!("  {:>2}  {class}\n", class.status());
        if class == Class::Healthy {
            text += "   1  the diagnosis cannot begin, as when the identity does not open\n";
            text += "   2  wrong usage or configuration\n";
        }
    }
    text
}
