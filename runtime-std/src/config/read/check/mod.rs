//! Checks a configuration without connecting: its text, the files that it names, and the
//! directories that it needs. Every problem is found in one pass.
//!
//! - `fields`: the fields that outputs name.
//! - `named`: the files that a source names. `place`: the paths that are written to.
//! - `user`: the user of the check, because permissions depend on it.

mod fields;
mod named;
mod place;
mod user;

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use estreamer_core::wire::InitialTimestamp;

use super::diagnostic::{Diagnostic, Hint};
use super::file::{self, Parsed};
use super::load::Expected;
use super::output_paths::{self, Around};
use super::raw::{RawConfig, RawSource};
use crate::config::address::Address;
use crate::config::from;
use crate::config::{Config, EventRequest};
use crate::disk::directory;
use crate::failure::Failure;
use crate::output::destination::Destination;

pub use user::user;

/// The result of a check.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checked {
    /// What could be read. It is complete if there is no mistake and nothing is unopened.
    pub config: Config,
    /// The sources whose identity could not be opened outside the service.
    pub unopened: Vec<Unopened>,
    /// What makes the configuration unusable, sorted by line.
    pub mistakes: Vec<Diagnostic>,
    /// What works, but should be looked at, sorted by line.
    pub warnings: Vec<Diagnostic>,
    /// Outdated spellings.
    pub hints: Vec<Hint>,
}

/// A source whose password is a credential that only the service has.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unopened {
    /// The name of the source.
    pub name: String,
    /// Its servers.
    pub servers: Vec<Address>,
    /// What it requests.
    pub request: EventRequest,
    /// The start without a bookmark.
    pub from: InitialTimestamp,
    /// The name of the credential.
    pub credential: String,
}

/// Checks a configuration. With `in_service`, credentials have to be there; without, an
/// identity whose credential is not set is left out.
///
/// # Errors
/// The file cannot be read.
pub fn check(path: &Path, in_service: bool) -> Result<Checked, Failure> {
    let text = file::read_text(path)?;
    let Parsed {
        mut raw,
        mistakes,
        is_complete,
    } = file::parse_all(&text);
    let base = path.parent().unwrap_or(Path::new(""));
    let around = Around {
        configuration: Some(path),
        capture: None,
    };
    let hints = std::mem::take(&mut raw.hints);
    let mut found = Found {
        base,
        in_service,
        mistakes,
        warnings: Vec::new(),
    };
    let expected = Expected {
        is_complete,
        credentials: in_service,
    };
    let examined = raw.examine(base, &around, expected, &mut found.mistakes);
    found.places(&raw);
    found.fields(&raw);
    let mut unopened = Vec::new();
    let sources = raw.sources.clone();
    let mut opened = raw.identities(base).into_iter();
    let config = raw.finish(base, examined, |source, request| {
        found.source(source);
        match found.identity(source, opened.next()?) {
            Ok(identity) => identity,
            Err(credential) => {
                unopened.extend(request.map(|request| Unopened {
                    name: source.name.value.clone(),
                    servers: source.servers.value.clone(),
                    request: request.clone(),
                    from: source.from,
                    credential,
                }));
                None
            }
        }
    });
    for source in &sources {
        found.start(source);
    }
    let Found {
        mut mistakes,
        mut warnings,
        ..
    } = found;
    for list in [&mut mistakes, &mut warnings] {
        list.sort_by_key(|found| found.line);
        list.dedup();
    }
    Ok(Checked {
        config,
        unopened,
        mistakes,
        warnings,
        hints,
    })
}

/// What was found so far.
struct Found<'a> {
    base: &'a Path,
    in_service: bool,
    mistakes: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Found<'_> {
    /// Looks at the state directory and at the paths of file outputs. A directory is
    /// reported once.
    fn places(&mut self, raw: &RawConfig) {
        let mut seen = BTreeSet::new();
        if let Some(state) = &raw.state {
            seen.insert(state.clone());
            let line = raw.lines.of("state", 0);
            self.put(line, place::state(state));
        }
        for output in &raw.outputs {
            for (line, file) in output.receiver.files() {
                self.secrecy(line, &file);
            }
            let line = output.url.line;
            let paths: Vec<PathBuf> = match &output.url.value {
                Destination::File(pattern) => {
                    let pattern = pattern.clone().under(&self.base.to_string_lossy());
                    self.put(
                        line,
                        output.group.and_then(place::group).into_iter().collect(),
                    );
                    let paths = output_paths::paths(&pattern, output, raw);
                    paths.into_keys().collect()
                }
                // By default it is in the state directory.
                _ => output_paths::errors_path(raw, output, self.base)
                    .into_iter()
                    .collect(),
            };
            let directories: BTreeSet<PathBuf> =
                paths.iter().map(|path| directory(path).into()).collect();
            for path in directories {
                if seen.insert(path.clone()) {
                    self.put(line, place::of_files(&path));
                }
            }
            let problem = paths.iter().find_map(|path| place::file(path));
            self.put(line, problem.into_iter().collect());
        }
    }

    /// Looks at what a source names besides its identity.
    fn source(&mut self, source: &RawSource) {
        let Some(bind) = source.bind else {
            return;
        };
        if let Err(error) = UdpSocket::bind((bind, 0)) {
            let line = source.lines.of("bind", source.servers.line);
            let what = format!("bind: {bind} cannot be used: {error}");
            let remedy = "Use an address of this machine (`ip address` lists them), or remove bind";
            self.mistakes.push(Diagnostic::new(line, what, remedy));
        }
    }

    /// Warns of a start in the future.
    fn start(&mut self, source: &RawSource) {
        if let Some(what) = from::is_ahead(source.from) {
            let line = source.lines.of("from", source.servers.line);
            let what = format!("from: {what}");
            let remedy = "Check the year, or remove from to start at the present";
            self.warnings.push(Diagnostic::new(line, what, remedy));
        }
    }

    fn put(&mut self, line: usize, problems: Vec<place::Problem>) {
        for problem in problems {
            let list = match problem.is_mistake {
                true => &mut self.mistakes,
                false => &mut self.warnings,
            };
            list.push(Diagnostic::new(line, problem.what, problem.remedy));
        }
    }
}
