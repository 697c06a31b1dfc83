//! The committer thread: makes batches that every required output has accepted durable,
//! and appends the commit to the journal.

use std::sync::Arc;
use std::time::Duration;

use super::failure::PipelineError;
use super::progress::{DeliveryProgress, FailOnPanic};
use super::steps::{DeliverySteps, StepError};
use super::writer::OpenFiles;
use crate::disk::DiskFile;
use crate::sync::lock;

/// The interval of commits while events arrive.
const INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a commit that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs until every output has finished.
pub(super) fn run(files: &[OpenFiles], steps: &DeliverySteps, progress: &DeliveryProgress) {
    if !steps.has_journal() {
        return;
    }
    let _guard = FailOnPanic(progress);
    let mut is_failing = false;
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
        if cut > progress.durable() {
            let open: Vec<Arc<dyn DiskFile>> =
                files.iter().flat_map(|files| lock(files).clone()).collect();
            match steps.commit(&open, cut) {
                Ok(()) => {
                    if std::mem::take(&mut is_failing) {
                        progress.journal().works();
                    }
                    progress.committed(cut);
                }
                // For example a full disk; the next commit retries.
                Err(StepError::Retry(error)) => {
                    is_failing = true;
                    progress.journal().failed(&error);
                    // An output that waits for this commit makes the next one due at once.
                    std::thread::sleep(PAUSE);
                }
                Err(StepError::NotDurable(error)) => {
                    progress.fail(PipelineError::NotDurable(error));
                    discard(steps);
                    return;
                }
                Err(StepError::Contradiction(error)) => {
                    progress.fail(PipelineError::Contradiction(error));
                    return;
                }
                Err(StepError::BookmarkGone(error)) => {
                    progress.fail(PipelineError::BookmarkGone(error));
                    return;
                }
            }
        }
        if progress.has_failed() {
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

fn discard(steps: &DeliverySteps) {
    if let Some(mut journal) = steps.journal() {
        journal.discard_uncommitted();
    }
}
