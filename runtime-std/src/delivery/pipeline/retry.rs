//! Retries of writes until the pipeline ends.

use std::sync::Arc;
use std::time::Duration;

use super::failure::PipelineError;
use super::progress::DeliveryProgress;
use super::steps::StepError;
use crate::delivery::output_counts::Standing;
use crate::output::ReaderLeft;

/// The first pause before a retry.
const MIN_PAUSE: Duration = Duration::from_millis(50);
/// The maximum pause before a retry.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Retries writes to one destination. The pause grows until [`progressed`] is called: an
/// accepted connection alone is not progress.
///
/// [`progressed`]: Self::progressed
pub(super) struct Retry {
    what: Arc<str>,
    pause: Duration,
    is_reported: bool,
    standing: Arc<Standing>,
}

impl Retry {
    /// `standing` receives whether the destination can be written.
    pub(super) fn new(what: &str, standing: Arc<Standing>) -> Self {
        Self {
            what: what.into(),
            pause: MIN_PAUSE,
            is_reported: false,
            standing,
        }
    }

    /// Retries `work` until it succeeds; returns `None` if the pipeline ends. Reports the
    /// first failure.
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
            self.standing.failed(&error);
            if !std::mem::replace(&mut self.is_reported, true) {
                say!(
                    "estreamer: cannot write to {}: {error}. The write is retried, and the server \
                     waits: no event is lost.",
                    self.what
                );
            }
            progress.pause(self.pause);
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
    }

    /// Records progress: resets the pause, and the next failure is reported again.
    pub(super) fn progressed(&mut self) {
        if std::mem::take(&mut self.is_reported) {
            self.standing.works();
            say!("estreamer: {} can be written again", self.what);
        }
        self.pause = MIN_PAUSE;
    }
}
