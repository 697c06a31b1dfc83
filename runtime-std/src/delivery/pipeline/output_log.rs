//! Tells whether an output can be written to.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use crate::count::Count;
use crate::delivery::output_counts::Standing;
use crate::trouble::{Trouble, Words};

/// Tells when an output fails and when it works again.
pub(super) struct OutputLog {
    /// The name; `None` for the journal.
    output: Option<Arc<str>>,
    /// What fails.
    what: &'static str,
    /// What happens to the events meanwhile.
    meanwhile: &'static str,
    trouble: Trouble,
    /// Whether nothing has worked yet since this pipeline began.
    is_fresh: bool,
    /// Receives whether the destination can be written, for the status.
    standing: Arc<Standing>,
}

const WAITS: &str = "The write is retried, and the server waits: no event is lost";
/// Of a commit: events are delivered meanwhile.
const UNRECORDED: &str = "This is retried: no event is lost";
const DROPS: &str = "The write is retried. This output is best effort: events that do not fit \
                     its queue are dropped and counted";

impl OutputLog {
    pub(super) fn required(name: &str, standing: Arc<Standing>) -> Self {
        Self::new(Some(name.into()), "cannot write", WAITS, standing)
    }

    pub(super) fn best_effort(name: &str, standing: Arc<Standing>) -> Self {
        Self::new(Some(name.into()), "cannot write", DROPS, standing)
    }

    pub(super) fn journal(standing: Arc<Standing>) -> Self {
        Self::new(None, "cannot write to the journal", WAITS, standing)
    }

    pub(super) fn commits(standing: Arc<Standing>) -> Self {
        let what = "cannot record in the journal what is delivered";
        Self::new(None, what, UNRECORDED, standing)
    }

    fn new(
        output: Option<Arc<str>>,
        what: &'static str,
        meanwhile: &'static str,
        standing: Arc<Standing>,
    ) -> Self {
        Self {
            output,
            what,
            meanwhile,
            trouble: Trouble::default(),
            is_fresh: true,
            standing,
        }
    }

    /// What is written to, for messages.
    pub(super) fn name(&self) -> &str {
        self.output.as_deref().unwrap_or("the journal")
    }

    /// A write failed and is retried.
    pub(super) fn failed(&mut self, error: &io::Error) {
        self.standing.failed(error);
        let now = Instant::now();
        self.summarise(now);
        let output = self.output.as_deref();
        let cause = match error.kind() {
            // A receiver that closes is seen in either way.
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => "closed".to_owned(),
            kind => kind.to_string(),
        };
        let text = format!("{}: {error}", self.what);
        let meanwhile = self.meanwhile;
        match self.trouble.failed(&cause, &text, now) {
            Some(times) => warn!(output, cause, "{text}{times}. {meanwhile}."),
            None => debug!(output, cause, "{text}"),
        }
    }

    /// The destination took what was written. Called for each batch.
    pub(super) fn works(&mut self) {
        let has_trouble = self.trouble.has_failed() || self.trouble.due().is_some();
        // What failed before a reload was told by another log.
        if !has_trouble && !std::mem::take(&mut self.is_fresh) {
            return;
        }
        self.standing.works();
        let now = Instant::now();
        let output = self.output.as_deref();
        if let Some(recovery) = self.trouble.works(now) {
            let what = match output {
                Some(_) => "works again after",
                None => "the journal works again after",
            };
            let failures = Count(recovery.failures.into(), "failed write");
            info!(output, "{what} {} and {failures}", Words(recovery.after));
        }
        self.summarise(now);
    }

    fn summarise(&mut self, now: Instant) {
        while let Some(summary) = self.trouble.summary(now) {
            warn!(output = self.output.as_deref(), "{summary}.");
        }
    }
}
