//! The journal: the bookmark on disk, in two segments. Entries are appended to the newer
//! one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{self, Entries, JournalEntry, Snapshot, WrittenBatch};
use super::pending::{PendingBatch, PendingBatches};
use super::reading::{self, SegmentRead};
use super::recovery::{Bookmark, Damage, MAX_BYTES, Recovered};
use crate::digest::{Digest, DigestKey};
use crate::disk::{Disk, DiskFile};
use crate::output::file::tally::FileTally;

/// The temporary name of a new segment.
const ASIDE: &str = "journal.new";
/// The minimum size in bytes at which the journal rotates.
const SEGMENT: u64 = 16 << 20;
/// Permissions: a segment holds digests of events and paths of files.
const MODE: u32 = 0o600;

/// The journal of a running process.
pub struct Journal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    boot: String,
    key: Digest,
    outputs: Vec<String>,
    generation: u64,
    /// The index of the segment that entries are appended to.
    active: usize,
    segment: Segment,
    /// The size in bytes at which the journal rotates, and its minimum.
    limit: u64,
    min_limit: u64,
    /// The bookmark after the last commit.
    bookmark: Bookmark,
    /// The batches after the last commit.
    pending: PendingBatches,
    /// Batches that were discarded after a failed sync.
    discarded: Vec<PendingBatch>,
}

/// Why a journal cannot be used.
#[derive(Debug)]
pub enum JournalError {
    /// Reading failed.
    Io(PathBuf, io::Error),
    /// The content is damaged.
    Damaged(PathBuf, Damage),
}

/// Reads the journal of a directory; `None` if there is none.
///
/// # Errors
/// [`JournalError`] names the directory or file.
pub fn read(
    disk: &dyn Disk,
    directory: &Path,
    key: &DigestKey,
) -> Result<Option<Recovered>, JournalError> {
    let damaged = |damage| JournalError::Damaged(directory.into(), damage);
    let mut found = Vec::new();
    for segment in [0, 1] {
        let path = path(directory, segment);
        let io = |error| JournalError::Io(path.clone(), error);
        let bytes = disk.identity(&path).map_err(io)?.map_or(0, |it| it.length);
        if bytes > MAX_BYTES {
            return Err(damaged(Damage::TooLarge { segment, bytes }));
        }
        if let Some(bytes) = disk.read(&path).map_err(io)? {
            found.push(SegmentRead::read(segment, &bytes).map_err(damaged)?);
        }
    }
    reading::newest(found, key).map_err(damaged)
}

impl Journal {
    /// Starts a new segment with this bookmark and keeps the recovered one. The new
    /// segment is durable on return. `outputs` are the names of the required outputs.
    ///
    /// # Errors
    /// Those of the system. The recovered segment stays valid.
    pub fn start(
        disk: Arc<dyn Disk>,
        directory: &Path,
        (boot, key): (&str, &DigestKey),
        outputs: Vec<String>,
        bookmark: Bookmark,
        recovered: Option<&Recovered>,
    ) -> io::Result<Self> {
        // The recovered segment stays until the new one is in place.
        let (active, generation) = recovered.map_or((0, 1), |recovered| {
            (1 - recovered.segment, recovered.generation + 1)
        });
        let pending = PendingBatches::default();
        let key = key.fingerprint();
        let snapshot = bookmark.to_snapshot(&outputs, boot, generation, key);
        let tallies = &bookmark.tallies;
        let segment = Segment::aside(disk.as_ref(), directory, snapshot, tallies, &pending)?;
        segment.place(disk.as_ref(), directory, active)?;
        let mut journal = Self {
            disk,
            directory: directory.into(),
            boot: boot.into(),
            key,
            outputs,
            generation,
            active,
            limit: SEGMENT.max(2 * segment.length),
            min_limit: SEGMENT,
            segment,
            bookmark,
            pending,
            discarded: Vec::new(),
        };
        match recovered {
            None => {
                // Loss of a single segment would go unnoticed, so there are two from the
                // start.
                journal.rotate()?;
            }
            Some(recovered) if recovered.version == entry::VERSION => {
                let old = path(directory, recovered.segment);
                Segment::reopen(journal.disk.as_ref(), &old)?.rotated(generation)?;
            }
            // A segment of version 1 has no rotation entry; it is overwritten next.
            Some(_) => journal.rotate()?,
        }
        Ok(journal)
    }

    /// Sets the size in bytes at which the journal rotates, for tests.
    #[cfg(feature = "fuzzing")]
    pub fn set_limit(&mut self, bytes: u64) {
        (self.limit, self.min_limit) = (bytes, bytes);
    }

    /// Returns the bookmark after the last commit.
    pub fn bookmark(&self) -> &Bookmark {
        &self.bookmark
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// Those of the system, with the entry, so that it can be retried.
    pub fn append(&mut self, entry: JournalEntry) -> Result<(), Box<(JournalEntry, io::Error)>> {
        if let Err(error) = self.segment.append(&entry) {
            return Err(Box::new((entry, error)));
        }
        match entry {
            JournalEntry::Batch(batch) => self.pending.push(batch),
            JournalEntry::Written(written) => self.pending.written(written),
            JournalEntry::Tallied(written, tallies) => {
                self.pending.written(WrittenBatch { tallies, ..written });
            }
            JournalEntry::LetGo(path) => self.bookmark.let_go(&path),
            JournalEntry::Opened(mark) => self.bookmark.opened(mark),
            JournalEntry::Anchor(anchor) => self.bookmark.anchor(anchor),
            JournalEntry::Snapshot(_)
            | JournalEntry::Tally(_)
            | JournalEntry::Commit(_)
            | JournalEntry::Rotated(_)
            | JournalEntry::Closed => {}
        }
        Ok(())
    }

    /// Returns what contradicts a commit of every batch up to `n`. It is an error of this
    /// program.
    pub fn contradiction(&self, n: u64) -> Option<String> {
        let Bookmark {
            n: durable, files, ..
        } = &self.bookmark;
        self.pending
            .contradiction(*durable, n, &self.outputs, files)
    }

    /// Commits every batch up to `n`, which must be durable in the outputs. The commit
    /// is durable after the returned file is synced; then call [`committed`](Self::committed).
    ///
    /// # Errors
    /// Those of the system; it can be retried.
    pub fn commit(&mut self, n: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.segment.append(&JournalEntry::Commit(n))?;
        Ok(self.segment.file.clone())
    }

    /// Moves the bookmark to batch `n`: a commit of it is on its way to the disk or there.
    pub fn committed(&mut self, n: u64) {
        while let Some(pending) = self.pending.pop(n) {
            self.bookmark.apply(&pending);
            self.pending.give_back(pending.batch.records);
        }
    }

    /// Returns the number of records in pending batches.
    pub fn pending_records(&self) -> usize {
        self.pending.records()
    }

    /// Returns the last pending batch before batch `n` that writes to this file.
    pub fn pending_on(&self, path: &Path, n: u64) -> Option<u64> {
        self.pending.last_on(path, n)
    }

    /// Makes appended entries durable.
    ///
    /// # Errors
    /// Those of the system. Entries after the last commit may then not be durable.
    pub fn sync(&self) -> io::Result<()> {
        self.segment.file.sync()
    }

    /// Checks that the segment is still in the directory.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if it was removed or replaced: appended entries would
    /// be lost. Otherwise those of the system.
    pub fn check_present(&self) -> io::Result<()> {
        let path = path(&self.directory, self.active);
        let (found, own) = (self.disk.identity(&path)?, self.segment.file.identity()?);
        let number = |of: &crate::disk::FileIdentity| (of.device, of.inode);
        match found.is_some_and(|found| number(&found) == number(&own)) {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} was removed or replaced", path.display()),
            )),
        }
    }

    /// Discards pending batches, which may not be durable. Starts a segment whose boot id
    /// matches none, so that nothing after the commit is adopted. If the segment cannot be
    /// written, the files are truncated all the same. If they cannot be truncated either, the
    /// next start may adopt these batches, and writes them again first.
    pub fn discard_uncommitted(&mut self) {
        self.discarded.extend(self.pending.iter());
        self.pending = PendingBatches::default();
        self.boot = "void".into();
        // The disk failure is reported already.
        let _ = self.rotate();
    }

    /// Returns the discarded batches.
    pub fn discarded(&self) -> &[PendingBatch] {
        &self.discarded
    }

    /// Records a clean shutdown if no batch is pending.
    ///
    /// # Errors
    /// Those of the system. The next start then searches for pending batches.
    pub fn close(&mut self) -> io::Result<()> {
        if self.pending.iter().next().is_some() {
            return Ok(());
        }
        self.segment.append(&JournalEntry::Closed)?;
        self.sync()
    }

    /// Returns a buffer for the records of a batch.
    pub fn spare(&mut self) -> Vec<(u32, Digest)> {
        self.pending.spare()
    }

    /// Rotates if the segment is larger than the limit. Call it after the last commit is
    /// durable.
    ///
    /// # Errors
    /// Those of the system. It is then unknown which segment is valid.
    pub fn rotate_if_full(&mut self) -> io::Result<()> {
        match self.segment.length > self.limit {
            true => self.rotate(),
            false => Ok(()),
        }
    }

    /// Switches to a new segment. The old segment stays valid until the new one is in
    /// place. If the new one cannot be written, the old segment stays in use.
    fn rotate(&mut self) -> io::Result<()> {
        let (active, generation) = (1 - self.active, self.generation + 1);
        let (boot, key) = (&self.boot, self.key);
        let snapshot = self
            .bookmark
            .to_snapshot(&self.outputs, boot, generation, key);
        let disk = self.disk.as_ref();
        let (tallies, pending) = (&self.bookmark.tallies, &self.pending);
        let Ok(segment) = Segment::aside(disk, &self.directory, snapshot, tallies, pending) else {
            return Ok(());
        };
        segment.place(disk, &self.directory, active)?;
        self.limit = self.min_limit.max(2 * segment.length);
        let old = std::mem::replace(&mut self.segment, segment);
        (self.active, self.generation) = (active, generation);
        old.rotated(generation)
    }
}

/// A segment file.
struct Segment {
    file: Arc<dyn DiskFile>,
    /// The length of the complete frames in bytes.
    length: u64,
    /// Whether an append failed, so that the file may be longer than `length`.
    torn: bool,
    /// A buffer for frames.
    buffer: Vec<u8>,
}

impl Segment {
    /// Writes a new segment under its temporary name, durably.
    fn aside(
        disk: &dyn Disk,
        directory: &Path,
        snapshot: Snapshot,
        tallies: &BTreeMap<Arc<Path>, FileTally>,
        pending: &PendingBatches,
    ) -> io::Result<Self> {
        let file = disk.open(&directory.join(ASIDE), MODE)?;
        file.truncate(0)?;
        let mut segment = Self {
            file,
            length: 0,
            torn: false,
            buffer: Vec::new(),
        };
        segment.append(&JournalEntry::Snapshot(snapshot))?;
        segment.buffer = Vec::new();
        for tally in tallies.values() {
            segment.append(&JournalEntry::Tally(tally.clone()))?;
        }
        for pending in pending.iter() {
            segment.append(&JournalEntry::Batch(pending.batch))?;
            for mut written in pending.written {
                let tallies = std::mem::take(&mut written.tallies);
                segment.append(&match tallies.is_empty() {
                    true => JournalEntry::Written(written),
                    false => JournalEntry::Tallied(written, tallies),
                })?;
            }
        }
        segment.file.sync()?;
        Ok(segment)
    }

    /// Opens an existing segment to append its last entry.
    fn reopen(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let bytes = disk.read(path)?.unwrap_or_default();
        let mut entries = Entries::of(&bytes);
        entries.by_ref().for_each(drop);
        let length = match entries.ending() {
            entry::Ending::Whole => bytes.len(),
            entry::Ending::Torn(at) | entry::Ending::Garbled(at) | entry::Ending::Broken(at) => at,
        };
        Ok(Self {
            file: disk.open(path, MODE)?,
            length: length as u64,
            torn: length < bytes.len(),
            buffer: Vec::new(),
        })
    }

    /// Renames the complete segment to its final name. A segment that cannot be read is
    /// therefore damaged, not interrupted.
    fn place(&self, disk: &dyn Disk, directory: &Path, index: usize) -> io::Result<()> {
        disk.rename(&directory.join(ASIDE), &path(directory, index))?;
        disk.sync_names(directory)
    }

    /// Appends the last entry: another segment follows. If the disk is full, only a later
    /// loss of that other segment goes unnoticed.
    fn rotated(mut self, generation: u64) -> io::Result<()> {
        if self.append(&JournalEntry::Rotated(generation)).is_err() {
            return Ok(());
        }
        self.file.sync()
    }

    /// Appends a complete frame, or leaves the segment unchanged.
    fn append(&mut self, entry: &JournalEntry) -> io::Result<()> {
        if self.torn {
            self.file.truncate(self.length)?;
            self.torn = false;
        }
        self.buffer = entry::frame_in(std::mem::take(&mut self.buffer), entry);
        match self.file.append(&self.buffer) {
            Ok(()) => {
                self.length += self.buffer.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = true;
                Err(error)
            }
        }
    }
}

fn path(directory: &Path, segment: usize) -> PathBuf {
    directory.join(format!("journal.{segment}"))
}

#[cfg(all(test, feature = "fuzzing"))]
mod tests;
