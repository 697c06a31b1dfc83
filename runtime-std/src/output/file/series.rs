//! The closed files of one series, from the first to the last. A series has one open file,
//! or one for each hour or day.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ring::digest::Context;

use super::manifest::{Act, ClosedFile, Manifest, ManifestEntry};
use super::naming::{closed_path, manifest_path, seconds_of};
use super::notice::FileNotice;
use super::settings::{ArchiveRules, FileSettings, Retention};
use super::tally::{FileTally, hex, sha256};
use crate::disk::{Disk, FileMark, directory};
use crate::sync::lock;

/// A series with a manifest.
pub struct Series {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) rules: ArchiveRules,
    #[cfg(feature = "archive")]
    pub(super) mode: u32,
    #[cfg(feature = "archive")]
    pub(super) group: Option<u32>,
    manifest: Mutex<Manifest>,
    /// The numbers of the closed files that may have to be compressed, or left a rest. What
    /// is done is not looked at again by this process.
    #[cfg(feature = "archive")]
    unsettled: Mutex<BTreeSet<u64>>,
    /// The closed files of which something was told.
    told: Mutex<BTreeSet<String>>,
}

pub(super) const DAY: u64 = 86_400;
/// The length of the pieces in which files are read.
const PIECE: u64 = 256 << 10;

impl Series {
    /// Reads the manifest of the series with this base path, and makes it durable: files are
    /// renamed and removed because of its lines.
    ///
    /// # Errors
    /// Those of the system.
    pub fn load(disk: &Arc<dyn Disk>, base: &Path, settings: &FileSettings) -> io::Result<Self> {
        let (mode, group) = (settings.mode, settings.group);
        let mut manifest = Manifest::load(disk.clone(), manifest_path(base), mode, group)?;
        manifest.make_durable()?;
        Ok(Self {
            disk: disk.clone(),
            directory: directory(base).into(),
            rules: settings.archive,
            #[cfg(feature = "archive")]
            mode,
            #[cfg(feature = "archive")]
            group,
            #[cfg(feature = "archive")]
            unsettled: Mutex::new(manifest.files.present.keys().copied().collect()),
            manifest: Mutex::new(manifest),
            told: Mutex::default(),
        })
    }

    /// Records that the open file with this content is closed; returns its new path. The
    /// line is durable on return.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn record(
        &self,
        open: &Path,
        tally: &FileTally,
        hash: Context,
    ) -> io::Result<PathBuf> {
        let mut manifest = lock(&self.manifest);
        let (now, sequence) = (self.disk.now(), manifest.files.sequence + 1);
        let path = closed_path(open, now, sequence);
        let closed = ClosedFile {
            name: self.name(&path),
            open: self.name(open),
            sequence,
            sources: tally.sources.iter().map(|name| name.to_string()).collect(),
            first: tally.archival.map(|(first, _)| first),
            last: tally.archival.map(|(_, last)| last),
            events: tally.events,
            bytes: tally.end,
            sha256: hex(hash),
            mixed: tally.is_mixed,
        };
        manifest.append(Act::Closed(closed), now)?;
        Ok(path)
    }

    /// Notes that a recorded file has its name now, and can be compressed.
    #[cfg(feature = "archive")]
    pub(super) fn has_name(&self, path: &Path) {
        let name = self.name(path);
        let manifest = lock(&self.manifest);
        let mut closed = manifest.files.present.values().rev();
        if let Some(entry) = closed.find(|entry| entry.closed.name == name) {
            lock(&self.unsettled).insert(entry.closed.sequence);
        }
    }

    /// Records that a closed file is removed, durably.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn record_removed(&self, name: String, reason: &str) -> io::Result<()> {
        let reason = reason.to_owned();
        lock(&self.manifest).append(Act::Removed { name, reason }, self.disk.now())
    }

    /// Records durably that no file of ours got this name.
    pub(super) fn record_void(&self, name: String) -> io::Result<()> {
        lock(&self.manifest).append(Act::Void { name }, self.disk.now())
    }

    /// Records that a closed file is compressed, durably.
    #[cfg(feature = "archive")]
    pub(super) fn record_compressed(
        &self,
        name: String,
        into: String,
        bytes: u64,
    ) -> io::Result<()> {
        let act = Act::Compressed { name, into, bytes };
        lock(&self.manifest).append(act, self.disk.now())
    }

    /// Completes a closing that was interrupted after its line: the file is renamed if it
    /// still has exactly the recorded content. If something else changed it before it got its
    /// name, that is recorded: no file has this name, and the open one goes on. `marks` are
    /// those of the last process.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn complete(&self, marks: &BTreeMap<Arc<Path>, FileMark>) -> io::Result<()> {
        let entries: Vec<ManifestEntry> = {
            let manifest = lock(&self.manifest);
            // Only the last closings can be interrupted; with a file for each hour, several.
            manifest
                .files
                .present
                .values()
                .rev()
                .take(8)
                .cloned()
                .collect()
        };
        let mut seen = BTreeSet::new();
        for entry in entries {
            let is_last = seen.insert(entry.closed.open.clone());
            let to = self.path(&entry.closed.name);
            if self.find(&entry)?.is_some() || entry.compressed.is_some() {
                continue;
            }
            let open = self.path(&entry.closed.open);
            let Some(found) = self.disk.identity(&open)?.filter(|found| found.is_file) else {
                continue;
            };
            let closed = &entry.closed;
            if found.length == closed.bytes {
                if hex(self.hash(&open, closed.bytes)?) == closed.sha256 {
                    self.disk.rename_new(&open, &to)?;
                    self.disk.sync_names(directory(&to))?;
                }
                continue;
            }
            let mark = marks.get(&*self.disk.canonical(&open)?);
            let was_closing = |mark: &FileMark| {
                let is_same = (mark.device, mark.inode) == (found.device, found.inode);
                is_same && mark.end == closed.bytes
            };
            if is_last && mark.is_some_and(was_closing) {
                self.record_void(closed.name.clone())?;
            }
        }
        Ok(())
    }

    /// Returns the files that were removed last; a rest of them may be there.
    pub(super) fn removed(&self) -> Vec<ManifestEntry> {
        lock(&self.manifest).files.removed.iter().cloned().collect()
    }

    /// Returns the notices that were not given before.
    pub(super) fn untold(&self, mut notices: Vec<FileNotice>) -> Vec<FileNotice> {
        notices.retain(|notice| lock(&self.told).insert(notice.to_string()));
        notices
    }

    /// Returns the closed files that may have to be compressed, or left a rest, the oldest
    /// first.
    #[cfg(feature = "archive")]
    pub(super) fn unsettled(&self) -> Vec<ManifestEntry> {
        let manifest = lock(&self.manifest);
        let mut unsettled = lock(&self.unsettled);
        unsettled.retain(|number| manifest.files.present.contains_key(number));
        let entries = unsettled.iter();
        entries
            .filter_map(|number| manifest.files.present.get(number).cloned())
            .collect()
    }

    /// Records that nothing is left to do for a closed file.
    #[cfg(feature = "archive")]
    pub(super) fn settle(&self, entry: &ManifestEntry) {
        lock(&self.unsettled).remove(&entry.closed.sequence);
    }

    /// Returns whether no file has to be removed, even if all files of the manifest are there.
    pub(super) fn is_within(&self, keep: &Retention) -> bool {
        let manifest = lock(&self.manifest);
        let files = &manifest.files;
        let oldest = files.present.values().next();
        let over_days = keep.days.is_some_and(|days| {
            let since = self.disk.now().saturating_sub(days * DAY);
            let time = oldest.and_then(|entry| seconds_of(&entry.time));
            time.is_some_and(|time| time < since)
        });
        let count = files.present.len() as u64;
        !over_days
            && keep.files.is_none_or(|most| count <= most)
            && keep.total.is_none_or(|most| files.bytes <= most)
    }

    /// Returns the closed files that were not removed, the oldest first.
    pub(super) fn entries(&self) -> Vec<ManifestEntry> {
        let manifest = lock(&self.manifest);
        manifest.files.present.values().cloned().collect()
    }

    /// Returns the path and the length of a closed file, compressed or not; `None` if
    /// neither is there.
    pub(super) fn find(&self, entry: &ManifestEntry) -> io::Result<Option<(PathBuf, u64)>> {
        let compressed = entry.compressed.as_ref().map(|(into, _)| into);
        for name in compressed.into_iter().chain([&entry.closed.name]) {
            let path = self.path(name);
            if let Some(found) = self.disk.identity(&path)?.filter(|found| found.is_file) {
                return Ok(Some((path, found.length)));
            }
        }
        Ok(None)
    }

    /// Returns the hash of the first `length` bytes of a file.
    pub(super) fn hash(&self, path: &Path, length: u64) -> io::Result<Context> {
        hash(self.disk.as_ref(), path, length)
    }

    /// Returns the path of a name in the manifest.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Returns the name of a path in the manifest.
    pub(super) fn name(&self, path: &Path) -> String {
        let name = path.strip_prefix(&self.directory).unwrap_or(path);
        name.to_string_lossy().into_owned()
    }
}

/// Returns the SHA-256 of the first `length` bytes of a file.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::UnexpectedEof`] if the file is shorter.
pub fn hash(disk: &dyn Disk, path: &Path, length: u64) -> io::Result<Context> {
    let mut hash = sha256();
    let mut at = 0;
    while at < length {
        let bytes = disk.read_range(path, at, length.min(at + PIECE))?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&bytes);
        at += bytes.len() as u64;
    }
    Ok(hash)
}
