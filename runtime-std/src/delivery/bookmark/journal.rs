//! The bookmark on disk: two segments, of which the newer one grows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{self, Entry, Snapshot};
use super::pending::Tail;
use super::recovery::{Bookmark, Recovered, Unreadable};
use crate::digest::Digest;
use crate::disk::{Disk, DiskFile};

/// Where a segment is made.
const ASIDE: &str = "journal.new";
/// A segment that has grown beyond this many bytes makes place for the next.
const SEGMENT: u64 = 16 << 20;

/// The journal of a running process.
pub struct Journal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    boot: String,
    generation: u64,
    /// Which of the two segments grows.
    active: usize,
    segment: Segment,
    /// What a segment may grow to, and the least of that.
    limit: u64,
    least: u64,
    /// As of the last commit.
    bookmark: Bookmark,
    /// The batches behind it.
    tail: Tail,
}

/// Why there is no bookmark to go on from.
#[derive(Debug)]
pub enum JournalError {
    /// The system cannot read it.
    Io(PathBuf, io::Error),
    /// It is damaged.
    Unreadable(PathBuf, Unreadable),
}

/// Reads what the directory holds; `None` if nothing yet.
///
/// # Errors
/// [`JournalError`] names the directory or file.
pub fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Recovered>, JournalError> {
    let mut segments = [None, None];
    for (index, segment) in segments.iter_mut().enumerate() {
        let path = path(directory, index);
        *segment = disk
            .read(&path)
            .map_err(|error| JournalError::Io(path, error))?;
    }
    let [first, second] = &segments;
    Recovered::read([first.as_deref(), second.as_deref()])
        .map_err(|error| JournalError::Unreadable(directory.into(), error))
}

impl Journal {
    /// Starts a new segment with this bookmark, beside the one it was recovered
    /// from. It is durable when this returns.
    ///
    /// # Errors
    /// The system's; what was there before is still good.
    pub fn start(
        disk: Arc<dyn Disk>,
        directory: &Path,
        boot: &str,
        bookmark: Bookmark,
        recovered: Option<&Recovered>,
    ) -> io::Result<Self> {
        // The segment it was recovered from stays until the new one counts.
        let (active, generation) = recovered.map_or((0, 1), |recovered| {
            (1 - recovered.segment, recovered.generation + 1)
        });
        let snapshot = bookmark.to_snapshot(boot, generation);
        let segment = Segment::aside(disk.as_ref(), directory, snapshot, &Tail::default())?;
        segment.place(disk.as_ref(), directory, active)?;
        Ok(Self {
            disk,
            directory: directory.into(),
            boot: boot.into(),
            generation,
            active,
            limit: SEGMENT.max(2 * segment.length),
            least: SEGMENT,
            segment,
            bookmark,
            tail: Tail::default(),
        })
    }

    /// Makes segments change hands after so many bytes, for tests that have few.
    #[cfg(feature = "fuzzing")]
    pub fn set_limit(&mut self, bytes: u64) {
        (self.limit, self.least) = (bytes, bytes);
    }

    /// The bookmark of the last commit.
    pub fn bookmark(&self) -> &Bookmark {
        &self.bookmark
    }

    /// Takes note of a batch, before anything of it goes out, or of what an output
    /// is about to write.
    ///
    /// # Errors
    /// The system's, with the entry: it may be tried again.
    pub fn note(&mut self, entry: Entry) -> Result<(), (Entry, io::Error)> {
        if let Err(error) = self.segment.append(&entry) {
            return Err((entry, error));
        }
        match entry {
            Entry::Batch(batch) => self.tail.push(batch),
            Entry::Written(written) => self.tail.written(written),
            Entry::Snapshot(_) | Entry::Commit(_) => {}
        }
        Ok(())
    }

    /// Everything up to batch `n` is durable in the outputs. The cut itself is
    /// durable once the file returned is synced.
    ///
    /// # Errors
    /// The system's; it may be tried again.
    pub fn commit(&mut self, n: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.segment.append(&Entry::Commit(n))?;
        while let Some(pending) = self.tail.pop(n) {
            self.bookmark.apply(&pending);
            self.tail.give_back(pending.batch.records);
        }
        Ok(self.segment.file.clone())
    }

    /// Makes durable what was noted.
    ///
    /// # Errors
    /// The system's; nothing noted since the last commit can be believed then.
    pub fn sync(&self) -> io::Result<()> {
        self.segment.file.sync()
    }

    /// Nothing behind the last commit is to be believed, whatever the files hold: a
    /// new segment says so, in the name of a boot that never was. Where that
    /// cannot be written, the files are cut back all the same.
    pub fn void(&mut self) {
        self.tail = Tail::default();
        self.boot = "void".into();
        // The disk has failed already; that is told.
        let _ = self.switch();
    }

    /// Memory for the records of a batch.
    pub fn spare(&mut self) -> Vec<(u32, Digest)> {
        self.tail.spare()
    }

    /// Goes on in the other segment if this one has grown too large; to be called
    /// when the last commit is durable.
    ///
    /// # Errors
    /// The system's, where nobody knows which of the two segments counts.
    pub fn tidy(&mut self) -> io::Result<()> {
        match self.segment.length > self.limit {
            true => self.switch(),
            false => Ok(()),
        }
    }

    /// Goes on in the other segment. Until that counts, this one does, and if
    /// there is no room for it, this one goes on.
    fn switch(&mut self) -> io::Result<()> {
        let (active, generation) = (1 - self.active, self.generation + 1);
        let snapshot = self.bookmark.to_snapshot(&self.boot, generation);
        let disk = self.disk.as_ref();
        let Ok(segment) = Segment::aside(disk, &self.directory, snapshot, &self.tail) else {
            return Ok(());
        };
        segment.place(disk, &self.directory, active)?;
        self.limit = self.least.max(2 * segment.length);
        self.segment = segment;
        (self.active, self.generation) = (active, generation);
        Ok(())
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
        tail: &Tail,
    ) -> io::Result<Self> {
        let file = disk.open(&directory.join(ASIDE))?;
        file.cut(0)?;
        let mut segment = Self {
            file,
            length: 0,
            torn: false,
            buffer: Vec::new(),
        };
        segment.append(&Entry::Snapshot(snapshot))?;
        for pending in tail.iter() {
            segment.append(&Entry::Batch(pending.batch))?;
            for written in pending.written {
                segment.append(&Entry::Written(written))?;
            }
        }
        segment.file.sync()?;
        Ok(segment)
    }

    /// Puts it into its place, whole: a segment that cannot be read was damaged,
    /// not interrupted.
    fn place(&self, disk: &dyn Disk, directory: &Path, index: usize) -> io::Result<()> {
        disk.rename(&directory.join(ASIDE), &path(directory, index))?;
        disk.sync_names(directory)
    }

    /// Appends a whole frame, or leaves what was there.
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
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
