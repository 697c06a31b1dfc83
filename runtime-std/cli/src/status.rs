//! `estreamer status`: what a running collector does.

mod table;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use estreamer::config::listen_address;
use estreamer::failure::{Failure, Remedy};
use estreamer::telemetry::Status;
use estreamer::telemetry::listen::{Place, fetch};

use tracing::error;

use crate::remedy;
use crate::service::state_directories;

/// Show what a collector on this machine does: sources, outputs, and what is wrong.
///
/// It asks the collector at --address, or the one with the state directory --state; without
/// both, the one with $STATE_DIRECTORY or /var/lib/estreamer. It needs no configuration.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 if every source is connected and every output works, 1 if not, 2 \
                  if no collector answers.\n\nExample:\n  estreamer status\n  \
                  estreamer status --state state --watch\n  \
                  estreamer status --address 127.0.0.1:9302 --json"
)]
pub(super) struct StatusCommand {
    /// The address that the collector listens at.
    #[arg(long, value_name = "ADDR", value_parser = listen_address::parse, conflicts_with = "state")]
    address: Option<SocketAddr>,
    /// The state directory of the collector.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print the status as JSON.
    #[arg(long)]
    json: bool,
    /// Print the status again every two seconds, until it is interrupted.
    #[arg(long)]
    watch: bool,
}

/// The state directory of the packaged service.
const SERVICE: &str = "/var/lib/estreamer";
/// The interval of `--watch`.
const INTERVAL: Duration = Duration::from_secs(2);

impl StatusCommand {
    /// Returns the exit status that the help describes.
    pub(super) fn run(self) -> ExitCode {
        let places = self.places();
        loop {
            let found = first(&places);
            let code = match &found {
                Ok(status) if status.problems().is_empty() => 0,
                Ok(_) => 1,
                Err(_) => 2,
            };
            let printed = match &found {
                Ok(status) => self.print(status),
                Err(failure) => {
                    error!("{}.", failure.worded(remedy::wording()));
                    Ok(())
                }
            };
            // After an error, the reader has closed standard output.
            if !self.watch || printed.is_err() {
                return ExitCode::from(code);
            }
            std::thread::sleep(INTERVAL);
        }
    }

    /// Returns where to ask, in order.
    fn places(&self) -> Vec<Place> {
        match (self.address, &self.state) {
            (Some(address), _) => vec![Place::Address(address)],
            (None, Some(state)) => vec![Place::of_state(state)],
            (None, None) => {
                let mut directories = state_directories();
                directories.push(SERVICE.into());
                let places = directories.iter();
                places.map(|path| Place::of_state(path)).collect()
            }
        }
    }

    fn print(&self, status: &Status) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.watch && out.is_terminal() {
            // Clears the screen.
            write!(out, "\x1b[2J\x1b[H")?;
        }
        if self.json {
            serde_json::to_writer(&mut out, status)?;
            writeln!(out)?;
        } else {
            out.write_all(table::write(status, width()).as_bytes())?;
        }
        out.flush()
    }
}

/// Returns the status of the first collector that answers.
fn first(places: &[Place]) -> Result<Status, Failure> {
    let (mut failures, mut wrong) = (Vec::new(), None);
    for place in places {
        match fetch(place) {
            Ok(status) => return Ok(status),
            Err(failure) => {
                failures.push(failure.what().to_owned());
                // Something is there, and it is wrong.
                let is_wrong = *failure.remedy() != Remedy::None;
                wrong = wrong.or(is_wrong.then_some(failure));
            }
        }
    }
    let none = Failure::failed(
        format!("no collector found: {}", failures.join("; ")),
        "Start one, as its user name its state directory with --state DIR, or its address with \
         --address ADDR",
    );
    Err(wrong.unwrap_or(none))
}

/// Returns the width of the terminal in characters.
fn width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let asked = || terminal_size::terminal_size().map(|(width, _)| width.0.into());
    columns.or_else(asked).unwrap_or(100).max(40)
}
