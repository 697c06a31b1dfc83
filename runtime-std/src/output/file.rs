//! Output to files: each event exactly once.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Acceptance, Output, OutputPart};
use crate::digest::DigestKey;
use crate::disk::{Disk, DiskFile, FileIdentity, FileMark, FileRange, PROOF, directory};

/// The files of one output.
pub struct FileOutput {
    disk: Arc<dyn Disk>,
    key: DigestKey,
    /// Permissions of new files.
    mode: u32,
    /// The known paths that it may write to.
    paths: Vec<PathBuf>,
    /// Whether a file is created only when there is an event for it.
    by_event: bool,
    /// The open files, by path.
    files: BTreeMap<Arc<Path>, OpenFile>,
    /// The marks of files that were closed to be reopened.
    closed: BTreeMap<Arc<Path>, FileMark>,
    /// After a failed write: the data that may be partially written, by file.
    torn: Vec<(Arc<Path>, Vec<u8>)>,
    notices: Vec<FileNotice>,
    /// Files that get no more data and may not be durable yet.
    released: Vec<Arc<dyn DiskFile>>,
}

struct OpenFile {
    file: Arc<dyn DiskFile>,
    mark: FileMark,
    /// The last bytes before the mark, at most [`PROOF`].
    tail: Vec<u8>,
    /// Whether the bookmark has this mark.
    is_marked: bool,
}

/// A notice about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileNotice {
    /// It is shorter than after our last write: something else truncated it.
    Shorter(PathBuf),
    /// Another file has its name.
    Replaced(PathBuf),
    /// Something else appended bytes.
    Longer(PathBuf),
    /// Something else appended bytes, and the process was killed while it wrote the file.
    Unexplained(PathBuf),
    /// Bytes at its end were moved to another file. They may be a partially written batch,
    /// but nothing proves it.
    SetAside(PathBuf, PathBuf),
    /// It is not found after a power loss: events of the last second are delivered again.
    NotFound(PathBuf),
    /// It is not found, and this number of events was written to it just before the process
    /// was killed: they are delivered again.
    ComesAgain(PathBuf, u64),
    /// The names of files in this directory cannot be made durable.
    NamesNotDurable(PathBuf),
    /// The file system of this state directory has no locks.
    NotLocked(PathBuf),
}

impl fmt::Display for FileNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shorter(path) => write!(
                f,
                "{} is shorter than after the last write: something else truncated it. Events are \
                 appended; the removed events are not collected again.",
                path.display()
            ),
            Self::Replaced(path) => write!(
                f,
                "{} is not the file that was written before. It stays unchanged, and events are \
                 appended.",
                path.display()
            ),
            Self::Longer(path) => write!(
                f,
                "{} is longer than after the last write: something else writes to it. It stays \
                 unchanged, and events are appended.",
                path.display()
            ),
            Self::Unexplained(path) => write!(
                f,
                "{} is longer than after the last write: something else writes to it. It stays \
                 unchanged, and events are appended. Events that were being written when the \
                 process ended may be in it twice.",
                path.display()
            ),
            Self::SetAside(path, aside) => write!(
                f,
                "{} had bytes at its end that may be a partially written batch. They were moved to \
                 {}; the events that were being written come again.",
                path.display(),
                aside.display()
            ),
            Self::NotFound(path) => write!(
                f,
                "{} is not the file that was written before the machine stopped, and that file is \
                 not found. Events of the last second come again and may be in both files.",
                path.display()
            ),
            Self::NamesNotDurable(path) => write!(
                f,
                "the names of files in {} cannot be made durable: this user may not read the \
                 directory, or its file system does not support it. After a power loss, a new file \
                 may be missing with the events in it.",
                path.display()
            ),
            Self::NotLocked(path) => write!(
                f,
                "the file system of {} has no locks: a second process is not detected. Start only \
                 one.",
                path.display()
            ),
            Self::ComesAgain(path, records) => write!(
                f,
                "{records} {} written to {} just before the process ended, and that file is not \
                 found any more. They come again; check where the file was moved.",
                if *records == 1 {
                    "event was"
                } else {
                    "events were"
                },
                path.display()
            ),
        }
    }
}

impl FileOutput {
    /// Returns an output without open files. `paths` are the known paths that it may write
    /// to. With `by_event` a file is created with its first event, otherwise at once.
    pub fn new(
        disk: Arc<dyn Disk>,
        key: DigestKey,
        mode: u32,
        paths: Vec<PathBuf>,
        by_event: bool,
    ) -> Self {
        Self {
            disk,
            key,
            mode,
            paths,
            by_event,
            files: BTreeMap::new(),
            closed: BTreeMap::new(),
            torn: Vec::new(),
            notices: Vec::new(),
            released: Vec::new(),
        }
    }

    fn open(&mut self, path: &Arc<Path>) -> io::Result<()> {
        let file = self.disk.open(path, self.mode)?;
        file.lock()?;
        // Without a durable name, a synced file may be lost.
        self.disk.sync_names(directory(path))?;
        self.begin(path, file)
    }

    /// Continues at the end of a file.
    fn begin(&mut self, path: &Arc<Path>, file: Arc<dyn DiskFile>) -> io::Result<()> {
        let identity = file.identity()?;
        let end = identity.length;
        let start = end.saturating_sub(PROOF as u64);
        let tail = match end {
            0 => Vec::new(),
            _ => file.read_range(start, end)?,
        };
        let mark = FileMark {
            path: self.disk.canonical(path)?.into(),
            device: identity.device,
            inode: identity.inode,
            end,
            proof: self.key.of_file(&tail),
        };
        // True if the file did not change between close and reopen.
        let closed = self.closed.remove(path);
        let is_marked = closed.is_some_and(|closed| closed == mark);
        let open = OpenFile {
            file,
            mark,
            tail,
            is_marked,
        };
        self.files.insert(path.clone(), open);
        Ok(())
    }

    /// Checks a file before a write.
    fn check_file(&mut self, path: &Arc<Path>) -> io::Result<()> {
        let found = self.disk.identity(path)?;
        let Some(open) = self.files.get(path) else {
            return self.open(path);
        };
        let (mark, file) = (&open.mark, open.file.clone());
        let same = |found: &FileIdentity| (found.device, found.inode) == (mark.device, mark.inode);
        let notice = match found.filter(same) {
            Some(found) if found.length == mark.end => return Ok(()),
            Some(found) if found.length < mark.end => FileNotice::Shorter(path.to_path_buf()),
            Some(_) => FileNotice::Longer(path.to_path_buf()),
            None => {
                // Renamed or removed: the old file keeps its content.
                file.unlock();
                self.released.push(file);
                self.files.remove(path);
                return self.open(path);
            }
        };
        self.notices.push(notice);
        self.released.push(file.clone());
        self.begin(path, file)
    }

    /// Truncates every file to the end of its last complete batch, if the bytes after it
    /// belong to the failed batch.
    fn put_back(&mut self) -> io::Result<()> {
        for (path, bytes) in &self.torn {
            let Some(open) = self.files.get(path) else {
                continue;
            };
            let (end, length) = (open.mark.end, open.file.identity()?.length);
            let left = open.file.read_range(end, length)?;
            if bytes.starts_with(&left) {
                open.file.truncate(end)?;
            }
        }
        self.torn.clear();
        Ok(())
    }
}

impl Output for FileOutput {
    fn prepare(&mut self) -> Result<(), (PathBuf, io::Error)> {
        for path in self.paths.clone() {
            let failed = |error| (path.clone(), error);
            if !self.by_event || self.disk.identity(&path).map_err(failed)?.is_some() {
                self.open(&path.as_path().into()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn check_files(&mut self, parts: &[OutputPart]) -> io::Result<()> {
        self.put_back()?;
        for OutputPart { path, .. } in parts {
            self.check_file(path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
        }
        Ok(())
    }

    fn take_released(&mut self) -> Vec<Arc<dyn DiskFile>> {
        std::mem::take(&mut self.released)
    }

    fn unmarked(&self) -> Vec<FileMark> {
        let open = self.files.values();
        open.filter(|open| !open.is_marked)
            .map(|open| open.mark.clone())
            .collect()
    }

    fn set_marked(&mut self) {
        for open in self.files.values_mut() {
            open.is_marked = true;
        }
    }

    fn plan(&mut self, parts: &[OutputPart]) -> Option<SmallVec<[FileRange; 1]>> {
        let planned = parts.iter().filter_map(|part| {
            let open = self.files.get_mut(&part.path)?;
            let mut tail = std::mem::take(&mut open.tail);
            // `tail` is restored: it changes only when the batch is written.
            let old = tail.len();
            let new = &part.bytes[part.bytes.len().saturating_sub(PROOF)..];
            tail.extend_from_slice(new);
            let proof = self.key.of_file(&tail[tail.len().saturating_sub(PROOF)..]);
            tail.truncate(old);
            open.tail = tail;
            Some(FileRange {
                path: open.mark.path.clone(),
                start: open.mark.end,
                end: open.mark.end + part.length(),
                proof,
            })
        });
        Some(planned.collect())
    }

    fn write(&mut self, _: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        for part in parts {
            let Some(open) = self.files.get(&part.path) else {
                return Err(io::Error::other("a file was not checked before the write"));
            };
            if let Err(error) = open.file.append(&part.bytes) {
                let parts = parts
                    .iter()
                    .map(|part| (part.path.clone(), part.bytes.clone()));
                self.torn = parts.collect();
                // If this fails, it is retried before the next write.
                let _ = self.put_back();
                return Err(error);
            }
        }
        for part in parts {
            if let Some(open) = self.files.get_mut(&part.path) {
                let new = &part.bytes[part.bytes.len().saturating_sub(PROOF)..];
                let old = open.tail.len().min(PROOF - new.len());
                open.tail.drain(..open.tail.len() - old);
                open.tail.extend_from_slice(new);
                open.mark.end += part.length();
            }
        }
        Ok(Acceptance::Accepted)
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.put_back()?;
        self.closed.clear();
        for (path, mut open) in std::mem::take(&mut self.files) {
            if open.is_marked {
                open.mark.proof = self.key.of_file(&open.tail);
                self.closed.insert(path, open.mark);
            }
            open.file.unlock();
            self.released.push(open.file);
        }
        Ok(())
    }

    fn notices(&mut self) -> Vec<FileNotice> {
        std::mem::take(&mut self.notices)
    }

    fn files(&self, open: &mut Vec<Arc<dyn DiskFile>>) {
        open.extend(self.files.values().map(|open| open.file.clone()));
    }
}
