//! `estreamer collect`: collects events from servers and writes them to outputs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use estreamer_core::wire::RecordLength;

use super::identity_args::IdentityArgs;
use super::request_args::RequestArgs;
use super::verification::VerificationArgs;
use super::{Failure, remedy};
use crate::log::{self, LogArgs};
use crate::notify::ServiceManager;
use crate::progress::{Progress, REDRAW};
use crate::signals;
use estreamer::collect::{PendingSignals, Reload, Reset, Run, run};
use estreamer::config::Destination;
use estreamer::config::address::Address;
use estreamer::config::listen_address;
use estreamer::config::number::{AHEAD, MEMORY, OVERLAP, PREPAID, REQUEST_TIMEOUT, SHUTDOWN};
use estreamer::config::read::identity;
use estreamer::config::read::output_paths::Around;
use estreamer::config::read::raw::{At, KeyLines, RawConfig, RawOutput, RawSource};
use estreamer::config::read::secret::ask_no_more;
use estreamer::config::read::{diagnostic, event, file};
use estreamer::config::{Config, Format, RetryPolicy};

/// Collect events and write them, one event a line: from one server with these options, or
/// from several with a configuration file.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer collect --server fmc.example.net --pkcs12 client.p12 \
                  --password-file client.pass --from -1h --output file:events.ndjson\n  \
                  estreamer collect --config /etc/estreamer/estreamer.toml"
)]
pub(super) struct CollectCommand {
    /// The configuration file. It replaces all options except those of a run.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    run: RunArgs,
    // Last, because their headings apply to all arguments that follow.
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    verification: VerificationArgs,
}

/// The settings that a configuration has, too.
#[derive(Args)]
struct Settings {
    /// The server; the default port is 8302. Repeatable, for servers with the same events, as in
    /// a high-availability pair: they are tried in turn.
    #[arg(
        long = "server",
        value_name = "HOST[:PORT]",
        required_unless_present = "config"
    )]
    servers: Vec<Address>,
    /// The local address to connect from; by default the system selects one.
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// Seconds that the server may be silent after the request before the next form of the
    /// request is tried; 0: no limit.
    #[arg(long, value_name = "SECS", default_value_t = REQUEST_TIMEOUT.default, value_parser = clap::value_parser!(u32).range(REQUEST_TIMEOUT.range()))]
    request_timeout: u32,
    /// What this server's record length counts, if its records are misread: data, extension
    /// (archival timestamp, reserved word and data) or all (header and data). With auto, the
    /// content of each record decides.
    #[arg(long, value_name = "WHAT", default_value_t = RecordLength::Auto, value_parser = event::record_length)]
    record_length: RecordLength,
    /// Where to write events: stdout:, file:PATH (appended to), with {source}, {event}, {date}
    /// and {hour} in the path, or the URL of a receiver such as tcp://HOST:PORT, syslog+tcp://HOST:PORT or
    /// http://HOST:PORT/PATH. A receiver that needs keys of its own is set in a configuration
    /// file. Repeatable.
    #[arg(short, long = "output", value_name = "URL", default_value = "stdout:")]
    outputs: Vec<Destination>,
    /// The format of events: ndjson (one event a line, as received; binary data as base64 in an
    /// envelope), ndjson+envelope (each in an object with its source and times), raw (the bytes,
    /// each event preceded by its length), csv (with the names of the columns in the first
    /// line), ftd (the devices' own syslog), cef, leef, ecs, ocsf, splunk, or pcapng (only the
    /// packets).
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Lines)]
    format: Format,
    /// The state directory for bookmarks. With it, a restart resumes where it ended, and files
    /// have every event exactly once. One process at a time.
    /// [default: $STATE_DIRECTORY, if that is set]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The name of the source, also of its bookmark; by default the first server as typed.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Bundles to acknowledge before the outputs have taken them; with 0 each is acknowledged
    /// after it is accepted.
    #[arg(long, value_name = "N", default_value_t = AHEAD.default)]
    ack_ahead: u32,
    /// Null messages to send ahead of need, for a server far away that counts them: it sends so
    /// many more bundles without waiting. The doctor tells whether a server does.
    #[arg(long, value_name = "N", default_value_t = PREPAID.default, value_parser = clap::value_parser!(u32).range(PREPAID.range()))]
    ack_prepaid: u32,
    /// Seconds to request again at a restart: how far the archive of the server may be out of
    /// order.
    #[arg(long, value_name = "SECS", default_value_t = OVERLAP.default, value_parser = clap::value_parser!(u32).range(OVERLAP.range()))]
    overlap: u32,
    /// Memory for events between server and outputs in MiB. When it is full, the server waits.
    #[arg(long, value_name = "MIB", default_value_t = MEMORY.default, value_parser = clap::value_parser!(u32).range(MEMORY.range()))]
    memory: u32,
    /// Serve status, metrics and a page over HTTP at this address, such as 127.0.0.1:9302. Port
    /// 0 lets the system select one.
    #[arg(long, value_name = "ADDR", value_parser = listen_address::parse)]
    listen: Option<SocketAddr>,
    /// The maximum number of seconds that a stop may take to deliver pending events.
    #[arg(long, value_name = "SECS", default_value_t = SHUTDOWN.default, value_parser = clap::value_parser!(u32).range(SHUTDOWN.range()))]
    shutdown: u32,
}

/// The options of one run.
#[derive(Args)]
struct RunArgs {
    /// Discard the bookmark, or that of one source; --from (from in a configuration) sets the
    /// start.
    #[arg(long, value_name = "SOURCE", num_args = 0..=1, require_equals = true)]
    reset_bookmark: Option<Option<String>>,
    /// Stop after this number of delivered events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    stop_after: Option<u64>,
    /// Stop after this number of seconds without an event, such as 0.5.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    stop_when_idle: Option<Duration>,
    /// Record received bytes in FILE and sent bytes in FILE.sent, for `estreamer capture
    /// decode`.
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// What to do when a source fails that has never worked: worked ends the run with status 1
    /// and says what to correct, always tries again for ever. A source that worked once is
    /// always tried again.
    /// [default: retry of the configuration; else always if a service manager started the run
    /// (systemd: NOTIFY_SOCKET, or the journal reads standard error), or worked]
    #[arg(long, value_name = "WHEN")]
    retry: Option<RetryPolicy>,
    #[command(flatten)]
    log: LogArgs,
}

impl CollectCommand {
    pub(super) fn run(self, signals: PendingSignals) -> Result<(), Failure> {
        self.run.log.start();
        let manager = ServiceManager::of_service()?;
        let is_service = manager.is_some() || log::is_journal(io::stderr().as_fd());
        let retry = self.run.retry;
        let complete = move |config: &mut Config| {
            config.retry = retry.or(config.retry).or(match is_service {
                true => Some(RetryPolicy::Always),
                false => None,
            });
            for source in &config.sources {
                identity::warn(&source.name, &source.identity);
            }
        };
        let mut config = self.config()?;
        complete(&mut config);
        if self.run.reset_bookmark.is_some() && config.state.is_none() {
            return Err(Failure::usage(
                "there is no state directory, so there is no bookmark to discard",
                "Add --state DIR, or state = \"DIR\" in a configuration; or remove --reset-bookmark",
            ));
        }
        let capture = self.run.capture.clone();
        let configuration = self.config.clone();
        let reload = self.config.map(|path| -> Reload {
            Box::new(move || {
                ask_no_more();
                let mut config = file::open(&path, capture.as_deref())?;
                complete(&mut config);
                Ok(config)
            })
        });
        let mut run = Run::default();
        run.limit = self.run.stop_after;
        run.idle = self.run.stop_when_idle;
        run.capture = self.run.capture;
        run.reset = match self.run.reset_bookmark {
            None => Reset::Nothing,
            Some(None) => Reset::All,
            Some(Some(source)) => Reset::Source(source),
        };
        run.reload = reload;
        run.signals = signals;
        run.configuration = configuration;
        run.heartbeat = manager.clone().map(ServiceManager::heartbeat);
        let progress = match self.run.log.quiet {
            true => None,
            false => Progress::on_terminal(&config),
        };
        if let Some(progress) = &progress {
            run.heartbeat = Some(progress.heartbeat(run.heartbeat.take()));
            run.heartbeat_interval = Some(REDRAW);
        }
        run.watch = Some(signals::watch_all(manager));
        run.wording = remedy::wording();
        run::run(config, run)
    }

    /// Loads the configuration from a file or from options.
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
                "Name one, or a configuration",
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
            minimal: false,
            is_reduced: false,
            from: self.request.from,
            request_form: self.request.request_form(),
            request_timeout: settings.request_timeout,
            record_length: settings.record_length,
            quirks: self.request.quirks(),
            rules: self.verification.rules(),
            lines: KeyLines::default(),
        };
        Ok(RawConfig {
            state: settings.state.clone(),
            ahead: settings.ack_ahead,
            prepaid: settings.ack_prepaid,
            overlap: settings.overlap,
            memory: settings.memory,
            shutdown: settings.shutdown,
            listen: settings.listen,
            retry: None,
            sources: vec![source],
            outputs: settings.outputs.iter().map(output).collect(),
            ..RawConfig::default()
        })
    }
}

/// The options that are allowed beside a configuration.
pub(super) const RUN_OPTIONS: [&str; 8] = [
    "reset_bookmark",
    "stop_after",
    "stop_when_idle",
    "capture",
    "retry",
    "log_format",
    "verbose",
    "quiet",
];

/// Parses seconds with a fraction as milliseconds.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..4_000_000.0).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err("use seconds such as 30 or 0.5".into()),
    }
}
