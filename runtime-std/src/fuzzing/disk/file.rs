//! An open file of the disk in memory.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::DiskState;
use super::content::FileContent;
use crate::disk::{DiskFile, FileIdentity};

/// An open file.
pub(super) struct ModelFile {
    disk: Arc<Mutex<DiskState>>,
    inode: u64,
    has_failed: AtomicBool,
}

impl Drop for ModelFile {
    fn drop(&mut self) {
        if let Ok(mut state) = self.disk.lock()
            && let Some(content) = state.files.get_mut(&self.inode)
        {
            content.open -= 1;
        }
    }
}

impl ModelFile {
    /// Opens a file by its key.
    pub(super) fn of(disk: &Arc<Mutex<DiskState>>, inode: u64) -> Self {
        if let Some(content) = disk.lock().unwrap().files.get_mut(&inode) {
            content.open += 1;
        }
        Self {
            disk: disk.clone(),
            inode,
            has_failed: AtomicBool::new(false),
        }
    }

    /// Runs an operation on the content, with whether it is the crashing one.
    fn change(&self, work: impl FnOnce(&mut FileContent, bool)) -> io::Result<()> {
        let mut state = self.disk.lock().unwrap();
        let torn = state.operation()?;
        work(state.files.get_mut(&self.inode).unwrap(), torn);
        match torn {
            true => Err(io::Error::other("crashed")),
            false => Ok(()),
        }
    }
}

impl DiskFile for ModelFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        {
            let mut state = self.disk.lock().unwrap();
            let (outputs, journal) = (state.is_full, state.is_state_full);
            let content = state.files.get_mut(&self.inode).unwrap();
            if (content.journal && journal) || (!content.journal && outputs) {
                content.now.extend_from_slice(&bytes[..bytes.len() / 2]);
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.change(|content, torn| {
            let length = if torn { bytes.len() / 2 } else { bytes.len() };
            content.now.extend_from_slice(&bytes[..length]);
        })
    }

    fn sync(&self) -> io::Result<()> {
        if self.has_failed.load(Ordering::Relaxed) {
            return Err(io::Error::other("an earlier sync failed"));
        }
        {
            let mut state = self.disk.lock().unwrap();
            if state.syncs_fail > 0 {
                state.syncs_fail -= 1;
                state.files.get_mut(&self.inode).unwrap().lose();
                self.has_failed.store(true, Ordering::Relaxed);
                return Err(io::Error::other("sync failed"));
            }
        }
        self.change(|content, torn| {
            if !torn {
                content.sync();
            }
        })?;
        self.disk.lock().unwrap().keep_given_name(self.inode);
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.change(|content, torn| {
            if !torn {
                content.truncate(length as usize);
            }
        })
    }

    fn read_range(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let state = self.disk.lock().unwrap();
        Ok(state.files[&self.inode].range(start, end))
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        Ok(self.disk.lock().unwrap().identity(self.inode))
    }

    fn lock(&self) -> io::Result<()> {
        Ok(())
    }

    fn unlock(&self) {}

    fn set_group(&self, _: u32) -> io::Result<()> {
        Ok(())
    }
}
