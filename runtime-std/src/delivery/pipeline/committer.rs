//! The committer thread: makes batches that every required output has accepted durable,
//! and appends the commit to the journal.

use std::sync::Arc;
use std::time::Duration;

use super::failure::PipelineError;
use super::output_log::OutputLog;
use super::progress::{DeliveryProgress, FailOnPanic};
use super::steps::{DeliverySteps, StepError};
use super::writer::OpenFiles;
use crate::disk::DiskFile;
use crate::sync::lock;

/// The interval of commits while events arrive.
const INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a commit that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the last commit is tried again.
const LAST_TRIES: u32 = 10;

/// Runs until every output has finished.
pub(super) fn run(files: &[OpenFiles], steps: &DeliverySteps, progress: &DeliveryProgress) {
    if !steps.has_journal() {
        return;
    }
    let _guard = FailOnPanic(progress);
    let mut log = OutputLog::commits(progress.journal().clone());
    let mut last_tries = 0;
    loop {
        let mut is_last = progress.wait_for_commit_due(INTERVAL);
        if is_last {
            match progress.wait_for_end_or_commit() {
                Some(ended) => is_last = ended,
                None => return,
            }
        }
        if progress.is_void() {
            // After a failed sync, another sync would falsely report success.
            discard(steps);
            return;
        }
        if progress.is_late() {
            // Another pipeline may use the journal by now.
            return;
        }
        let cut = progress.cut();
        let step = match cut > progress.durable() {
            true => commit(files, steps, progress, cut).inspect(|()| log.works()),
            // Retried writes make the journal longer, too.
            false => steps.rotate_if_full(),
        };
        match step {
            Ok(()) => {}
            // For example a full disk.
            Err(StepError::Retry(error)) if is_last && last_tries == LAST_TRIES => {
                progress.fail(PipelineError::Output("the journal".into(), error));
            }
            Err(StepError::Retry(error)) => {
                log.failed(&error);
                last_tries += u32::from(is_last);
                // An output that waits for this commit makes the next one due at once.
                std::thread::sleep(PAUSE);
                if is_last {
                    continue;
                }
            }
            Err(StepError::NotDurable(error)) => progress.fail(PipelineError::NotDurable(error)),
            Err(StepError::Contradiction(error)) => {
                progress.fail(PipelineError::Contradiction(error));
                return;
            }
            Err(StepError::BookmarkGone(error)) => {
                progress.fail(PipelineError::BookmarkGone(error));
                return;
            }
        }
        if progress.has_failed() {
            if progress.is_void() {
                discard(steps);
            }
            return;
        }
        if is_last {
            if let Some(mut journal) = steps.journal() {
                // If this fails, the next start searches for pending batches.
                let _ = journal.close();
            }
            return;
        }
    }
}

/// Makes every batch up to `cut` durable.
fn commit(
    files: &[OpenFiles],
    steps: &DeliverySteps,
    progress: &DeliveryProgress,
    cut: u64,
) -> Result<(), StepError> {
    let open: Vec<Arc<dyn DiskFile>> = files.iter().flat_map(|files| lock(files).clone()).collect();
    // If it is late, another pipeline may use the journal by now.
    if steps.commit(open, cut, || progress.is_late())? {
        progress.committed(cut);
    }
    Ok(())
}

fn discard(steps: &DeliverySteps) {
    if let Some(mut journal) = steps.journal() {
        journal.discard_uncommitted();
    }
}

#[cfg(all(test, feature = "fuzzing"))]
mod tests;
