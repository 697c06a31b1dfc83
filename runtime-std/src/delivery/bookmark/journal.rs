//! The bookmark on disk: two segments, of which the newer one grows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{self, Entries, JournalEntry, Snapshot};
use super::pending::{PendingBatch, PendingBatches};
use super::reading::{self, SegmentRead};
use super::recovery::{Bookmark, Damage, MOST_BYTES, Recovered};
use crate::digest::{Digest, DigestKey};
use crate::disk::{Disk, DiskFile};

/// Where a segment is made.
const ASIDE: &str = "journal.new";
/// A segment that has grown beyond this many bytes makes place for the next.
const SEGMENT: u64 = 16 << 20;
/// Who may read it: digests of events and paths of files.
const MODE: u32 = 0o600;

/// The journal of a running process.
pub struct Journal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    boot: String,
    key: Digest,
    outputs: Vec<String>,
    generation: u64,
    /// Which of the two segments grows.
    active: usize,
    segment: Segment,
    /// What a segment may grow to, and the least of that.
    limit: u64,
    min_limit: u64,
    /// As of the last commit.
    bookmark: Bookmark,
    /// The batches behind it.
    pending: PendingBatches,
    /// Those that may not be durable after a failed sync.
    discarded: Vec<PendingBatch>,
}

/// Why there is no bookmark to go on from.
#[derive(Debug)]
pub enum JournalError {
    /// The system cannot read it.
    Io(PathBuf, io::Error),
    /// It is damaged.
    Damaged(PathBuf, Damage),
}

/// Reads what the directory holds; `None` if nothing yet.
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
        if bytes > MOST_BYTES {
            return Err(damaged(Damage::TooLarge { segment, bytes }));
        }
        if let Some(bytes) = disk.read(&path).map_err(io)? {
            found.push(SegmentRead::read(segment, &bytes).map_err(damaged)?);
        }
    }
    reading::newest(found, key).map_err(damaged)
}

impl Journal {
    /// Starts a new segment with this bookmark, beside the one it was recovered
    /// from. It is durable when this returns. `outputs` have to accept each batch.
    ///
    /// # Errors
    /// The system's; what was there before is still good.
    pub fn start(
        disk: Arc<dyn Disk>,
        directory: &Path,
        (boot, key): (&str, &DigestKey),
        outputs: Vec<String>,
        bookmark: Bookmark,
        recovered: Option<&Recovered>,
    ) -> io::Result<Self> {
        // The segment it was recovered from stays until the new one counts.
        let (active, generation) = recovered.map_or((0, 1), |recovered| {
            (1 - recovered.segment, recovered.generation + 1)
        });
        let pending = PendingBatches::default();
        let key = key.fingerprint();
        let snapshot = bookmark.to_snapshot(&outputs, boot, generation, key);
        let segment = Segment::aside(disk.as_ref(), directory, snapshot, &pending)?;
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
                // The loss of the only segment would not be noticed. So there
                // are two from the beginning.
                journal.rotate()?;
            }
            Some(recovered) if recovered.version == entry::VERSION => {
                let old = path(directory, recovered.segment);
                Segment::reopen(journal.disk.as_ref(), &old)?.rotated(generation)?;
            }
            // Of version 1: it says nothing, and is overwritten next.
            Some(_) => journal.rotate()?,
        }
        Ok(journal)
    }

    /// Makes segments change hands after so many bytes, for tests that have few.
    #[cfg(feature = "fuzzing")]
    pub fn set_limit(&mut self, bytes: u64) {
        (self.limit, self.min_limit) = (bytes, bytes);
    }

    /// The bookmark of the last commit.
    pub fn bookmark(&self) -> &Bookmark {
        &self.bookmark
    }

    /// Appends an entry: a batch before anything of it goes out, what an output
    /// is about to write, a file that was opened, where a source was asked from.
    ///
    /// # Errors
    /// The system's, with the entry: it may be tried again.
    pub fn append(&mut self, entry: JournalEntry) -> Result<(), Box<(JournalEntry, io::Error)>> {
        if let Err(error) = self.segment.append(&entry) {
            return Err(Box::new((entry, error)));
        }
        match entry {
            JournalEntry::Batch(batch) => self.pending.push(batch),
            JournalEntry::Written(written) => self.pending.written(written),
            JournalEntry::Opened(mark) => self.bookmark.opened(mark),
            JournalEntry::Anchor(anchor) => self.bookmark.anchor(anchor),
            JournalEntry::Snapshot(_)
            | JournalEntry::Commit(_)
            | JournalEntry::Rotated(_)
            | JournalEntry::Closed => {}
        }
        Ok(())
    }

    /// Everything up to batch `n` is durable in the outputs. The cut itself is
    /// durable once the file returned is synced.
    ///
    /// # Errors
    /// The system's; it may be tried again.
    pub fn commit(&mut self, n: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.segment.append(&JournalEntry::Commit(n))?;
        while let Some(pending) = self.pending.pop(n) {
            self.bookmark.apply(&pending);
            self.pending.give_back(pending.batch.records);
        }
        Ok(self.segment.file.clone())
    }

    /// Records of the batches behind the last commit.
    pub fn pending_records(&self) -> usize {
        self.pending.records()
    }

    /// The last batch behind the last commit, and before batch `n`, that was noted
    /// for this file.
    pub fn pending_on(&self, path: &Path, n: u64) -> Option<u64> {
        self.pending.last_on(path, n)
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// The system's; what was appended since the last commit may not be durable then.
    pub fn sync(&self) -> io::Result<()> {
        self.segment.file.sync()
    }

    /// Whether the segment still stands in the directory.
    ///
    /// # Errors
    /// It does not: what is appended would be lost.
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

    /// Discards what is behind the last commit, since it may not be durable:
    /// starts a segment whose boot id matches none, so that nothing after the
    /// commit is adopted. Where that cannot be written, the files are cut back all
    /// the same.
    pub fn discard_uncommitted(&mut self) {
        self.discarded.extend(self.pending.iter());
        self.pending = PendingBatches::default();
        self.boot = "void".into();
        // The disk has failed already, which is reported.
        let _ = self.rotate();
    }

    /// The batches that were discarded.
    pub fn discarded(&self) -> &[PendingBatch] {
        &self.discarded
    }

    /// The process ends in order, and nothing is under way.
    ///
    /// # Errors
    /// The system's; the next start then looks for what was under way.
    pub fn close(&mut self) -> io::Result<()> {
        if self.pending.iter().next().is_some() {
            return Ok(());
        }
        self.segment.append(&JournalEntry::Closed)?;
        self.sync()
    }

    /// Memory for the records of a batch.
    pub fn spare(&mut self) -> Vec<(u32, Digest)> {
        self.pending.spare()
    }

    /// Goes on in the other segment if this one has grown too large; to be called
    /// when the last commit is durable.
    ///
    /// # Errors
    /// The system's; then it is not known which of the two segments counts.
    pub fn rotate_if_full(&mut self) -> io::Result<()> {
        match self.segment.length > self.limit {
            true => self.rotate(),
            false => Ok(()),
        }
    }

    /// Goes on in the other segment. Until that counts, this one does, and if
    /// there is no room for it, this one goes on.
    fn rotate(&mut self) -> io::Result<()> {
        let (active, generation) = (1 - self.active, self.generation + 1);
        let (boot, key) = (&self.boot, self.key);
        let snapshot = self
            .bookmark
            .to_snapshot(&self.outputs, boot, generation, key);
        let disk = self.disk.as_ref();
        let Ok(segment) = Segment::aside(disk, &self.directory, snapshot, &self.pending) else {
            return Ok(());
        };
        segment.place(disk, &self.directory, active)?;
        self.limit = self.min_limit.max(2 * segment.length);
        let old = std::mem::replace(&mut self.segment, segment);
        (self.active, self.generation) = (active, generation);
        old.rotated(generation)
    }
}

/// A file of frames.
struct Segment {
    file: Arc<dyn DiskFile>,
    /// Bytes that hold whole frames.
    length: u64,
    /// Whether an append failed, so that there may be more bytes than that.
    torn: bool,
    /// Where frames are made.
    buffer: Vec<u8>,
}

impl Segment {
    /// Writes a segment aside, durably.
    fn aside(
        disk: &dyn Disk,
        directory: &Path,
        snapshot: Snapshot,
        pending: &PendingBatches,
    ) -> io::Result<Self> {
        let file = disk.open(&directory.join(ASIDE), MODE)?;
        file.cut(0)?;
        let mut segment = Self {
            file,
            length: 0,
            torn: false,
            buffer: Vec::new(),
        };
        segment.append(&JournalEntry::Snapshot(snapshot))?;
        segment.buffer = Vec::new();
        for pending in pending.iter() {
            segment.append(&JournalEntry::Batch(pending.batch))?;
            for written in pending.written {
                segment.append(&JournalEntry::Written(written))?;
            }
        }
        segment.file.sync()?;
        Ok(segment)
    }

    /// Opens one that is there, to append its last entry.
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

    /// Renames it into its place, whole: a segment that cannot be read was damaged,
    /// not interrupted.
    fn place(&self, disk: &dyn Disk, directory: &Path, index: usize) -> io::Result<()> {
        disk.rename(&directory.join(ASIDE), &path(directory, index))?;
        disk.sync_names(directory)
    }

    /// Appends its last entry: another segment follows. Without room for it, the only
    /// thing missed is a later loss of that other segment.
    fn rotated(mut self, generation: u64) -> io::Result<()> {
        if self.append(&JournalEntry::Rotated(generation)).is_err() {
            return Ok(());
        }
        self.file.sync()
    }

    /// Appends a whole frame, or leaves what was there.
    fn append(&mut self, entry: &JournalEntry) -> io::Result<()> {
        if self.torn {
            self.file.cut(self.length)?;
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
