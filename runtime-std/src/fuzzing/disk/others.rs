//! What other programs do on the disk in memory.

use std::path::Path;

use super::{DiskState, ModelDisk};

impl ModelDisk {
    /// Another program renames a file; returns whether the file existed. The new name is durable
    /// if the old one was.
    pub fn renamed_by_another(&self, from: &Path, to: &Path) -> bool {
        let mut state = self.0.lock().unwrap();
        let DiskState {
            names,
            durable_names,
            given_names,
            ..
        } = &mut *state;
        let Some(inode) = names.remove(from) else {
            return false;
        };
        names.insert(to.into(), inode);
        given_names.remove(from);
        match durable_names.get(from) == Some(&inode) {
            true => {
                durable_names.remove(from);
                durable_names.insert(to.into(), inode);
            }
            false => {
                given_names.insert(to.into(), inode);
            }
        }
        true
    }

    /// Another program writes a file with this name, which replaces an existing one.
    pub fn written_by_another(&self, path: &Path, content: &[u8]) {
        let mut state = self.0.lock().unwrap();
        let inode = state.create(path);
        state.durable_names.insert(path.into(), inode);
        if let Some(file) = state.files.get_mut(&inode) {
            file.now = content.to_vec();
            file.sync();
        }
    }

    /// Another program removes a file, durably.
    pub fn removed_by_another(&self, path: &Path) {
        let mut state = self.0.lock().unwrap();
        let inode = state.names.remove(path);
        state.given_names.remove(path);
        // The durable name may be of a file that we renamed since.
        if inode.is_none() || state.durable_names.get(path) == inode.as_ref() {
            state.durable_names.remove(path);
        }
    }

    /// Another program cuts a file to this length durably. What is left of ours is as durable as
    /// it was.
    pub fn truncated_by_another(&self, path: &Path, length: usize) {
        let mut state = self.0.lock().unwrap();
        let inode = state.names[path];
        if let Some(content) = state.files.get_mut(&inode) {
            content.truncate(length);
            content.durable.truncate(length);
        }
    }

    /// Another program appends to a file, and makes that durable, but neither the bytes before it
    /// nor the name. Returns whether the file existed.
    pub fn appended_by_another(&self, path: &Path, bytes: &[u8]) -> bool {
        self.0.lock().unwrap().append_by_another(path, bytes)
    }

    /// Another program does so at operation `at`, counted from now, just before it.
    pub fn append_by_another_at(&self, at: u64, path: &Path, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap();
        let at = state.operations + at;
        state.appends_at = Some((at, path.into(), bytes.into()));
    }
}

impl DiskState {
    pub(super) fn append_by_another(&mut self, path: &Path, bytes: &[u8]) -> bool {
        let Some(&inode) = self.names.get(path) else {
            return false;
        };
        let Some(content) = self.files.get_mut(&inode) else {
            return false;
        };
        content.append_by_another(bytes);
        true
    }
}
