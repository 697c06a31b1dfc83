//! Files: each event exactly once.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pattern::Pattern;
use crate::delivery::bookmark::entry::Written;
use crate::disk::FileMark;
use crate::disk::{Disk, DiskFile, Identity, directory};

/// The files of one output.
pub struct FileOutput {
    name: Arc<str>,
    pattern: Pattern,
    disk: Arc<dyn Disk>,
    files: BTreeMap<Arc<Path>, Open>,
    /// A write failed, and what it left behind may still be there.
    torn: bool,
    /// What was found about the files while they were written.
    surprises: Vec<Surprise>,
    /// Files that are not written to any more and not yet known to be durable.
    retired: Vec<Arc<dyn DiskFile>>,
}

/// What goes to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub path: Arc<Path>,
    /// The event type it is for, where each has a file of its own.
    pub event: &'static str,
    /// What is appended.
    pub bytes: Vec<u8>,
}

struct Open {
    file: Arc<dyn DiskFile>,
    mark: FileMark,
}

impl Part {
    /// Bytes that are appended.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Something about a file that its owner should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Surprise {
    /// It is shorter than the bookmark says: somebody else cut it.
    Shorter(PathBuf),
    /// It is another file than the bookmark says, and that one is not found.
    Replaced(PathBuf),
    /// It is longer than we left it: somebody else writes to it.
    Longer(PathBuf),
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
            Self::Longer(path) => write!(
                f,
                "{} is longer than it was left: something else writes to it. Events go on at its \
                 end; after a crash they may be there twice.",
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
            surprises: Vec::new(),
            retired: Vec::new(),
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
        marks: Option<&BTreeMap<Arc<Path>, FileMark>>,
        paths: &[PathBuf],
    ) -> Result<Vec<Surprise>, (PathBuf, io::Error)> {
        let mut surprises = Vec::new();
        let mut settled: Vec<PathBuf> = Vec::new();
        for mark in marks.into_iter().flat_map(BTreeMap::values) {
            let failed = |error| (mark.path.to_path_buf(), error);
            match self.find(mark).map_err(failed)? {
                Some((path, identity)) => {
                    if identity.length < mark.end {
                        surprises.push(Surprise::Shorter(path.clone()));
                    }
                    self.cut(&path, mark.end).map_err(failed)?;
                    settled.push(path);
                }
                None => {
                    surprises.push(Surprise::Replaced(mark.path.to_path_buf()));
                    settled.push(mark.path.to_path_buf());
                }
            }
        }
        let known = marks.into_iter().flat_map(BTreeMap::keys);
        let known: Vec<Arc<Path>> = known.cloned().collect();
        let paths = paths.iter().map(|path| Arc::from(path.as_path()));
        for path in known.into_iter().chain(paths) {
            let failed = |error| (path.to_path_buf(), error);
            if self.files.contains_key(&path) {
                continue;
            }
            let exists = self.disk.identity(&path).map_err(failed)?.is_some();
            // A file that all events go to is made at once, so that a path that
            // cannot be written to is told at the start.
            if exists || !self.pattern.by_event() {
                if exists && marks.is_some() && !settled.iter().any(|done| **done == *path) {
                    self.cut(&path, 0).map_err(failed)?;
                }
                self.open(&path).map_err(failed)?;
            }
        }
        Ok(surprises)
    }

    fn open(&mut self, path: &Arc<Path>) -> io::Result<()> {
        let file = self.disk.open(path)?;
        file.lock()?;
        // A file whose name is lost is lost, synced or not.
        self.disk.sync_names(directory(path))?;
        let identity = file.identity()?;
        let mark = FileMark {
            path: path.clone(),
            device: identity.device,
            inode: identity.inode,
            end: identity.length,
        };
        self.files.insert(path.clone(), Open { file, mark });
        Ok(())
    }

    /// Its name in the bookmark.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The open files and how long they are.
    pub fn marks(&self) -> impl Iterator<Item = &FileMark> {
        self.files.values().map(|open| &open.mark)
    }

    /// The open files, to make them durable.
    pub fn files(&self) -> impl Iterator<Item = Arc<dyn DiskFile>> {
        self.files.values().map(|open| open.file.clone())
    }

    /// What was found about the files since the last time this was asked.
    pub fn surprises(&mut self) -> Vec<Surprise> {
        std::mem::take(&mut self.surprises)
    }

    /// The files that nothing is written to any more: to be made durable.
    pub fn retired(&mut self) -> Vec<Arc<dyn DiskFile>> {
        std::mem::take(&mut self.retired)
    }

    /// Looks whether the files still stand under their names as we left them,
    /// and goes on in a new one where not. Returns whether the open files are
    /// others than before.
    ///
    /// # Errors
    /// The path and the system's reason, when a file cannot be opened.
    pub fn look(&mut self, parts: &[Part]) -> io::Result<bool> {
        if self.torn {
            self.put_back()?;
            self.torn = false;
        }
        let mut changed = false;
        for Part { path, .. } in parts {
            let of_path = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            };
            let found = self.disk.identity(path).map_err(of_path)?;
            let Some(open) = self.files.get_mut(path) else {
                self.open(path).map_err(of_path)?;
                changed = true;
                continue;
            };
            let mark = &mut open.mark;
            let same = |found: &Identity| (found.device, found.inode) == (mark.device, mark.inode);
            match found.filter(same) {
                Some(found) => {
                    let surprise = match found.length.cmp(&mark.end) {
                        Ordering::Less => Surprise::Shorter(path.to_path_buf()),
                        Ordering::Greater => Surprise::Longer(path.to_path_buf()),
                        Ordering::Equal => continue,
                    };
                    mark.end = found.length;
                    self.surprises.push(surprise);
                }
                // Renamed or removed: what is in it stays in it.
                None => {
                    self.retired.push(open.file.clone());
                    self.files.remove(path);
                    self.open(path).map_err(of_path)?;
                    changed = true;
                }
            }
        }
        Ok(changed)
    }

    /// Lets go of all files; they are opened by their names when something is to
    /// be written.
    ///
    /// # Errors
    /// The system's, when a torn write cannot be put back.
    pub fn close(&mut self) -> io::Result<()> {
        if self.torn {
            self.put_back()?;
            self.torn = false;
        }
        let open = self.files.values().map(|open| open.file.clone());
        self.retired.extend(open);
        self.files.clear();
        Ok(())
    }

    /// What the files will be like with these bytes added: for the journal,
    /// between [`look`](Self::look) and [`write`](Self::write).
    pub fn plan(&self, n: u64, parts: &[Part]) -> Written {
        let planned = parts.iter().filter_map(|part| {
            let open = self.files.get(&part.path)?;
            Some(FileMark {
                end: open.mark.end + part.bytes.len() as u64,
                ..open.mark.clone()
            })
        });
        Written {
            n,
            output: self.name.clone(),
            files: planned.collect(),
        }
    }

    /// Appends the bytes that were planned. After an error the files are as they
    /// were before, and the batch may be tried again.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, parts: &[Part]) -> io::Result<()> {
        self.torn = true;
        for part in parts {
            let Some(open) = self.files.get(&part.path) else {
                return Err(io::Error::other("a file that was not planned"));
            };
            if let Err(error) = open.file.append(&part.bytes) {
                // If that fails too, it is tried again before the next write.
                self.torn = self.put_back().is_err();
                return Err(error);
            }
        }
        self.torn = false;
        for part in parts {
            if let Some(open) = self.files.get_mut(&part.path) {
                open.mark.end += part.bytes.len() as u64;
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

    /// The file of a mark: under its name, or under another in its directory. A
    /// file that was renamed has not become shorter; a shorter one has only got
    /// the number of one that was removed.
    fn find(&self, mark: &FileMark) -> io::Result<Option<(PathBuf, Identity)>> {
        let same = |found: &Identity| (found.device, found.inode) == (mark.device, mark.inode);
        if let Some(found) = self.disk.identity(&mark.path)?.filter(same) {
            return Ok(Some((mark.path.to_path_buf(), found)));
        }
        for path in self.disk.list(directory(&mark.path))? {
            if let Some(found) = self.disk.identity(&path)?.filter(same)
                && found.length >= mark.end
            {
                return Ok(Some((path, found)));
            }
        }
        Ok(None)
    }
}
