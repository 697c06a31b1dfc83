//! A configuration as it is written, before any file it names is touched: what
//! a file's text and a command's flags both become.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::tls::ServerRules;

use super::event::one_of;
use super::mistake::Mistake;
use super::suggest::shown;
use crate::config::Format;
use crate::config::address::Address;
use crate::config::ask::Fields;
use crate::config::number::{AHEAD, MEMORY, OVERLAP, QUEUE, SHUTDOWN};
use crate::config::read::identity::IdentityFiles;
use crate::format::Data;
use crate::output::destination::Destination;

/// A value and the line it stands on; 0 for an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub value: T,
}

impl<T> At<T> {
    /// The value of an argument.
    pub const fn argument(value: T) -> Self {
        Self { line: 0, value }
    }
}

/// A whole configuration. Units are those of the keys: seconds and MiB.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The directory of the bookmarks; `None`: that of the service, if any.
    pub state: Option<PathBuf>,
    /// Bundles acknowledged ahead.
    pub ahead: u32,
    /// Seconds asked for again.
    pub overlap: u32,
    /// MiB for events on their way.
    pub memory: u32,
    /// Seconds a stop may take.
    pub shutdown: u32,
    /// The servers.
    pub sources: Vec<SourceDraft>,
    /// The outputs.
    pub outputs: Vec<OutputDraft>,
}

/// One server.
#[derive(Debug, Clone)]
pub struct SourceDraft {
    /// Its name; where none is given, the first server as typed.
    pub name: At<String>,
    /// Where it is: servers that are tried in turn.
    pub servers: At<Vec<Address>>,
    /// Where to connect from.
    pub bind: Option<IpAddr>,
    /// Where the identity is read from.
    pub identity: At<IdentityFiles>,
    /// What is asked.
    pub ask: AskDraft,
    /// Where to start without a bookmark.
    pub from: InitialTimestamp,
    /// The form of the request; `None`: one after the other is tried.
    pub request_form: Option<At<RequestForm>>,
    /// Seconds the server may be silent after the request.
    pub request_timeout: u32,
    /// What its record length counts.
    pub record_length: RecordLength,
    /// Deviations to show.
    pub quirks: Quirks,
    /// How the server is judged.
    pub rules: ServerRules,
}

/// What is asked, and on which line.
pub type AskDraft = At<Asked>;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Event types with fields, in this form.
    Events(Vec<Fields>, Data),
    /// A ready-made JSON block in this file.
    Request(PathBuf),
}

/// One output.
#[derive(Debug, Clone)]
pub struct OutputDraft {
    /// Its name; where none is given, what it writes to.
    pub name: At<String>,
    /// Where to, and on which line.
    pub url: At<Destination>,
    /// In which form.
    pub format: Format,
    /// Whether its delivery moves the bookmark.
    pub required: bool,
    /// Permissions of the files that are made.
    pub mode: u32,
    /// MiB it may lag behind, if it is not required.
    pub queue: u32,
    /// The sources it takes; `None`: all.
    pub sources: Option<Vec<At<String>>>,
    /// The event types it takes; `None`: all.
    pub events: Option<Vec<EventKind>>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            state: None,
            ahead: AHEAD.default,
            overlap: OVERLAP.default,
            memory: MEMORY.default,
            shutdown: SHUTDOWN.default,
            sources: Vec::new(),
            outputs: Vec::new(),
        }
    }
}

impl OutputDraft {
    /// A required output of everything.
    pub fn to(destination: At<Destination>) -> Self {
        Self {
            name: At::argument(destination.value.to_string()),
            url: destination,
            format: Format::Lines,
            required: true,
            mode: crate::config::MODE,
            queue: QUEUE.default,
            sources: None,
            events: None,
        }
    }

    /// Whether it takes events of this source.
    pub fn takes(&self, source: &str) -> bool {
        let names = self.sources.as_deref();
        names.is_none_or(|names| names.iter().any(|name| name.value == source))
    }
}

impl Draft {
    /// What contradicts itself, as far as that is known without the files named.
    pub fn check(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        if self.sources.is_empty() {
            let remedy = "Add [[source]] with server and pkcs12";
            mistakes.push(Mistake::new(
                0,
                "there is no source to collect from",
                remedy,
            ));
        }
        for name in self.sources.iter().map(|source| &source.name) {
            if name.value.is_empty() {
                let remedy = "Leave the name out, or give it one: bookmarks are found by it";
                mistakes.push(Mistake::new(
                    name.line,
                    "the name of a source is empty",
                    remedy,
                ));
            }
        }
        let names = self.sources.iter().map(|source| source.name.clone());
        for (name, first) in repeated(names) {
            let what = format!("a second source is named {:?}{first}", name.value);
            let remedy = "Give each its own name: bookmarks are found by it";
            mistakes.push(Mistake::new(name.line, what, remedy));
        }
        self.check_servers(&mut mistakes);
        let targets = self.outputs.iter().map(|output| At {
            line: output.url.line,
            value: output.url.value.to_string(),
        });
        let targets = repeated(targets);
        let names = self.outputs.iter().map(|output| output.name.clone());
        for (name, first) in repeated(names) {
            // An output without a name of its own has that of its target.
            if !targets.iter().any(|(target, _)| target.value == name.value) {
                let what = format!("a second output is named {:?}{first}", name.value);
                let remedy = "Give each its own name: bookmarks know it by that";
                mistakes.push(Mistake::new(name.line, what, remedy));
            }
        }
        for (target, first) in targets {
            let what = format!("{} is an output twice{first}", target.value);
            mistakes.push(Mistake::new(target.line, what, "Name each output once"));
        }
        self.check_sources(&mut mistakes);
        let required = self.outputs.is_empty() || self.outputs.iter().any(|o| o.required);
        if self.state.is_some() && !required {
            let what = "no output is required, so bookmarks would never move";
            let remedy = "Leave out required = false for one of them, or leave out state";
            mistakes.push(Mistake::new(0, what, remedy));
        }
        mistakes
    }

    /// Whether the servers of each source can take turns.
    fn check_servers(&self, mistakes: &mut Vec<Mistake>) {
        for source in &self.sources {
            let At { line, value } = &source.servers;
            let all = value.iter().map(|server| At {
                line: 0,
                value: server.to_string(),
            });
            for (server, _) in repeated(all) {
                let what = format!("{} is a server of the source twice", server.value);
                mistakes.push(Mistake::new(*line, what, "Name each server once"));
            }
            if value.len() > 1 && source.rules.fingerprint.is_some() {
                let what = "one fingerprint cannot be that of several servers";
                let remedy = "Leave the fingerprint out, or name one server";
                mistakes.push(Mistake::new(*line, what, remedy));
            }
        }
    }

    /// Whether the sources agree with themselves, and those that outputs name
    /// exist.
    fn check_sources(&self, mistakes: &mut Vec<Mistake>) {
        for source in &self.sources {
            if let (Some(form), Some(shown)) =
                (&source.request_form, RequestForm::of(source.quirks))
                && form.value != shown
            {
                let what = format!(
                    "request_form is {:?}, and the quirks of {:?} ask for {:?}",
                    form.value.name(),
                    source.name.value,
                    shown.name()
                );
                let remedy = "Leave out the quirks whose names begin with request-";
                mistakes.push(Mistake::new(form.line, what, remedy));
            }
        }
        let known = self.sources.iter().map(|source| source.name.value.as_str());
        for output in &self.outputs {
            for name in output.sources.iter().flatten() {
                if !known.clone().any(|source| source == name.value) {
                    let what = format!("there is no source {}", shown(&name.value));
                    let remedy = format!("Use {}", one_of(&name.value, known.clone()));
                    mistakes.push(Mistake::new(name.line, what, remedy));
                }
            }
        }
    }
}

/// Names that stand more than once, each with where it stood first.
fn repeated(names: impl Iterator<Item = At<String>>) -> Vec<(At<String>, Since)> {
    let mut first = BTreeMap::new();
    let mut repeated = Vec::new();
    for name in names {
        match first.get(&name.value) {
            Some(&line) => repeated.push((name, Since(line))),
            None => drop(first.insert(name.value, name.line)),
        }
    }
    repeated
}

/// The other line, where there are lines.
struct Since(usize);

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            line => write!(f, ", as the one of line {line}"),
        }
    }
}
