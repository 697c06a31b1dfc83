//! `estreamer verify`: proves the files of an archive.

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::identity::print;
use super::printable::printable;
use super::service::state_directories;
use super::{Failure, report};
use estreamer::config::read::file;
use estreamer::config::read::output_paths;
use estreamer::shared::Count;
use estreamer::verify::report::{Report, VerifyError};
use estreamer::verify::{Verifier, within};

/// Prove the files of an archive against their manifests, or name what differs.
///
/// Closed files are read, decompressed and compared with their manifest; the lines of the
/// manifest with each other; with --state, open files with the bookmark. Nothing is
/// changed. A collector may be running.
#[derive(Args)]
#[command(
    after_help = "Example:\n  estreamer verify /var/log/estreamer --state /var/lib/estreamer\n\nExit \
                  status: 0 everything is proven · 1 something differs, cannot be read, or nothing is proven · 2 \
                  wrong usage"
)]
pub(super) struct VerifyCommand {
    /// Directories, manifests, or closed files.
    #[arg(required_unless_present = "config", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Prove the archives of this configuration, and the open files by its state directory or
    /// $STATE_DIRECTORY.
    #[arg(short, long, value_name = "FILE", conflicts_with = "paths")]
    config: Option<PathBuf>,
    /// The state directory, which proves open files.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print only what differs.
    #[arg(short, long)]
    quiet: bool,
}

impl VerifyCommand {
    pub(super) fn run(self) -> ExitCode {
        let done = self.verify().and_then(|verified| {
            let Verified {
                found, has_state, ..
            } = &verified;
            print(&show(found, *has_state, self.quiet)).map(|()| verified)
        });
        let verified = match done {
            Ok(verified) => verified,
            Err(failure) => return report(&failure),
        };
        // An empty directory, or a wrong one, must not look like a proof.
        let nothing = match verified.unproven.first() {
            Some(path) => Some(format!(" in {}", path.display())),
            None => verified.found.is_empty().then(String::new),
        };
        match nothing {
            Some(place) => report(&Failure::failed(
                format!(
                    "nothing is proven{place}: there is no manifest, and no open file that a \
                     bookmark names"
                ),
                "Check the path; before the first file is closed, name the state directory \
                 with --state DIR",
            )),
            None if verified.found.differences.is_empty() => ExitCode::SUCCESS,
            None => ExitCode::from(1),
        }
    }

    /// Proves what was asked for.
    fn verify(&self) -> Result<Verified, Failure> {
        let mut line = ProgressLine::new(self.quiet);
        let mut progress = |path: &Path, bytes: u64| line.show(path, bytes);
        let mut verifier = Verifier::new(&mut progress);
        let mut found = Report::default();
        let failed = |error: VerifyError| Failure::failed(error, "Check path and permissions");
        let (mut state, mut places) = (self.state.clone(), None);
        let mut unproven = Vec::new();
        match &self.config {
            Some(path) => {
                let base = path.parent().unwrap_or(Path::new(""));
                let raw = file::read(path)?;
                let bases = output_paths::archives(&raw, base);
                if bases.is_empty() {
                    return Err(Failure::usage(
                        format!("no output of {} has a manifest", path.display()),
                        "Add rotate = { size = \"256MiB\" } to an output to files",
                    ));
                }
                found.add(verifier.series(&bases).map_err(failed)?);
                state = state.or_else(|| raw.state.map(|state| base.join(state)));
                state = state.or_else(|| state_directories().into_iter().next());
            }
            None => {
                for path in &self.paths {
                    let of_path = verifier.path(path).map_err(failed)?;
                    if of_path.is_empty() {
                        unproven.push(path.clone());
                    }
                    found.add(of_path);
                }
                places = Some(within(&self.paths));
            }
        }
        if let Some(state) = &state {
            found.add(verifier.state(state, places.as_deref()).map_err(failed)?);
            // An open file may be all that is there.
            let mut left = Vec::new();
            for path in unproven {
                let place = within(std::slice::from_ref(&path));
                let open = verifier.state(state, Some(&place)).map_err(failed)?;
                left.extend(open.is_empty().then_some(path));
            }
            unproven = left;
        }
        line.clear();
        Ok(Verified {
            found,
            has_state: state.is_some(),
            unproven,
        })
    }
}

/// What came of it.
struct Verified {
    found: Report,
    /// Whether there was a bookmark for the open files.
    has_state: bool,
    /// The paths in which nothing was proven, and nothing differs.
    unproven: Vec<PathBuf>,
}

/// The lines about what was found, and a last one that sums up.
fn show(found: &Report, has_state: bool, quiet: bool) -> String {
    let mut lines = Vec::new();
    for difference in &found.differences {
        lines.push(format!("DIFFERS  {difference}"));
    }
    if quiet {
        return printed(&lines);
    }
    for note in &found.notes {
        lines.push(format!("note     {note}"));
    }
    for path in &found.without_manifest {
        let path = path.display();
        lines.push(format!(
            "note     {path}: no manifest: no file is closed yet, or the manifest was removed"
        ));
    }
    for path in &found.others {
        let path = path.display();
        lines.push(format!("note     {path} is no part of an archive"));
    }
    if !has_state {
        for path in &found.unproven {
            let path = path.display();
            lines.push(format!("note     {path} is open; --state DIR proves it"));
        }
    }
    for (path, hash) in &found.heads {
        lines.push(format!("chain    {} ends with {hash}", path.display()));
    }
    lines.push(format!(
        "proven   {} with {} in {}; {}; {} removed by keep; {}",
        Count(found.files, "closed file"),
        Count(found.events, "event"),
        Count(found.bytes, "byte"),
        Count(found.open, "open file"),
        found.removed,
        Count(found.differences.len() as u64, "difference"),
    ));
    printed(&lines)
}

/// The lines as one text. A name of a file may hold anything, and must not look like a line.
fn printed(lines: &[String]) -> String {
    lines.iter().map(|line| printable(line) + "\n").collect()
}

/// A line on a terminal that shows what is read.
struct ProgressLine {
    is_shown: bool,
    next: Instant,
    is_drawn: bool,
}

/// The line is drawn at most this often.
const INTERVAL: Duration = Duration::from_millis(200);

impl ProgressLine {
    fn new(quiet: bool) -> Self {
        Self {
            is_shown: !quiet && std::io::stderr().is_terminal(),
            next: Instant::now() + INTERVAL,
            is_drawn: false,
        }
    }

    fn show(&mut self, path: &Path, bytes: u64) {
        if !self.is_shown || Instant::now() < self.next {
            return;
        }
        (self.next, self.is_drawn) = (Instant::now() + INTERVAL, true);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Errors of the terminal do not end the proof.
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[Kreading {name:?}, {} MiB",
            bytes >> 20
        );
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
