//! Retries of writes until the pipeline ends.

use std::time::Duration;

use super::failure::PipelineError;
use super::output_log::OutputLog;
use super::progress::DeliveryProgress;
use super::steps::StepError;
use crate::output::{NotAcknowledged, ReaderLeft};

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
    /// failures. At a stop, only an acknowledgement is still waited for.
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
            let inner = error.get_ref();
            let may_still_come = inner.is_some_and(|inner| inner.is::<NotAcknowledged>());
            if progress.has_failed() || (progress.is_over() && !may_still_come) {
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

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};
    use std::sync::Arc;

    use estreamer_mio::event_loop::EventLoop;

    use super::*;
    use crate::delivery::ledger::Ledger;
    use crate::delivery::output_counts::Standing;
    use crate::delivery::pipeline::progress::Rules;
    use crate::failure::Wording;

    fn scene() -> (Retry, Arc<Standing>, DeliveryProgress) {
        let standing = Arc::<Standing>::default();
        let retry = Retry::new(OutputLog::required("out", standing.clone()));
        let rules = Rules {
            is_strict: false,
            has_bookmark: true,
        };
        let wake = EventLoop::<()>::new().unwrap().handle();
        let ledger = Arc::new(Ledger::new(5, Wording::default()));
        (
            retry,
            standing,
            DeliveryProgress::new(1, 0, rules, wake, ledger),
        )
    }

    fn full() -> io::Error {
        ErrorKind::StorageFull.into()
    }

    #[test]
    fn a_write_is_retried_after_longer_and_longer_pauses() {
        let (mut retry, standing, progress) = scene();
        let mut failures = 2;
        let done = retry.until_stopped(&progress, || match failures {
            0 => Ok("done"),
            _ => {
                failures -= 1;
                Err(StepError::Retry(full()))
            }
        });
        assert_eq!((done, standing.retries()), (Some("done"), 2));
        assert_eq!(retry.pause, 4 * MIN_PAUSE);
        assert!(standing.failing().is_some());
        retry.progressed();
        assert_eq!(retry.pause, MIN_PAUSE);
        assert!(standing.failing().is_none());
        assert!(!progress.has_failed());
    }

    #[test]
    fn what_failed_before_a_reload_works_again() {
        let (mut retry, standing, _) = scene();
        standing.failed(&full());
        retry.progressed();
        assert!(standing.failing().is_none());
        // From then on, what another log tells of it is true.
        standing.failed(&full());
        retry.progressed();
        assert!(standing.failing().is_some());
    }

    #[test]
    fn what_a_retry_does_not_mend_ends_the_pipeline() {
        let ended = |error| {
            let (mut retry, _, progress) = scene();
            let mut error = Some(error);
            let done = retry.until_stopped::<()>(&progress, || Err(error.take().unwrap()));
            assert_eq!(done, None);
            progress.take_failure().unwrap()
        };
        use PipelineError as Ended;
        assert!(matches!(
            ended(StepError::NotDurable(full())),
            Ended::NotDurable(_)
        ));
        assert!(matches!(
            ended(StepError::BookmarkGone(full())),
            Ended::BookmarkGone(_)
        ));
        assert!(matches!(
            ended(StepError::Contradiction(full())),
            Ended::Contradiction(_)
        ));
        let left = StepError::Retry(io::Error::other(ReaderLeft));
        assert!(matches!(ended(left), Ended::ReaderLeft));
    }

    #[test]
    fn a_write_that_fails_at_the_end_is_the_reason() {
        let (mut retry, _, progress) = scene();
        progress.finish();
        let done = retry.until_stopped::<()>(&progress, || Err(StepError::Retry(full())));
        assert_eq!(done, None);
        let failure = progress.take_failure();
        assert!(
            matches!(&failure, Some(PipelineError::Output(name, _)) if name == "out"),
            "{failure:?}"
        );
    }

    #[test]
    fn an_acknowledgement_is_waited_for_at_the_end_until_it_is_too_late() {
        let waits = || StepError::Retry(io::Error::other(NotAcknowledged("indexers")));
        let (mut retry, _, progress) = scene();
        progress.finish();
        let mut waited = 0;
        let done = retry.until_stopped(&progress, || {
            waited += 1;
            if waited < 10 {
                Err(waits())
            } else {
                Ok("done")
            }
        });
        assert_eq!((done, progress.has_failed()), (Some("done"), false));
        let done = retry.until_stopped::<()>(&progress, || {
            progress.fail(PipelineError::Late);
            Err(waits())
        });
        assert_eq!(done, None);
        assert!(matches!(progress.take_failure(), Some(PipelineError::Late)));
    }
}
