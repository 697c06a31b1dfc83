//! `estreamer catalog`: the fields that can be requested.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use estreamer::config::Format;
use estreamer::shared;
use estreamer::shared::{Count, MappingRow, mapping};
use estreamer_core::fqe::EventKind;
use estreamer_simulate::catalog::Catalog;

/// Show an event catalogue: that of a Management Center,
/// /etc/sf/EventHandler/EventCatalog/EventCatalog.json, or that of the simulator.
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
        /// The catalogue; by default that of the simulator.
        file: Option<PathBuf>,
        /// Print it in the form of the Management Center.
        #[arg(long)]
        json: bool,
    },
    /// Print errors that affect requests, one a line. The exit status is 1 if there are
    /// any.
    #[command(after_help = "Example:\n  estreamer catalog lint EventCatalog.json")]
    Lint {
        /// The catalogue.
        file: PathBuf,
        /// Also print where each field goes in this format, and which fields keep their own
        /// names there. These are no errors.
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
    },
    /// Print what the second catalogue has in addition (+) and what it lacks (-).
    #[command(after_help = "Example:\n  estreamer catalog diff before.json after.json")]
    Diff {
        /// The first catalogue, for example before an upgrade.
        before: PathBuf,
        /// The second catalogue.
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
            CatalogAction::Lint { file, format } => {
                let catalog = read(&file)?;
                if let Some(format) = format {
                    print(&homes(&catalog, format)?)?;
                }
                let findings = catalog.lint();
                let lines = findings.iter().map(|finding| format!("{finding}\n"));
                print(&lines.collect::<String>())?;
                match findings.len() {
                    0 => Ok(()),
                    count => Err(Failure::failed(
                        format!("{} has {}", file.display(), Count(count as u64, "finding")),
                        "Do not request the names in the findings, or correct the file",
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

/// Returns where each field of a catalogue goes in a format, one a line.
fn homes(catalog: &Catalog, format: Format) -> Result<String, Failure> {
    let rows = mapping(format).ok_or_else(|| {
        Failure::usage(
            format!("the format {format} has no mapping table: it passes events on as they are"),
            "Use ftd, cef, leef, ecs or ocsf",
        )
    })?;
    let mut text = String::new();
    for event in catalog.events() {
        let kind = EventKind::from_name(&event.name);
        for field in &event.fields {
            let is_home = |row: &&MappingRow| {
                row.field == Some(field)
                    && !row.is_copy
                    && kind.is_some_and(|kind| row.kinds.contains(&kind))
            };
            text += &match rows.iter().find(is_home) {
                Some(row) => format!("{} {field} -> {}\n", event.name, row.target),
                None => format!("{} {field} keeps its name\n", event.name),
            };
        }
    }
    Ok(text)
}

/// The maximum size of a catalogue in bytes.
const MOST_BYTES: usize = 16 << 20;

fn read(file: &Path) -> Result<Catalog, Failure> {
    let json = shared::read(file, MOST_BYTES).map_err(|error| {
        Failure::failed(
            format!("cannot read {}: {error}", file.display()),
            "Check the path and its permissions",
        )
    })?;
    let text = shared::text(&json).map_err(|error| {
        Failure::failed(
            format!("cannot read {}: {error}", file.display()),
            "Save it as UTF-8 text",
        )
    })?;
    Catalog::parse(text.as_bytes()).map_err(|error| {
        Failure::failed(
            format!("{}: {error}", file.display()),
            "Copy EventCatalog.json anew from the Management Center",
        )
    })
}

fn print(text: &str) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    match std::io::stdout().write_all(text.as_bytes()) {
        // A closed pipe is not an error.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(
            format!("cannot print the catalogue: {error}"),
            "",
        )),
        _ => Ok(()),
    }
}
