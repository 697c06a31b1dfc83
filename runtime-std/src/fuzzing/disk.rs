//! A disk in memory that crashes at a chosen operation.

mod content;
mod file;
mod others;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use self::content::FileContent;
use self::file::ModelFile;
use crate::disk::{Disk, DiskFile, FileIdentity};

/// The effect of a crash on bytes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed: the system has them, and writes them later, unless the power fails
    /// before.
    Kill,
    /// The power fails: they are lost in every file.
    Power,
    /// The power fails: only the journal has them.
    PowerButJournal,
    /// The power fails: only the outputs have them.
    PowerButOutputs,
    /// The power fails: the journal has them; the outputs have their length, but not
    /// their content.
    PowerAndLength,
    /// The power fails: only the journal has them, but of their first half only the length.
    PowerAndHole,
}

/// All kinds.
pub const CRASHES: [Crash; 6] = [
    Crash::Kill,
    Crash::Power,
    Crash::PowerButJournal,
    Crash::PowerButOutputs,
    Crash::PowerAndLength,
    Crash::PowerAndHole,
];

/// The disk; clones share it.
#[derive(Clone, Default)]
pub struct ModelDisk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Names that other programs gave to files whose names were not durable yet. The next sync of
    /// the file or of names makes them durable.
    given_names: BTreeMap<PathBuf, u64>,
    files: BTreeMap<u64, FileContent>,
    /// The number of changing operations so far.
    operations: u64,
    /// The operation that is interrupted halfway; every later one fails.
    crash_at: Option<u64>,
    crashed: bool,
    /// Whether the disk is full for outputs: half of what is appended is written.
    is_full: bool,
    /// The same, for the state directory.
    is_state_full: bool,
    /// The clock, in UNIX seconds.
    now: u64,
    /// How many of the next syncs of files fail.
    syncs_fail: usize,
    /// Whether the next renaming of a file that is closed fails.
    rename_fails: bool,
    name_sync_fails: bool,
    /// What another program appends, at which operation and to which file.
    appends_at: Option<(u64, PathBuf, Vec<u8>)>,
    /// Added to the device number of file systems.
    device: u64,
    /// Whether the last power loss took bytes of the state that a failed sync was to write.
    is_state_damaged: bool,
}

impl ModelDisk {
    /// Crashes at operation `at`, counted from now.
    pub fn crash_at(&self, at: u64) {
        let mut state = self.0.lock().unwrap();
        state.crash_at = Some(state.operations + at);
    }

    /// Makes the disk full for outputs, or frees it.
    pub fn set_full(&self, is_full: bool) {
        self.0.lock().unwrap().is_full = is_full;
    }

    /// Makes the disk of the state directory full, or frees it.
    pub fn set_state_full(&self, is_full: bool) {
        self.0.lock().unwrap().is_state_full = is_full;
    }

    /// Sets the clock, in UNIX seconds.
    pub fn set_now(&self, now: u64) {
        self.0.lock().unwrap().now = now;
    }

    /// So many of the next syncs of files fail: what they were to write is lost when the machine
    /// stops.
    pub fn fail_syncs(&self, count: usize) {
        self.0.lock().unwrap().syncs_fail = count;
    }

    /// The next renaming of a file that is closed fails.
    pub fn fail_rename(&self) {
        self.0.lock().unwrap().rename_fails = true;
    }

    /// The next names are not made durable.
    pub fn fail_name_sync(&self) {
        self.0.lock().unwrap().name_sync_fails = true;
    }

    /// Half a minute passes: the system writes what it has in memory.
    pub fn write_back(&self) {
        let mut state = self.0.lock().unwrap();
        state.files.values_mut().for_each(FileContent::sync);
        state.given_names.clear();
        state.durable_names = state.names.clone();
    }

    /// Returns whether there is space, and no sync is going to fail.
    pub fn is_sound(&self) -> bool {
        let state = self.0.lock().unwrap();
        !state.is_full && !state.is_state_full && state.syncs_fail == 0
    }

    /// Gives the file system another device number, as a restart may do.
    pub fn renumber(&self) {
        self.0.lock().unwrap().device += 1;
    }

    /// Returns whether it has crashed.
    pub fn has_crashed(&self) -> bool {
        self.0.lock().unwrap().crashed
    }

    /// Returns whether the last power loss took bytes of the state that a failed sync was to
    /// write: what was written behind them may be there.
    pub fn is_state_damaged(&self) -> bool {
        self.0.lock().unwrap().is_state_damaged
    }

    /// Starts the machine again.
    pub fn come_up(&self, crash: Crash) {
        let mut state = self.0.lock().unwrap();
        state.crash_at = None;
        state.crashed = false;
        state.is_state_damaged = false;
        if crash == Crash::Kill {
            return;
        }
        let mut files = state.files.values();
        state.is_state_damaged = files.any(|file| file.journal && !file.lost.is_empty());
        let survives = |is_journal: bool| match crash {
            Crash::Kill | Crash::PowerAndLength => true,
            Crash::Power => false,
            Crash::PowerButJournal | Crash::PowerAndHole => is_journal,
            Crash::PowerButOutputs => !is_journal,
        };
        for content in state.files.values_mut() {
            if crash == Crash::PowerAndLength && !content.journal {
                let length = content.now.len();
                content.now = content.durable.clone();
                content.now.resize(length.max(content.now.len()), 0);
            }
            if crash == Crash::PowerAndHole && content.journal {
                let durable = content.durable.len();
                if let Some(young) = content.now.get_mut(durable..) {
                    let hole = young.len() / 2;
                    young[..hole].fill(0);
                }
            }
            if survives(content.journal) {
                content.sync();
            }
            content.now.clone_from(&content.durable);
            content.lost = 0..0;
        }
        let DiskState {
            names,
            durable_names,
            ..
        } = &mut *state;
        names.retain(|path, _| survives(is_journal(path)));
        durable_names.retain(|path, _| !survives(is_journal(path)));
        names.append(durable_names);
        *durable_names = names.clone();
        state.given_names.clear();
    }

    /// Damages a byte of a file. The same once more does not mend it.
    pub fn flip(&self, path: &Path, at: usize) {
        let mut state = self.0.lock().unwrap();
        let inode = state.names[path];
        let content = state.files.get_mut(&inode).unwrap();
        content.now[at] = damaged(content.now[at]);
        if let Some(durable) = content.durable.get_mut(at) {
            *durable = damaged(*durable);
        }
    }

    /// Returns the files of a directory.
    pub fn paths(&self, directory: &Path) -> Vec<PathBuf> {
        let state = self.0.lock().unwrap();
        let names = state.names.keys();
        names
            .filter(|path| path.starts_with(directory))
            .cloned()
            .collect()
    }

    /// Returns the number of a file, if it is there.
    pub fn number(&self, path: &Path) -> Option<u64> {
        let state = self.0.lock().unwrap();
        let key = state.names.get(path)?;
        Some(state.identity(*key).inode)
    }

    /// Returns what a power loss would leave of the files of a directory.
    pub fn durable_contents(&self, directory: &Path) -> Vec<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let names = state.durable_names.iter();
        names
            .filter(|(path, _)| path.starts_with(directory))
            .map(|(_, inode)| state.files[inode].durable.clone())
            .collect()
    }

    /// Returns the content of a file.
    pub fn content(&self, path: &Path) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        let content = state.file(path);
        content.map_or_else(Vec::new, |content| content.now.clone())
    }
}

/// No line of an event becomes that of another one.
fn damaged(byte: u8) -> u8 {
    byte.wrapping_add(0x15)
}

fn is_journal(path: &Path) -> bool {
    path.starts_with("/state")
}

impl DiskState {
    fn file(&self, path: &Path) -> Option<&FileContent> {
        self.files.get(self.names.get(path)?)
    }

    fn identity(&self, key: u64) -> FileIdentity {
        let content = &self.files[&key];
        FileIdentity {
            device: 1 + self.device,
            inode: content.number.unwrap_or(u64::MAX),
            length: content.now.len() as u64,
            is_file: true,
        }
    }

    /// Creates an empty file. It gets the number of one that is gone, as on real file systems,
    /// but not of one with the same name: that is a limit of the promise (docs).
    fn create(&mut self, path: &Path) -> u64 {
        let key = self.files.len() as u64;
        let mut gone = self.files.iter_mut().filter(|(key, content)| {
            let mut names = self.names.values().chain(self.durable_names.values());
            content.open == 0 && content.name != path && !names.any(|named| named == *key)
        });
        let number = gone.find_map(|(_, content)| content.number.take());
        let content = FileContent {
            number: number.or(Some(key)),
            name: path.into(),
            journal: is_journal(path),
            ..FileContent::default()
        };
        self.files.insert(key, content);
        self.names.insert(path.into(), key);
        key
    }

    /// A file was synced, and with it the name that another program gave it.
    fn keep_given_name(&mut self, inode: u64) {
        let given = std::mem::take(&mut self.given_names).into_iter();
        let (durable, rest): (BTreeMap<_, _>, _) = given.partition(|(_, of)| *of == inode);
        self.given_names = rest;
        self.durable_names.extend(durable);
    }

    /// Counts an operation; returns an error from the crash on. The crashing operation
    /// is done by half.
    fn operation(&mut self) -> Result<bool, io::Error> {
        if self.crashed {
            return Err(io::Error::other("crashed"));
        }
        self.operations += 1;
        let operations = self.operations;
        if let Some((_, path, bytes)) = self.appends_at.take_if(|(at, ..)| operations >= *at) {
            self.append_by_another(&path, &bytes);
        }
        self.crashed = self.crash_at.is_some_and(|at| self.operations >= at);
        Ok(self.crashed)
    }
}

impl Disk for ModelDisk {
    fn open(&self, path: &Path, _: u32) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.0.lock().unwrap();
        if state.crashed {
            return Err(io::Error::other("crashed"));
        }
        let inode = match state.names.get(path) {
            Some(inode) => *inode,
            None => state.create(path),
        };
        drop(state);
        Ok(Arc::new(ModelFile::of(&self.0, inode)))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        let state = self.0.lock().unwrap();
        let inode = state.names.get(path);
        Ok(inode.map(|inode| state.identity(*inode)))
    }

    fn read_range(&self, path: &Path, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let content = state.file(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(content.range(start, end))
    }

    fn write_again(&self, path: &Path, start: u64, end: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let torn = state.operation()?;
        let (is_full, is_state_full) = (state.is_full, state.is_state_full);
        let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let content = state.files.get_mut(&inode).unwrap();
        if end as usize > content.now.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if torn {
            return Err(io::Error::other("crashed"));
        }
        // A file system that copies on write needs space.
        let is_full = match content.journal {
            true => is_state_full,
            false => is_full,
        };
        if is_full && start < end {
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.write_again(start as usize..end as usize);
        drop(state);
        let file = ModelFile::of(&self.0, inode);
        file.sync()
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        // Without `.` in the middle.
        Ok(path.components().collect())
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let state = self.0.lock().unwrap();
        Ok(state.file(path).map(|content| content.now.clone()))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.0.lock().unwrap();
        let inside = |path: &&PathBuf| path.parent() == Some(directory);
        Ok(state.names.keys().filter(inside).cloned().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.operation()? {
            return Err(io::Error::other("crashed"));
        }
        let inode = state.names.remove(from).unwrap();
        state.given_names.remove(from);
        state.names.insert(to.into(), inode);
        Ok(())
    }

    fn sync_names(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.operation()? {
            return Err(io::Error::other("crashed"));
        }
        if std::mem::take(&mut state.name_sync_fails) {
            return Err(io::Error::other("the names are not durable"));
        }
        let inside = |path: &Path| path.parent() == Some(directory);
        let DiskState {
            names,
            durable_names,
            given_names,
            ..
        } = &mut *state;
        durable_names.append(given_names);
        durable_names.retain(|path, _| !inside(path));
        let now = names.iter().filter(|(path, _)| inside(path));
        durable_names.extend(now.map(|(path, inode)| (path.clone(), *inode)));
        Ok(())
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        {
            let mut state = self.0.lock().unwrap();
            if std::mem::take(&mut state.rename_fails) {
                return Err(io::Error::other("rename failed"));
            }
            if state.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
        }
        self.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.operation()? {
            return Err(io::Error::other("crashed"));
        }
        match state.names.remove(path) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn now(&self) -> u64 {
        self.0.lock().unwrap().now
    }
}
