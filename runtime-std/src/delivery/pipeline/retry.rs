//! Retries of writes until the pipeline ends.

use std::time::Duration;

use super::failure::PipelineError;
use super::output_log::OutputLog;
use super::progress::DeliveryProgress;
use super::steps::StepError;
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
    pause: Duration,
    pub(super) log: OutputLog,
}

impl Retry {
    pub(super) fn new(log: OutputLog) -> Self {
        Self {
            pause: MIN_PAUSE,
            log,
        }
    }

    /// Retries `work` until it succeeds; returns `None` if the pipeline ends. Tells
    /// failures.
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
                Err(StepError::Contradiction(error)) => {
                    progress.fail(PipelineError::Contradiction(error));
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
                progress.fail(PipelineError::Output(self.log.name().to_owned(), error));
                return None;
            }
            self.log.failed(&error);
            progress.pause(self.pause);
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
    }

    /// Records progress: resets the pause, and tells a recovery.
    pub(super) fn progressed(&mut self) {
        self.log.works();
        self.pause = MIN_PAUSE;
    }
}
