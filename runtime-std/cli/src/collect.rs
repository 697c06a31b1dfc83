//! `estreamer collect`: from servers to the outputs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer_core::wire::RecordLength;

use super::identity_args::IdentityArgs;
use super::request_args::RequestArgs;
use super::verification::VerificationArgs;
use super::{Failure, remedy};
use crate::notify::Supervisor;
use crate::signals;
use estreamer::collect::Reset;
use estreamer::collect::{Reload, Run, run};
use estreamer::config::address::Address;
use estreamer::config::number::{AHEAD, MEMORY, OVERLAP, REQUEST_TIMEOUT, SHUTDOWN};
use estreamer::config::read::identity;
use estreamer::config::read::output_paths::Around;
use estreamer::config::read::raw::{At, RawConfig, RawOutput, RawSource};
use estreamer::config::read::{diagnostic, event, file};
use estreamer::config::{Config, Format};
use estreamer::output::destination::Destination;

/// Collect events and write them out, one event a line: from a server by these
/// options, or from many by a configuration file.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer collect --server fmc.example.net --pkcs12 client.p12 \
                  --password-file client.pass --from -1h --output file:events.ndjson\n  \
                  estreamer collect --config /etc/estreamer/estreamer.toml"
)]
pub(super) struct CollectCommand {
    /// A configuration file, which says all that is not said by the options
    /// about a run.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    run: RunArgs,
    // Last, because their headings hold for all arguments that follow.
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    verification: VerificationArgs,
}

/// What a configuration says as well.
#[derive(Args)]
struct Settings {
    /// The server; the port is 8302 if none is given. Repeatable, for servers
    /// with the same events, as of a high-availability pair: they are tried in
    /// turn.
    #[arg(
        long = "server",
        value_name = "HOST[:PORT]",
        required_unless_present = "config"
    )]
    servers: Vec<Address>,
    /// The address of this machine to connect from; the system chooses if none
    /// is given.
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// Seconds the server may be silent after the request before the next form
    /// of the request is tried; 0: for ever.
    #[arg(long, value_name = "SECS", default_value_t = REQUEST_TIMEOUT.default, value_parser = clap::value_parser!(u32).range(REQUEST_TIMEOUT.range()))]
    request_timeout: u32,
    /// What this server's record length counts, if its records are misread: data,
    /// extension (archival timestamp, reserved word and data) or all (header and
    /// data); with auto, each record tells.
    #[arg(long, value_name = "WHAT", default_value_t = RecordLength::Auto, value_parser = event::record_length)]
    record_length: RecordLength,
    /// Where events go, repeatable: stdout:, tcp://HOST:PORT, or file:PATH
    /// (appended to), with {source} and {event} in the path.
    #[arg(short, long = "output", value_name = "URL", default_value = "stdout:")]
    outputs: Vec<Destination>,
    /// How they are written: ndjson (one event a line, as it came; bytes in an
    /// envelope as base64) or raw (the bytes, each event behind its length).
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Lines)]
    format: Format,
    /// Where bookmarks are kept: with it, a restart goes on where it ended, and
    /// files hold every event exactly once. One process at a time.
    /// [default: $STATE_DIRECTORY, if that is set]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The source's name, by which its bookmark is found; the first server as typed
    /// if not given.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Bundles acknowledged before the outputs have taken them; 0 is strict: each is
    /// acknowledged when it is accepted.
    #[arg(long, value_name = "N", default_value_t = AHEAD.default)]
    ack_ahead: u32,
    /// Seconds asked for again at a restart: how far the server's archive may be
    /// out of order.
    #[arg(long, value_name = "SECS", default_value_t = OVERLAP.default, value_parser = clap::value_parser!(u32).range(OVERLAP.range()))]
    overlap: u32,
    /// Memory for events on their way, MiB; when it is full, the server waits.
    #[arg(long, value_name = "MIB", default_value_t = MEMORY.default, value_parser = clap::value_parser!(u32).range(MEMORY.range()))]
    memory: u32,
    /// Seconds a stop may take to deliver what is under way.
    #[arg(long, value_name = "SECS", default_value_t = SHUTDOWN.default, value_parser = clap::value_parser!(u32).range(SHUTDOWN.range()))]
    shutdown: u32,
}

/// What is about one run, whatever the configuration.
#[derive(Args)]
struct RunArgs {
    /// Discard the bookmark, or what it knows of one source; --from says where to
    /// start.
    #[arg(long, value_name = "SOURCE", num_args = 0..=1, require_equals = true)]
    reset_bookmark: Option<Option<String>>,
    /// Stop after so many events were delivered.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
    /// Stop when no event came for so many seconds, such as 0.5.
    #[arg(long, value_name = "SECS", value_parser = milliseconds)]
    stop_when_idle: Option<u32>,
    /// Record what is received in FILE, and what is sent in FILE.sent, for
    /// `estreamer capture decode`.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// No progress line and no summary.
    #[arg(short, long)]
    quiet: bool,
}

impl CollectCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        // First of all: a service may be told to reload while it starts.
        let signals = signals::remember()?;
        let supervisor = Supervisor::of_service()?;
        let config = self.config()?;
        for source in &config.sources {
            identity::warn(&source.identity);
        }
        if self.run.reset_bookmark.is_some() && config.state.is_none() {
            return Err(Failure::usage(
                "there is no state directory with a bookmark to discard",
                "Add --state DIR, or leave out --reset-bookmark",
            ));
        }
        let capture = self.run.capture.clone();
        let reload = self.config.map(|path| -> Reload {
            Box::new(move || {
                let config = file::open(&path, capture.as_deref())?;
                for source in &config.sources {
                    identity::warn(&source.identity);
                }
                Ok(config)
            })
        });
        let run = Run {
            limit: self.run.stop_after,
            idle: self.run.stop_when_idle,
            capture: self.run.capture,
            quiet: self.run.quiet,
            reset: match self.run.reset_bookmark {
                None => Reset::Nothing,
                Some(None) => Reset::All,
                Some(Some(source)) => Reset::Source(source),
            },
            // A service waits for its servers; a person wants to know.
            patient: reload.is_some(),
            reload,
            signals,
            heartbeat: supervisor.clone().map(Supervisor::heartbeat),
            wording: remedy::wording(),
            watch: Some(signals::watch_all(supervisor)),
        };
        run::run(config, run)
    }

    /// The same from a file or from flags.
    fn config(&self) -> Result<Config, Failure> {
        let capture = self.run.capture.as_deref();
        match (&self.config, self.settings.servers.first()) {
            (Some(path), _) => file::open(path, capture),
            (None, Some(first)) => {
                let raw = self.raw(first)?;
                let around = Around {
                    configuration: None,
                    capture,
                };
                let loaded = raw.load(Path::new(""), &around);
                loaded.map_err(|found| diagnostic::worded(None, found, remedy::wording()))
            }
            (None, None) => Err(Failure::usage(
                "no server is given",
                "Add --server, or --config with a configuration file",
            )),
        }
    }

    fn raw(&self, first: &Address) -> Result<RawConfig, Failure> {
        let settings = &self.settings;
        let output = |destination: &Destination| RawOutput {
            format: settings.format,
            ..RawOutput::to(At::argument(destination.clone()))
        };
        let name = settings.name.clone();
        let source = RawSource {
            name: At::argument(name.unwrap_or_else(|| first.to_string())),
            servers: At::argument(settings.servers.clone()),
            bind: settings.bind,
            identity: At::argument(self.identity.files()?),
            request: self.request.source(),
            from: self.request.from,
            request_form: self.request.request_form(),
            request_timeout: settings.request_timeout,
            record_length: settings.record_length,
            quirks: self.request.quirks(),
            rules: self.verification.rules(),
        };
        Ok(RawConfig {
            state: settings.state.clone(),
            ahead: settings.ack_ahead,
            overlap: settings.overlap,
            memory: settings.memory,
            shutdown: settings.shutdown,
            sources: vec![source],
            outputs: settings.outputs.iter().map(output).collect(),
            hints: Vec::new(),
        })
    }
}

/// The options that go with a configuration: those about one run.
pub(super) const ABOUT_A_RUN: [&str; 5] = [
    "reset_bookmark",
    "stop_after",
    "stop_when_idle",
    "capture",
    "quiet",
];

/// Seconds with a fraction, as milliseconds.
fn milliseconds(text: &str) -> Result<u32, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..4_000_000.0).contains(&seconds) => Ok((seconds * 1000.0) as u32),
        _ => Err("use seconds such as 30 or 0.5".into()),
    }
}
