//! A configuration as written, in a file or as flags. The files that it names have
//! not been opened yet.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::tls::ServerRules;

pub use super::at::At;
use super::diagnostic::{Diagnostic, Hint};
use super::event::one_of;
use super::receiver::RawReceiver;
use super::suggest::shown;
use crate::config::address::{Address, kinds_differ};
use crate::config::event_request::EventFields;
use crate::config::number::{AHEAD, MEMORY, OVERLAP, PREPAID, QUEUE, SHUTDOWN};
use crate::config::read::identity::IdentityFiles;
use crate::config::{ArchiveRules, Condition, FieldSelection, Format, RetryPolicy};
use crate::format::OwnedTransform;
use crate::output::destination::Destination;
use crate::output::receivers::RecordNeeds;

/// The lines of the keys of a table; none for arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLines(BTreeMap<String, usize>);

impl KeyLines {
    /// Returns the line of a key, or `otherwise` if the key is not there.
    pub(super) fn of(&self, key: &str, otherwise: usize) -> usize {
        self.0.get(key).copied().unwrap_or(otherwise)
    }
}

impl<'k> FromIterator<(&'k str, usize)> for KeyLines {
    fn from_iter<I: IntoIterator<Item = (&'k str, usize)>>(lines: I) -> Self {
        let lines = lines.into_iter();
        Self(lines.map(|(key, line)| (key.to_owned(), line)).collect())
    }
}

/// A whole configuration. Units are those of the keys: seconds and MiB.
#[derive(Debug, Clone)]
pub struct RawConfig {
    /// The state directory; with `None`, that of the service is used if there is one.
    pub state: Option<PathBuf>,
    /// Bundles to acknowledge before delivery.
    pub ahead: u32,
    /// Null messages to send ahead of need.
    pub prepaid: u32,
    /// Seconds to request again at a resume.
    pub overlap: u32,
    /// MiB for events between connections and outputs.
    pub memory: u32,
    /// Seconds a stop may take.
    pub shutdown: u32,
    /// The address at which the status is served.
    pub listen: Option<SocketAddr>,
    /// What happens when a source fails that has never worked.
    pub retry: Option<RetryPolicy>,
    /// The sources.
    pub sources: Vec<RawSource>,
    /// The outputs.
    pub outputs: Vec<RawOutput>,
    /// Outdated spellings that were accepted.
    pub hints: Vec<Hint>,
    /// The lines of the keys at the top level.
    pub lines: KeyLines,
}

/// A source as written.
#[derive(Debug, Clone)]
pub struct RawSource {
    /// The name; by default the first server as typed.
    pub name: At<String>,
    /// The servers, tried in turn.
    pub servers: At<Vec<Address>>,
    /// The local address to connect from.
    pub bind: Option<IpAddr>,
    /// The files of the client certificate and key.
    pub identity: At<IdentityFiles>,
    /// Where the request comes from.
    pub request: At<RequestSource>,
    /// Whether what no output takes is left out of the request.
    pub minimal: bool,
    /// Whether anything was left out for that.
    pub is_reduced: bool,
    /// Where to start without a bookmark.
    pub from: InitialTimestamp,
    /// The form of the request; with `None`, the forms are tried in turn.
    pub request_form: Option<At<RequestForm>>,
    /// Seconds that the server may be silent after the request; 0 is no limit.
    pub request_timeout: u32,
    /// What the record length of this server counts.
    pub record_length: RecordLength,
    /// Deviations from the guide that this server needs.
    pub quirks: Quirks,
    /// How the server certificate is verified.
    pub rules: ServerRules,
    /// The lines of its keys.
    pub lines: KeyLines,
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestSource {
    /// Event types with fields, in this transform.
    Events(Vec<EventFields>, OwnedTransform),
    /// A file with a ready-made JSON block.
    File(PathBuf),
}

/// An output as written.
#[derive(Debug, Clone)]
pub struct RawOutput {
    /// The name; by default the destination.
    pub name: At<String>,
    /// The destination.
    pub url: At<Destination>,
    /// The format of the events.
    pub format: Format,
    /// Whether the bookmark waits for this output.
    pub required: bool,
    /// Permissions of new files.
    pub mode: u32,
    /// The number of the group of new files.
    pub group: Option<u32>,
    /// When a file is closed, and what is done to it then.
    pub archive: ArchiveRules,
    /// MiB that may wait for this output if it is not required.
    pub queue: u32,
    /// The settings of a receiver.
    pub receiver: RawReceiver,
    /// The sources it accepts, by name; `None` accepts all.
    pub sources: Option<Vec<At<String>>>,
    /// The event types it accepts; `None` accepts all.
    pub events: Option<Vec<EventKind>>,
    /// The condition that an event has to meet.
    pub condition: Option<At<Condition>>,
    /// The fields that are written; `None` writes all.
    pub fields: Option<At<FieldSelection>>,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            state: None,
            ahead: AHEAD.default,
            prepaid: PREPAID.default,
            overlap: OVERLAP.default,
            memory: MEMORY.default,
            shutdown: SHUTDOWN.default,
            listen: None,
            retry: None,
            sources: Vec::new(),
            outputs: Vec::new(),
            hints: Vec::new(),
            lines: KeyLines::default(),
        }
    }
}

impl RawOutput {
    /// Returns a required output that accepts everything.
    pub fn to(destination: At<Destination>) -> Self {
        Self {
            name: At::argument(destination.value.to_string()),
            url: destination,
            format: Format::Lines,
            required: true,
            mode: crate::config::MODE,
            group: None,
            archive: ArchiveRules::default(),
            queue: QUEUE.default,
            receiver: RawReceiver::default(),
            sources: None,
            events: None,
            condition: None,
            fields: None,
        }
    }

    /// Returns what its receiver needs and the output does not have.
    fn receiver_problem(&self) -> Option<Diagnostic> {
        let (needs, keys) = (self.url.value.needs(), self.url.value.keys());
        let (what, remedy) = if needs != RecordNeeds::Nothing && self.format == Format::Raw {
            let what = "frames each event as text, and raw is not text";
            (what, "Use format = \"ndjson\"")
        } else if self.format.has_head() && !self.url.value.holds_head() {
            let what = "is no file, and this format begins with something that only a file or \
                        standard output can have";
            (what, "Use url = \"file:PATH\", or format = \"ndjson\"")
        } else if keys.contains(&"api_key") && self.receiver.http.index.is_none() {
            let remedy = "Add index = \"NAME\" to [[output]]: the index or data stream";
            ("has no index", remedy)
        } else if keys.contains(&"token") && self.format == Format::Splunk {
            let what = "makes events for the collector itself, so splunk would make them twice";
            (what, "Use format = \"ndjson\"")
        } else if keys.contains(&"token") && self.receiver.credentials.is_none() {
            let remedy = "Add token = { file = \"FILE\" } to [[output]]: the token of the HTTP \
                          Event Collector";
            ("has no token", remedy)
        } else {
            return None;
        };
        let what = format!("the output {} {what}", self.name.value);
        Some(Diagnostic::new(self.url.line, what, remedy))
    }

    /// Returns whether the output accepts events of this source.
    pub fn accepts(&self, source: &str) -> bool {
        let names = self.sources.as_deref();
        names.is_none_or(|names| names.iter().any(|name| name.value == source))
    }
}

impl RawConfig {
    /// Returns the contradictions that can be found without opening any file. With
    /// `is_complete` false, nothing is concluded from what is missing.
    pub fn check(&self, is_complete: bool) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        if self.sources.is_empty() && is_complete {
            let remedy = "Add [[source]] with server and pkcs12";
            diagnostics.push(Diagnostic::new(0, "no source is configured", remedy));
        }
        for name in self.sources.iter().map(|source| &source.name) {
            if name.value.is_empty() {
                let remedy =
                    "Remove the name, or set one: the bookmark of a source is found by its name";
                diagnostics.push(Diagnostic::new(
                    name.line,
                    "the name of a source is empty",
                    remedy,
                ));
            }
        }
        let names = self.sources.iter().map(|source| source.name.clone());
        for (name, first) in repeated(names) {
            let what = format!("two sources are named {:?}{first}", name.value);
            let remedy = "Give each source its own name: its bookmark is found by that";
            diagnostics.push(Diagnostic::new(name.line, what, remedy));
        }
        self.check_servers(&mut diagnostics);
        // Several outputs may send different events to one receiver.
        let is_local = |output: &&RawOutput| {
            let to = &output.url.value;
            matches!(to, Destination::Stdout | Destination::File(_))
        };
        let targets = self.outputs.iter().filter(is_local).map(|output| At {
            line: output.url.line,
            value: output.url.value.to_string(),
        });
        let targets = repeated(targets);
        let names = self.outputs.iter().map(|output| output.name.clone());
        for (name, first) in repeated(names) {
            // The default name of an output is its destination.
            if !targets.iter().any(|(target, _)| target.value == name.value) {
                let what = format!("two outputs are named {:?}{first}", name.value);
                let remedy = "Give each output its own name: bookmarks record it by that";
                diagnostics.push(Diagnostic::new(name.line, what, remedy));
            }
        }
        for (target, first) in targets {
            let what = format!("two outputs write to {}{first}", target.value);
            diagnostics.push(Diagnostic::new(target.line, what, "Remove one of them"));
        }
        self.check_sources(is_complete, &mut diagnostics);
        for output in &self.outputs {
            diagnostics.extend(output.receiver_problem());
        }
        let required = self.outputs.is_empty() || self.outputs.iter().any(|o| o.required);
        if self.state.is_some() && !required && is_complete {
            let what = "no output is required, so the bookmark would never advance";
            let remedy = "Remove required = false from one output, or remove state";
            diagnostics.push(Diagnostic::new(self.lines.of("state", 0), what, remedy));
        }
        diagnostics
    }

    /// Checks the server lists.
    fn check_servers(&self, diagnostics: &mut Vec<Diagnostic>) {
        for source in &self.sources {
            let At { line, value } = &source.servers;
            let all = value.iter().map(|server| At {
                line: 0,
                value: server.to_string(),
            });
            if let Some(bind) = source.bind
                && let Some(server) = value.iter().find(|server| kinds_differ(bind, server))
            {
                let line = source.lines.of("bind", *line);
                let family = if bind.is_ipv4() { "IPv4" } else { "IPv6" };
                let what = format!(
                    "bind: {bind} is an {family} address, and the server {server} has one of the \
                     other kind"
                );
                let remedy = "Bind to an address of the same kind as the server's, or remove bind";
                diagnostics.push(Diagnostic::new(line, what, remedy));
            }
            for (server, _) in repeated(all) {
                let what = format!("the source lists the server {} twice", server.value);
                diagnostics.push(Diagnostic::new(*line, what, "Remove one of them"));
            }
            if value.len() > 1 && source.rules.fingerprint.is_some() {
                let what =
                    "server_fingerprint can match only one server, and the source lists several";
                let remedy = "Remove server_fingerprint, or list one server";
                diagnostics.push(Diagnostic::new(*line, what, remedy));
            }
        }
    }

    /// Checks that request forms match quirks, and that outputs name known sources.
    fn check_sources(&self, is_complete: bool, diagnostics: &mut Vec<Diagnostic>) {
        for source in &self.sources {
            if let (Some(form), Some(shown)) =
                (&source.request_form, RequestForm::of(source.quirks))
                && form.value != shown
            {
                let what = format!(
                    "request_form is {:?}, but the quirks of {:?} select {:?}",
                    form.value.name(),
                    source.name.value,
                    shown.name()
                );
                let remedy = "Remove the quirks whose names begin with request-";
                diagnostics.push(Diagnostic::new(form.line, what, remedy));
            }
        }
        if !is_complete {
            return;
        }
        let known = self.sources.iter().map(|source| source.name.value.as_str());
        for output in &self.outputs {
            for name in output.sources.iter().flatten() {
                if !known.clone().any(|source| source == name.value) {
                    let what = format!("unknown source {}", shown(&name.value));
                    let remedy = format!("Use {}", one_of(&name.value, known.clone()));
                    diagnostics.push(Diagnostic::new(name.line, what, remedy));
                }
            }
        }
    }
}

/// Returns the names that occur more than once, each with its first line.
fn repeated(names: impl Iterator<Item = At<String>>) -> Vec<(At<String>, FirstLine)> {
    let mut first = BTreeMap::new();
    let mut repeated = Vec::new();
    for name in names {
        match first.get(&name.value) {
            Some(&line) => repeated.push((name, FirstLine(line))),
            None => drop(first.insert(name.value, name.line)),
        }
    }
    repeated
}

/// The line of the first occurrence; 0 for an argument.
struct FirstLine(usize);

impl fmt::Display for FirstLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            line => write!(f, ", the first one on line {line}"),
        }
    }
}
