//! `estreamer catalog`: which fields may be asked for.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use estreamer::input;
use estreamer_simulate::catalog::Catalog;

/// Look at an event catalogue: a Management Center's
/// /etc/sf/EventHandler/EventCatalog/EventCatalog.json, or the simulator's own.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer catalog list EventCatalog.json")]
pub(super) struct CatalogCommand {
    #[command(subcommand)]
    command: CatalogAction,
}

#[derive(Subcommand)]
enum CatalogAction {
    /// Print every event type with its field sets and fields.
    #[command(after_help = "Example:\n  estreamer catalog list EventCatalog.json")]
    List {
        /// The catalogue; the simulator's own if none is given.
        file: Option<PathBuf>,
        /// Print it in the Management Center's form.
        #[arg(long)]
        json: bool,
    },
    /// Print what would surprise a request, one finding a line; the exit status
    /// is 1 if there are any.
    #[command(after_help = "Example:\n  estreamer catalog lint EventCatalog.json")]
    Lint {
        /// The catalogue.
        file: PathBuf,
    },
    /// Print what a second catalogue has more (+) and less (-) than the first.
    #[command(after_help = "Example:\n  estreamer catalog diff before.json after.json")]
    Diff {
        /// The one, say of the release before an upgrade.
        before: PathBuf,
        /// The other.
        after: PathBuf,
    },
}

impl CatalogCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            CatalogAction::List { file, json } => {
                let catalog = match file {
                    Some(file) => read(&file)?,
                    None => Catalog::built_in(),
                };
                match json {
                    true => print(&catalog.to_json()),
                    false => print(&catalog.to_string()),
                }
            }
            CatalogAction::Lint { file } => {
                let findings = read(&file)?.lint();
                let lines = findings.iter().map(|finding| format!("{finding}\n"));
                print(&lines.collect::<String>())?;
                match findings.len() {
                    0 => Ok(()),
                    count => Err(Failure::failed(
                        format!("{} has {count} findings", file.display()),
                        "Ask for no name they are about, or correct the file",
                    )),
                }
            }
            CatalogAction::Diff { before, after } => {
                let (before, after) = (read(&before)?, read(&after)?);
                let lines = before.diff(&after).into_iter().map(|line| line + "\n");
                print(&lines.collect::<String>())
            }
        }
    }
}

/// Bytes of an event catalogue.
const MOST_BYTES: usize = 16 << 20;

fn read(file: &Path) -> Result<Catalog, Failure> {
    let json = input::read(file, MOST_BYTES).map_err(|error| {
        Failure::failed(
            format!("cannot read {}: {error}", file.display()),
            "Check the path and its permissions",
        )
    })?;
    Catalog::parse(&json)
        .map_err(|error| Failure::failed(format!("{}: {error}", file.display()), ""))
}

fn print(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever read our output has had enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(
            format!("cannot print the catalogue: {error}"),
            "",
        )),
        _ => Ok(()),
    }
}
