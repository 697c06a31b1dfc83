//! The protocol of a bookmark, written once: note → open → plan → write → sync →
//! commit → rotate. The pipeline's threads, the blocking client and the crash
//! model all call it, so that what is modelled is what ships.
//!
//! 1. [`DeliverySteps::anchor`]: where a source is asked from is durable before its first
//!    event goes out.
//! 2. [`DeliverySteps::append_batch`]: a batch has its number and digests in the journal before
//!    its bytes go out.
//! 3. [`DeliverySteps::write`]: a file that was let go is durable and committed, and the
//!    mark of its successor durable, before the successor gets a byte. What the
//!    files will be is in the journal before the bytes are in the files.
//! 4. [`DeliverySteps::commit`]: files first, then the journal.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use smallvec::SmallVec;

use crate::delivery::bookmark::entry::{Anchor, BatchEntry, JournalEntry, WrittenBatch};
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::settle::RESERVE;
use crate::disk::{DiskFile, FileMark, FileRange};
use crate::output::{Acceptance, Output, OutputPart};
use crate::sync::lock;

/// The steps, over a journal if there is one.
pub struct DeliverySteps {
    journal: Option<Mutex<Journal>>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The output has the batch.
    Accepted,
    /// The batch is on its way.
    Taken,
    /// Nothing was written: everything up to this batch has to be committed
    /// first. Then the step is to be tried again.
    CommitFirst(u64),
}

/// Why a step failed.
#[derive(Debug)]
pub enum StepError {
    /// Nothing was changed, and it may be tried again.
    Retry(io::Error),
    /// What was written could not be made durable: nothing since the last commit
    /// is durable for certain.
    NotDurable(io::Error),
    /// The bookmark is not where it was: it was removed while the process ran.
    BookmarkGone(io::Error),
}

use StepError::{BookmarkGone, NotDurable, Retry};

impl DeliverySteps {
    /// The steps over this journal; without one nothing is noted.
    pub fn new(journal: Option<Journal>) -> Self {
        Self {
            journal: journal.map(Mutex::new),
        }
    }

    /// Whether there is a journal.
    pub fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// The journal, if there is one.
    pub fn journal(&self) -> Option<MutexGuard<'_, Journal>> {
        self.journal.as_ref().map(lock)
    }

    /// The journal, unless there is none or another thread holds it.
    pub fn try_journal(&self) -> Option<MutexGuard<'_, Journal>> {
        self.journal.as_ref()?.try_lock().ok()
    }

    /// Makes durable where a source was asked from.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn anchor(&self, source: &Arc<str>, second: u32) -> Result<(), StepError> {
        self.append_durably(JournalEntry::Anchor(Anchor {
            source: source.clone(),
            second,
        }))
    }

    /// Notes a batch; with `durably` the note is durable afterwards. After an
    /// error that may be tried again, `batch` is as it was.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn append_batch(
        &self,
        batch: &mut Option<BatchEntry>,
        durably: bool,
    ) -> Result<(), StepError> {
        let (Some(mut journal), Some(entry)) = (self.journal(), batch.take()) else {
            return Ok(());
        };
        if let Err(failed) = journal.append(JournalEntry::Batch(entry)) {
            let (entry, error) = *failed;
            if let JournalEntry::Batch(entry) = entry {
                *batch = Some(entry);
            }
            return Err(Retry(error));
        }
        match durably {
            true => journal.sync().map_err(NotDurable),
            false => Ok(()),
        }
    }

    /// Hands a batch to an output of this name.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn write(
        &self,
        output: &mut dyn Output,
        name: &Arc<str>,
        n: u64,
        parts: &[OutputPart],
    ) -> Result<WriteOutcome, StepError> {
        let looked = output.check_files(parts);
        for file in output.take_released() {
            file.sync().map_err(NotDurable)?;
        }
        looked.map_err(Retry)?;
        if let Some(first) = self.mark(output, n)? {
            return Ok(WriteOutcome::CommitFirst(first));
        }
        let plan = output.plan(parts);
        let has_files = plan.is_some();
        if let (Some(files), Some(mut journal)) = (plan, self.journal()) {
            for range in &files {
                if let Some(first) = beyond_reserve(&journal, range, n) {
                    return Ok(WriteOutcome::CommitFirst(first));
                }
            }
            let output = name.clone();
            let written = JournalEntry::Written(WrittenBatch { n, output, files });
            journal.append(written).map_err(|failed| Retry(failed.1))?;
        }
        match output.write(n, parts).map_err(Retry)? {
            Acceptance::Taken => Ok(WriteOutcome::Taken),
            Acceptance::Accepted => {
                if !has_files {
                    self.accepted(name, n)?;
                }
                Ok(WriteOutcome::Accepted)
            }
        }
    }

    /// An output without files has accepted a batch.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn accepted(&self, name: &Arc<str>, n: u64) -> Result<(), StepError> {
        let Some(mut journal) = self.journal() else {
            return Ok(());
        };
        let written = JournalEntry::Written(WrittenBatch {
            n,
            output: name.clone(),
            files: SmallVec::new(),
        });
        journal.append(written).map_err(|failed| Retry(failed.1))
    }

    /// Closes the files of an output, durably; they are opened again by name.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn reopen(&self, output: &mut dyn Output) -> Result<(), StepError> {
        output.reopen().map_err(Retry)?;
        for file in output.take_released() {
            file.sync().map_err(NotDurable)?;
        }
        Ok(())
    }

    /// Makes everything up to batch `n`, which every output has accepted, the
    /// bookmark. `files` are those that are open.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn commit(&self, files: &[Arc<dyn DiskFile>], n: u64) -> Result<(), StepError> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        lock(journal)
            .check_present()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => BookmarkGone(error),
                // What cannot be looked at for now is looked at again.
                _ => Retry(error),
            })?;
        for file in files {
            file.sync().map_err(NotDurable)?;
        }
        let segment = lock(journal).commit(n).map_err(Retry)?;
        segment.sync().map_err(NotDurable)?;
        lock(journal).rotate_if_full().map_err(NotDurable)
    }

    /// Makes the marks of files that were opened for batch `n` durable; the batch to
    /// be committed before that, if there is one. Batch `n` itself is none: where it
    /// was noted already, its write failed and was undone.
    fn mark(&self, output: &mut dyn Output, n: u64) -> Result<Option<u64>, StepError> {
        let unmarked = output.unmarked();
        if unmarked.is_empty() {
            return Ok(None);
        }
        if let Some(journal) = self.journal() {
            let first = |mark: &FileMark| journal.pending_on(&mark.path, n);
            if let Some(first) = unmarked.iter().filter_map(first).max() {
                return Ok(Some(first));
            }
        }
        for mark in unmarked {
            self.append_durably(JournalEntry::Opened(mark))?;
        }
        output.set_marked();
        Ok(None)
    }

    fn append_durably(&self, entry: JournalEntry) -> Result<(), StepError> {
        let Some(mut journal) = self.journal() else {
            return Ok(());
        };
        journal.append(entry).map_err(|failed| Retry(failed.1))?;
        journal.sync().map_err(NotDurable)
    }
}

/// The batch to be committed before batch `n` makes a file grow to the end of
/// `range`, so that a power loss leaves no more behind its mark than is known to be
/// ours.
fn beyond_reserve(journal: &Journal, range: &FileRange, n: u64) -> Option<u64> {
    let mark = journal.bookmark().files.get(&range.path)?;
    match range.end.saturating_sub(mark.end) > RESERVE {
        true => journal.pending_on(&range.path, n),
        false => None,
    }
}
