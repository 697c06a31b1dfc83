//! The protocol of journal and outputs, in one place: append batch → close due files →
//! mark files → plan → write → sync → commit → rotate. The threads of the pipeline, the blocking client and
//! the crash model all use it, so the model tests the shipped code.
//!
//! 1. [`DeliverySteps::anchor`]: the second to request from is durable before the first
//!    event of a source is written.
//! 2. [`DeliverySteps::append_batch`]: number and digests of a batch are in the journal
//!    before its bytes are written.
//! 3. [`DeliverySteps::write`]: a released file is durable and committed, and the mark of
//!    its successor durable, before a byte is written to the successor. The planned byte
//!    ranges are in the journal before the bytes are in the files.
//!    A file that is due is durable and committed before it is renamed.
//! 4. [`DeliverySteps::commit`]: makes the files durable, then the journal.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use smallvec::SmallVec;

use crate::delivery::bookmark::entry::{Anchor, BatchEntry, JournalEntry, WrittenBatch};
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::settle::RESERVE;
use crate::disk::{DiskFile, FileMark, FileRange};
use crate::output::{Acceptance, Output, OutputPart};
use crate::sync::lock;

/// The steps, with a journal if there is one.
pub struct DeliverySteps {
    journal: Option<Mutex<Journal>>,
}

/// The result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The destination has accepted the batch.
    Accepted,
    /// The output has taken the batch.
    Taken,
    /// Nothing was written: tell the notices, commit every batch up to this one, then retry.
    CommitFirst(u64),
}

/// Why a step failed.
#[derive(Debug)]
pub enum StepError {
    /// The step was not completed; retry it. A file may already be renamed or opened.
    Retry(io::Error),
    /// A sync failed: nothing after the last commit is certainly durable.
    NotDurable(io::Error),
    /// The bookmark was removed during the run.
    BookmarkGone(io::Error),
    /// An error of this program: the commit would promise more than the outputs have.
    Contradiction(io::Error),
}

use StepError::{BookmarkGone, Contradiction, NotDurable, Retry};

impl DeliverySteps {
    /// Returns the steps with this journal. Without one nothing is recorded.
    pub fn new(journal: Option<Journal>) -> Self {
        Self {
            journal: journal.map(Mutex::new),
        }
    }

    /// Returns whether there is a journal.
    pub fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Locks and returns the journal if there is one.
    pub fn journal(&self) -> Option<MutexGuard<'_, Journal>> {
        self.journal.as_ref().map(lock)
    }

    /// Returns the journal unless there is none or another thread holds the lock.
    pub fn try_journal(&self) -> Option<MutexGuard<'_, Journal>> {
        self.journal.as_ref()?.try_lock().ok()
    }

    /// Makes the second from which a source is requested durable.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn anchor(&self, source: &Arc<str>, second: u32) -> Result<(), StepError> {
        self.append_durably(JournalEntry::Anchor(Anchor {
            source: source.clone(),
            second,
        }))
    }

    /// Appends a batch to the journal; with `durably`, the entry is durable on return.
    /// After an error that can be retried, `batch` is unchanged.
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

    /// Hands a batch to the output of this name.
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
        let outcome = self.check_and_write(output, name, n, parts);
        durably(output, outcome)
    }

    fn check_and_write(
        &self,
        output: &mut dyn Output,
        name: &Arc<str>,
        n: u64,
        parts: &[OutputPart],
    ) -> Result<WriteOutcome, StepError> {
        output.check_files(parts).map_err(Retry)?;
        if let Some(first) = self.close_due(output, n, parts)? {
            return Ok(WriteOutcome::CommitFirst(first));
        }
        if let Some(first) = self.mark(output, n)? {
            return Ok(WriteOutcome::CommitFirst(first));
        }
        // What this step let go is durable before its successor gets a byte.
        durably(output, Ok(()))?;
        let plan = output.plan(parts);
        let has_files = plan.is_some();
        if let (Some(files), Some(mut journal)) = (plan, self.journal()) {
            for range in &files {
                if let Some(first) = beyond_reserve(&journal, range, n) {
                    return Ok(WriteOutcome::CommitFirst(first));
                }
            }
            let written = WrittenBatch {
                n,
                output: name.clone(),
                files,
                tallies: Vec::new(),
            };
            let tallies = output.tallies(parts);
            let written = match tallies.is_empty() {
                true => JournalEntry::Written(written),
                false => JournalEntry::Tallied(written, tallies),
            };
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

    /// Records that an output without files has accepted a batch.
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
            tallies: Vec::new(),
        });
        journal.append(written).map_err(|failed| Retry(failed.1))
    }

    /// Closes the files of an output that are due, also when no batch arrives. Returns a
    /// batch that must be committed first, if there is one; 0 if notices have to be told first.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn close_idle(&self, output: &mut dyn Output) -> Result<Option<u64>, StepError> {
        let first = match self.close_due(output, u64::MAX, &[]) {
            Ok(None) => self.mark(output, u64::MAX),
            done => done,
        };
        durably(output, first)
    }

    /// Closes the files that are due before batch `n`. Each is durable and committed first.
    fn close_due(
        &self,
        output: &mut dyn Output,
        n: u64,
        parts: &[OutputPart],
    ) -> Result<Option<u64>, StepError> {
        let due = output.due(parts).map_err(Retry)?;
        // What is recorded as closed must not be moved aside after a power loss.
        if !due.is_empty()
            && let Some(first) = self.mark(output, n)?
        {
            return Ok(Some(first));
        }
        for due in &due {
            let pending = |journal: MutexGuard<'_, Journal>| journal.pending_on(&due.marked, n);
            if let Some(first) = self.journal().and_then(pending) {
                return Ok(Some(first));
            }
            due.file.sync().map_err(NotDurable)?;
            output.close(due).map_err(Retry)?;
        }
        // A file that is created with its first event has no successor yet.
        if !due.is_empty() {
            output.check_files(parts).map_err(Retry)?;
        }
        Ok(None)
    }

    /// Closes the files of an output durably; they are reopened by name.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn reopen(&self, output: &mut dyn Output) -> Result<(), StepError> {
        let reopened = output.reopen().map_err(Retry);
        durably(output, reopened)
    }

    /// Commits every batch up to `n`, which every output has accepted. `files` are the
    /// open files. Returns false if it was given up between two operations.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn commit(
        &self,
        files: Vec<Arc<dyn DiskFile>>,
        n: u64,
        is_given_up: impl Fn() -> bool,
    ) -> Result<bool, StepError> {
        let mut commit = Commit::of(files, n);
        while !self.advance(&mut commit)? {
            if is_given_up() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Does the next operation of a commit. Returns whether it was the last one.
    ///
    /// # Errors
    /// [`StepError`]. Drop this commit; another one may begin.
    pub fn advance(&self, commit: &mut Commit) -> Result<bool, StepError> {
        let Some(journal) = &self.journal else {
            return Ok(true);
        };
        let n = commit.n;
        commit.next = match &commit.next {
            CommitStep::Check => {
                lock(journal)
                    .check_present()
                    .map_err(|error| match error.kind() {
                        io::ErrorKind::NotFound => BookmarkGone(error),
                        // For example a directory that is temporarily unreadable.
                        _ => Retry(error),
                    })?;
                CommitStep::Files
            }
            CommitStep::Files => match commit.files.pop() {
                Some(file) => {
                    file.sync().map_err(NotDurable)?;
                    CommitStep::Files
                }
                None => CommitStep::Append,
            },
            CommitStep::Append => {
                if let Some(what) = lock(journal).contradiction(n) {
                    return Err(Contradiction(io::Error::other(what)));
                }
                CommitStep::Sync(lock(journal).commit(n).map_err(Retry)?)
            }
            CommitStep::Sync(segment) => {
                let synced = segment.sync();
                // Not before: what waits for this commit must not go on. Also after a failure:
                // the files are durable up to here, and the next start may find the commit.
                lock(journal).committed(n);
                synced.map_err(NotDurable)?;
                CommitStep::Rotate
            }
            CommitStep::Rotate => return self.rotate_if_full().map(|()| true),
        };
        Ok(false)
    }

    /// Begins a new segment of the journal if this one is too large. The last commit has to be
    /// durable.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn rotate_if_full(&self) -> Result<(), StepError> {
        let Some(mut journal) = self.journal() else {
            return Ok(());
        };
        journal.rotate_if_full().map_err(NotDurable)
    }

    /// Makes the marks of files opened for batch `n` durable. Returns a batch that must be
    /// committed first, if there is one; 0 if notices have to be told first. Batch `n` itself
    /// never must: if it is in the journal, its write failed and was undone.
    fn mark(&self, output: &mut dyn Output, n: u64) -> Result<Option<u64>, StepError> {
        let (unmarked, let_go) = (output.unmarked(), output.let_go());
        if unmarked.is_empty() && let_go.is_empty() {
            return Ok(None);
        }
        // With the new mark, the next start has nothing to tell of a change.
        if output.has_notices() {
            return Ok(Some(0));
        }
        if let Some(journal) = self.journal() {
            let first = |mark: &FileMark| journal.pending_on(&mark.path, n);
            if let Some(first) = unmarked.iter().filter_map(first).max() {
                return Ok(Some(first));
            }
        }
        for path in let_go {
            self.append_durably(JournalEntry::LetGo(path))?;
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

/// A commit under way. Between its operations, other threads take their steps.
pub struct Commit {
    /// The open files that are not synced yet.
    files: Vec<Arc<dyn DiskFile>>,
    n: u64,
    next: CommitStep,
}

/// What is done next.
enum CommitStep {
    Check,
    Files,
    Append,
    Sync(Arc<dyn DiskFile>),
    Rotate,
}

impl Commit {
    /// Returns a commit of every batch up to `n`, which every output has accepted. `files` are
    /// the open files.
    pub fn of(files: Vec<Arc<dyn DiskFile>>, n: u64) -> Self {
        Self {
            files,
            n,
            next: CommitStep::Check,
        }
    }
}

/// Makes the files durable that a step let go, also after an error: no later step syncs them, and
/// a commit may follow.
fn durably<T>(output: &mut dyn Output, step: Result<T, StepError>) -> Result<T, StepError> {
    for file in output.take_released() {
        file.sync().map_err(NotDurable)?;
    }
    step
}

/// Returns the batch that must be committed before batch `n` extends a file to the end of
/// `range`, so that at most [`RESERVE`] bytes follow its mark after a power loss.
fn beyond_reserve(journal: &Journal, range: &FileRange, n: u64) -> Option<u64> {
    let mark = journal.bookmark().files.get(&range.path)?;
    match range.end.saturating_sub(mark.end) > RESERVE {
        true => journal.pending_on(&range.path, n),
        false => None,
    }
}
