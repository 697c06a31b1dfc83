//! Files: each event exactly once.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pattern::Pattern;
use crate::delivery::disk::{Disk, DiskFile, Identity, directory};
use crate::delivery::entry::{FileMark, Written};

/// The files of one output.
pub struct FileOutput {
    name: String,
    pattern: Pattern,
    disk: Arc<dyn Disk>,
    files: BTreeMap<PathBuf, Open>,
    /// A write failed, and what it left behind may still be there.
    torn: bool,
}

struct Open {
    file: Arc<dyn DiskFile>,
    mark: FileMark,
}

/// Something about a file that its owner should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Surprise {
    /// It is shorter than the bookmark says: somebody else cut it.
    Shorter(PathBuf),
    /// It is another file than the bookmark says, and that one is not found.
    Replaced(PathBuf),
}

impl fmt::Display for Surprise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shorter(path) => write!(
                f,
                "{} is shorter than it was left: something else cut it, and what is gone there is \
                 not collected again. Events go on at its end.",
                path.display()
            ),
            Self::Replaced(path) => write!(
                f,
                "{} is not the file it was, and that is not in its directory any more. Events go \
                 on at its end; compare the two around this time.",
                path.display()
            ),
        }
    }
}

impl FileOutput {
    /// An output without open files.
    pub fn new(name: &str, pattern: Pattern, disk: Arc<dyn Disk>) -> Self {
        Self {
            name: name.into(),
            pattern,
            disk,
            files: BTreeMap::new(),
            torn: false,
        }
    }

    /// Puts the files into the state of a bookmark, durably, and opens them:
    /// what was written after it is cut off, and files are never extended.
    /// `marks` is `None` for an output the bookmark does not know, whose files
    /// are left as they are. Of the paths the output may write to, `paths`, those
    /// an older bookmark does not know were born after it: they are emptied.
    ///
    /// # Errors
    /// The path, and the system's reason.
    pub fn restore(
        &mut self,
        marks: Option<&BTreeMap<PathBuf, FileMark>>,
        paths: &[PathBuf],
    ) -> Result<Vec<Surprise>, (PathBuf, io::Error)> {
        let mut surprises = Vec::new();
        let mut settled = Vec::new();
        for mark in marks.into_iter().flat_map(BTreeMap::values) {
            let failed = |error| (mark.path.clone(), error);
            match self.find(mark).map_err(failed)? {
                Some((path, identity)) => {
                    if identity.length < mark.end {
                        surprises.push(Surprise::Shorter(path.clone()));
                    }
                    self.cut(&path, mark.end).map_err(failed)?;
                    settled.push(path);
                }
                None => {
                    surprises.push(Surprise::Replaced(mark.path.clone()));
                    settled.push(mark.path.clone());
                }
            }
        }
        let known = marks.into_iter().flat_map(BTreeMap::keys);
        for path in known.chain(paths) {
            let failed = |error| (path.clone(), error);
            if self.files.contains_key(path) {
                continue;
            }
            let exists = self.disk.identity(path).map_err(failed)?.is_some();
            // A file that all events go to is made at once, so that a path that
            // cannot be written to is told at the start.
            if exists || !self.by_event() {
                if exists && marks.is_some() && !settled.contains(path) {
                    self.cut(path, 0).map_err(failed)?;
                }
                self.open(path).map_err(failed)?;
            }
        }
        Ok(surprises)
    }

    fn open(&mut self, path: &Path) -> io::Result<()> {
        if !self.files.contains_key(path) {
            let is_new = self.disk.identity(path)?.is_none();
            let file = self.disk.open(path)?;
            file.lock()?;
            if is_new {
                // A file whose name is lost is lost, synced or not.
                self.disk.sync_names(directory(path))?;
            }
            let identity = file.identity()?;
            let mark = FileMark {
                path: path.into(),
                device: identity.device,
                inode: identity.inode,
                end: identity.length,
            };
            self.files.insert(path.into(), Open { file, mark });
        }
        Ok(())
    }

    /// Its name in the bookmark.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The open files and how long they are.
    pub fn marks(&self) -> impl Iterator<Item = &FileMark> {
        self.files.values().map(|open| &open.mark)
    }

    /// How many files are open.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The open files, to make them durable.
    pub fn files(&self) -> Vec<Arc<dyn DiskFile>> {
        self.files.values().map(|open| open.file.clone()).collect()
    }

    /// Whether each event type has a file of its own.
    pub fn by_event(&self) -> bool {
        self.pattern.by_event()
    }

    /// The path an event belongs to.
    pub fn path(&self, source: &str, event: &str) -> PathBuf {
        self.pattern.path(source, event)
    }

    /// What the files will be like with these bytes added: for the journal,
    /// before [`write`](Self::write).
    ///
    /// # Errors
    /// The system's, when a new file cannot be opened.
    pub fn plan(&mut self, n: u64, bytes: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<Written> {
        let mut files = Vec::with_capacity(bytes.len());
        for (path, bytes) in bytes {
            self.open(path)?;
            if let Some(open) = self.files.get(path) {
                files.push(FileMark {
                    end: open.mark.end + bytes.len() as u64,
                    ..open.mark.clone()
                });
            }
        }
        Ok(Written {
            n,
            output: self.name.clone(),
            files,
        })
    }

    /// Appends the bytes that were planned. After an error the files are as they
    /// were before, and the batch may be tried again.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, bytes: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
        if self.torn {
            self.put_back()?;
        }
        self.torn = true;
        for (path, bytes) in bytes {
            let Some(open) = self.files.get(path) else {
                return Err(io::Error::other("a file that was not planned"));
            };
            if let Err(error) = open.file.append(bytes) {
                // If that fails too, it is tried again before the next write.
                self.torn = self.put_back().is_err();
                return Err(error);
            }
        }
        self.torn = false;
        for (path, bytes) in bytes {
            if let Some(open) = self.files.get_mut(path) {
                open.mark.end += bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// Cuts every file to where its last whole batch ended.
    fn put_back(&self) -> io::Result<()> {
        self.files
            .values()
            .try_for_each(|open| open.file.cut(open.mark.end))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = self.disk.open(path)?;
        // Whoever else writes to it has to be told before it is cut.
        file.lock()?;
        file.cut(length)?;
        file.sync()
    }

    /// The file of a mark: under its name, or under another in its directory.
    fn find(&self, mark: &FileMark) -> io::Result<Option<(PathBuf, Identity)>> {
        let others = self.disk.list(directory(&mark.path))?;
        for path in std::iter::once(&mark.path).chain(&others) {
            if let Some(identity) = self.disk.identity(path)?
                && (identity.device, identity.inode) == (mark.device, mark.inode)
            {
                return Ok(Some((path.clone(), identity)));
            }
        }
        Ok(None)
    }
}
