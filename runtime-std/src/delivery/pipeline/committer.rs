//! The thread that commits: makes durable what every required output has
//! accepted, and appends that to the journal.

use std::sync::Arc;
use std::time::Duration;

use super::failure::PipelineError;
use super::progress::{DeliveryProgress, FailOnPanic};
use super::steps::{DeliverySteps, StepError};
use super::writer::OpenFiles;
use crate::disk::DiskFile;
use crate::sync::lock;

/// Between two commits, while events come.
const EVERY: Duration = Duration::from_secs(1);

/// Works until every output has written all it will.
pub(super) fn run(files: &[OpenFiles], steps: &DeliverySteps, progress: &DeliveryProgress) {
    if !steps.has_journal() {
        return;
    }
    let _guard = FailOnPanic(progress);
    loop {
        let finishing = progress.wait_for_commit_due(EVERY);
        if finishing && !progress.wait_for_writers(None) {
            return;
        }
        if progress.is_void() {
            // A sync failed: another one would report success wrongly.
            discard(steps);
            return;
        }
        if progress.is_late() {
            // The journal may be another pipeline's by now.
            return;
        }
        let cut = progress.cut();
        if cut > progress.durable() {
            let open: Vec<Arc<dyn DiskFile>> =
                files.iter().flat_map(|files| lock(files).clone()).collect();
            match steps.commit(&open, cut) {
                Ok(()) => progress.committed(cut),
                // No room for it; the next one tries again.
                Err(StepError::Retry(_)) => {}
                Err(StepError::NotDurable(error)) => {
                    progress.fail(PipelineError::NotDurable(error));
                    discard(steps);
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
        if finishing {
            if let Some(mut journal) = steps.journal() {
                // Where this fails, the next start searches for what was under way.
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
