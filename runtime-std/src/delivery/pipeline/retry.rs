//! Retries, until the pipeline ends.

use std::sync::Arc;
use std::time::Duration;

use super::failure::PipelineError;
use super::progress::DeliveryProgress;
use super::steps::StepError;
use crate::output::ReaderLeft;

/// Before something is tried again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Tries to write to one thing. The pause between two tries grows until there is
/// progress: a receiver that takes a connection and drops it is none.
pub(super) struct Retry {
    what: Arc<str>,
    pause: Duration,
    is_told: bool,
}

impl Retry {
    pub(super) fn new(what: &str) -> Self {
        Self {
            what: what.into(),
            pause: PAUSE.0,
            is_told: false,
        }
    }

    /// Tries until it works; `None` when the pipeline ends. The
    /// first failure is reported.
    pub(super) fn until_stopped<T>(
        &mut self,
        progress: &DeliveryProgress,
        mut work: impl FnMut() -> Result<T, StepError>,
    ) -> Option<T> {
        loop {
            let error = match work() {
                Ok(done) => return Some(done),
                Err(StepError::NotDurable(error)) => {
                    progress.fail(PipelineError::NotDurable(error));
                    return None;
                }
                Err(StepError::BookmarkGone(error)) => {
                    progress.fail(PipelineError::BookmarkGone(error));
                    return None;
                }
                Err(StepError::Retry(error)) => error,
            };
            if error
                .get_ref()
                .is_some_and(|inner| inner.is::<ReaderLeft>())
            {
                progress.fail(PipelineError::ReaderLeft);
                return None;
            }
            if progress.is_over() {
                progress.fail(PipelineError::Output(self.what.to_string(), error));
                return None;
            }
            if !std::mem::replace(&mut self.is_told, true) {
                say!(
                    "estreamer: cannot write to {}: {error}. Nothing is lost: it is tried again, \
                     and the server waits.",
                    self.what
                );
            }
            progress.pause(self.pause);
            self.pause = (self.pause * 2).min(PAUSE.1);
        }
    }

    /// Something was accepted: the next failure is reported anew.
    pub(super) fn progressed(&mut self) {
        if std::mem::take(&mut self.is_told) {
            say!("estreamer: {} can be written again", self.what);
        }
        self.pause = PAUSE.0;
    }
}
