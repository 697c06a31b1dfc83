//! The status of a run, as JSON: the schema is `docs/status.schema.json`.
//!
//! Times are UNIX seconds, durations are seconds. A field that is not known is `null`.
//! Readers ignore fields that they do not know: fields are added without a new
//! [`VERSION`].

use serde::{Deserialize, Serialize};

/// The version of the schema. It changes when a field is removed or gets another meaning.
pub const VERSION: u32 = 1;

/// The status of a run at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// The version of the schema.
    pub version: u32,
    /// When the status was taken.
    pub at: f64,
    /// What the run does.
    pub state: RunState,
    /// Seconds since the event loop turned last. It turns at least once a second.
    pub loop_age: f64,
    /// The process.
    pub process: Process,
    /// Memory for events between servers and outputs.
    pub memory: Memory,
    /// Why the journal of the bookmark cannot be written, if it cannot.
    pub journal_failure: Option<Trouble>,
    /// The sources, by name.
    pub sources: Vec<Source>,
    /// The outputs: first the required ones.
    pub outputs: Vec<Output>,
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunState {
    /// It opens bookmark and outputs.
    Starting,
    /// It waits for space on the disk.
    WaitingForSpace,
    /// The outputs are open; sources connect or are connected.
    Collecting,
    /// It delivers what was received, and ends.
    Stopping,
}

/// The process of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// When the run started.
    pub started: f64,
    /// The version of the program.
    pub version: String,
    /// The system and processor that it was built for.
    pub target: String,
    /// The configuration file.
    pub configuration: Option<String>,
    /// The state directory.
    pub state_directory: Option<String>,
    /// Bytes of memory that are resident.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
}

/// Memory for events between servers and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Memory {
    /// Bytes in use.
    pub used_bytes: u64,
    /// The maximum. When it is reached, the servers wait.
    pub limit_bytes: u64,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trouble {
    /// What happened, to what.
    pub what: String,
    /// What to do about it; empty if nothing is known.
    pub remedy: String,
    /// When it happened; for a state that lasts, since when.
    pub at: f64,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// The name.
    pub name: String,
    /// What it does.
    pub state: SourceState,
    /// Since when.
    pub since: f64,
    /// Until when it waits before the next attempt.
    pub until: Option<f64>,
    /// The current server, as configured.
    pub server: Option<String>,
    /// The address of the current connection, or of the last one.
    pub address: Option<String>,
    /// The version of TLS, such as `TLS 1.3`.
    pub tls: Option<String>,
    /// The certificate of the server.
    pub server_certificate: Option<Certificate>,
    /// The certificate of this client.
    pub identity: Certificate,
    /// Events from the server, duplicates included.
    pub received: Volume,
    /// Events that every required output has accepted.
    pub accepted: Volume,
    /// Accepted events that are durable in the bookmark.
    pub durable: Volume,
    /// The same by event type; `other` is every other record type.
    pub by_event: Vec<ByEvent>,
    /// Bytes from the server, framing included.
    pub stream_bytes: u64,
    /// Bundles from the server.
    pub bundles: u64,
    /// The rates over the last seconds.
    pub rate: Rate,
    /// The newest archival second that every required output has accepted.
    pub newest: Option<u32>,
    /// How old that is. It also grows while the server has no new events.
    pub lag: Option<f64>,
    /// Events between the server and the outputs.
    pub in_flight: u64,
    /// Events left out because they were delivered before.
    pub duplicates: u64,
    /// Events delivered before that did not come again at a resume.
    pub missing: u64,
    /// Malformed records, delivered in error envelopes.
    pub malformed: u64,
    /// Records over the size limit, delivered without data in error envelopes.
    pub oversize: u64,
    /// Events dropped by outputs that are not required.
    pub dropped: u64,
    /// Events stored more than an hour ahead of the local clock.
    pub ahead: u64,
    /// Events that are not remembered because memory is used up: they come twice if the
    /// connection ends now.
    pub unremembered: u64,
    /// Events stored before the resume second.
    pub set_back: u64,
    /// The maximum number of seconds by which events were out of order.
    pub disorder: u64,
    /// The deviations of the server from the guide that were seen.
    pub quirks: Vec<Named>,
    /// Established connections.
    pub connections: u64,
    /// Changes of the server that answers.
    pub server_changes: u64,
    /// Attempts and connections that ended, by cause. Every cause is listed.
    pub ends: Vec<Named>,
    /// The last failure.
    pub trouble: Option<Trouble>,
    /// What the bookmark is at; `null` without a state directory, or before the first
    /// commit.
    pub bookmark: Option<Bookmark>,
}

/// What a source does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SourceState {
    /// It resolves the name of its server.
    Resolving,
    /// It connects: TCP, TLS.
    Connecting,
    /// The session has started.
    Connected,
    /// It waits before the next attempt.
    Waiting,
    /// It has ended.
    Ended,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Certificate {
    /// The subject.
    pub subject: String,
    /// The end of its validity.
    pub not_after: i64,
    /// Whole days until then; negative after it.
    pub days_left: i64,
}

/// A number of events, and the bytes of their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Volume {
    /// Events.
    pub events: u64,
    /// Bytes of their data, without headers.
    pub bytes: u64,
}

/// The volumes of an event type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ByEvent {
    /// The event type, such as `ConnectionEvent`.
    pub event: String,
    /// From the server.
    pub received: Volume,
    /// Accepted by every required output.
    pub accepted: Volume,
    /// Durable in the bookmark.
    pub durable: Volume,
}

/// Rates per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Rate {
    /// The period in seconds, at most 10.
    pub over: f64,
    /// Events from the server.
    pub received: f64,
    /// Events that every required output has accepted.
    pub accepted: f64,
    /// Bytes from the server.
    pub stream_bytes: f64,
}

/// A count with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Named {
    /// The name.
    pub name: String,
    /// The count.
    pub count: u64,
}

/// What the bookmark of a source is at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bookmark {
    /// The newest archival second in it.
    pub second: Option<u32>,
    /// The archival second that a restart asks from.
    pub resume_from: u32,
    /// The last commit of events of this source; `null` before the first one of this run.
    pub committed: Option<f64>,
    /// How long ago that was.
    pub age: Option<f64>,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Output {
    /// The name.
    pub name: String,
    /// The kind of the destination: the scheme of its URL.
    pub kind: String,
    /// Whether the bookmark waits for it.
    pub required: bool,
    /// Why it fails, and since when; `null` while it works.
    pub failure: Option<Trouble>,
    /// The time from the hand-over of a batch to its acceptance.
    pub latency: Latency,
    /// Accepted batches.
    pub batches: u64,
    /// Bytes of accepted batches, formatted.
    pub bytes: u64,
    /// Failed writes that were retried.
    pub retries: u64,
    /// What waits for it.
    pub backlog: Backlog,
    /// Events that did not fit its queue.
    pub dropped: u64,
    /// Events that its condition leaves out.
    pub filtered: u64,
}

/// A histogram of seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Latency {
    /// The number of batches.
    pub count: u64,
    /// The sum of their times.
    pub sum: f64,
    /// The number of batches up to each bound and above the one before.
    pub buckets: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Bucket {
    /// The upper bound in seconds; `null` is infinite.
    pub up_to: Option<f64>,
    /// The count.
    pub count: u64,
}

/// What waits for an output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[non_exhaustive]
pub struct Backlog {
    /// Batches.
    pub batches: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long the first of them has waited.
    pub age: f64,
}

/// The event loop is stuck when it has not turned for this number of seconds.
pub const STUCK: f64 = 15.0;

impl Status {
    /// Returns whether the event loop turned lately.
    pub fn is_alive(&self) -> bool {
        self.loop_age < STUCK
    }

    /// Returns whether it collects: the event loop turns, the outputs are open, no required output
    /// fails, and at least one source is connected.
    pub fn is_ready(&self) -> bool {
        self.is_alive()
            && self.state == RunState::Collecting
            && self.journal_failure.is_none()
            && self
                .outputs
                .iter()
                .all(|it| !it.required || it.failure.is_none())
            && self
                .sources
                .iter()
                .any(|it| it.state == SourceState::Connected)
    }

    /// Returns what is wrong now, one sentence for each; nothing if all is well: every
    /// source is connected, and every output works.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.state {
            RunState::Collecting => {}
            RunState::Stopping => problems.push("the collector is stopping".into()),
            RunState::Starting => problems.push("the collector is starting".into()),
            RunState::WaitingForSpace => problems.push("the disk is full".into()),
        }
        if !self.is_alive() {
            let age = self.loop_age;
            problems.push(format!("the event loop has not turned for {age:.0} s"));
        }
        if let Some(failure) = &self.journal_failure {
            problems.push(format!("the journal cannot be written: {}", failure.what));
        }
        for source in &self.sources {
            if source.state != SourceState::Connected {
                let (name, state) = (&source.name, source.state);
                problems.push(format!("source {name} is not connected: {state}"));
            }
        }
        for output in &self.outputs {
            if let Some(failure) = &output.failure {
                let (name, what) = (&output.name, &failure.what);
                problems.push(format!("output {name} fails: {what}"));
            }
        }
        problems
    }
}

impl std::fmt::Display for SourceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Resolving => "resolving",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
        })
    }
}

impl std::fmt::Display for RunState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::WaitingForSpace => "waiting-for-space",
            Self::Collecting => "collecting",
            Self::Stopping => "stopping",
        })
    }
}
