//! Proves a manifest and the files that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::report::{Contents, Difference, Note, Report, VerifyError};
use crate::disk::{Disk, FileIdentity, directory};
use crate::output::file::compression::{DiskReader, digest};
use crate::output::file::manifest::{
    Act, ClosedFile, Lines, ManifestEntry, ManifestFiles, ManifestLine, parse,
};
use crate::output::file::naming::{MANIFEST, appended, is_closed_name};
use crate::output::file::series::hash;
use crate::output::file::settings::Compression;
use crate::output::file::tally::hex;

/// Which files of a manifest are proven.
pub(super) enum Scope {
    /// All.
    All,
    /// This one.
    File(PathBuf),
}

/// The files that were read, and what differs in them.
pub(super) type ReadFiles = BTreeMap<PathBuf, (FileIdentity, Option<Difference>)>;

/// The formats of compressed files.
const COMPRESSIONS: [Compression; 2] = [Compression::Zstd, Compression::Gzip];

/// Returns whether a manifest names a closed file, compressed or not.
pub(super) fn names(disk: &dyn Disk, manifest: &Path, path: &Path) -> Result<bool, VerifyError> {
    let failed = |error| VerifyError::new(manifest, error);
    let base = directory(manifest);
    let mut lines = Lines::new(disk, manifest);
    while let Some(line) = lines.next().map_err(failed)? {
        if let Some((
            ManifestLine {
                act: Act::Closed(closed),
                ..
            },
            _,
        )) = parse(&line)
            && is_of(&base.join(&closed.name), path)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether `path` is a closed file, or it compressed.
fn is_of(closed: &Path, path: &Path) -> bool {
    let mut compressed = COMPRESSIONS.iter();
    closed == path || compressed.any(|it| appended(closed, it.extension()) == path)
}

/// Returns the length of a manifest.
pub(super) fn length(disk: &dyn Disk, manifest: &Path) -> Result<u64, VerifyError> {
    let found = disk.identity(manifest);
    let found = found.map_err(|error| VerifyError::new(manifest, error))?;
    Ok(found.map_or(0, |found| found.length))
}

/// Proves a manifest and its files.
pub(super) fn check(
    disk: &dyn Disk,
    manifest: &Path,
    scope: &Scope,
    read: &mut ReadFiles,
    progress: &mut dyn FnMut(&Path, u64),
) -> Result<Report, VerifyError> {
    let mut check = ArchiveCheck {
        disk,
        manifest,
        directory: directory(manifest),
        report: Report::default(),
        files: ManifestFiles::default(),
        open: BTreeSet::new(),
        removed: BTreeSet::new(),
        read,
        progress,
    };
    let failed = |error| VerifyError::new(manifest, error);
    check.chain().map_err(failed)?;
    check.entries(scope).map_err(failed)?;
    if let Scope::All = scope {
        check.neighbours().map_err(failed)?;
    }
    let mut report = check.report;
    let head = check
        .files
        .previous
        .map(|hash| (manifest.to_path_buf(), hash));
    report.heads.extend(head);
    Ok(report)
}

struct ArchiveCheck<'c> {
    disk: &'c dyn Disk,
    manifest: &'c Path,
    directory: &'c Path,
    report: Report,
    files: ManifestFiles,
    /// The names of open files.
    open: BTreeSet<String>,
    /// The names of removed files.
    removed: BTreeSet<String>,
    read: &'c mut ReadFiles,
    progress: &'c mut dyn FnMut(&Path, u64),
}

impl ArchiveCheck<'_> {
    /// Reads the lines and proves that each follows the one before it.
    fn chain(&mut self) -> io::Result<()> {
        let mut lines = Lines::new(self.disk, self.manifest);
        let mut number = 0;
        let mut last: Option<ManifestLine> = None;
        // The archival time that the file before a hole ends with.
        let mut after = None;
        while let Some(bytes) = lines.next()? {
            number += 1;
            let path = || self.manifest.to_path_buf();
            let Some((line, hash)) = parse(&bytes) else {
                self.report.notes.push(Note::Torn(path(), number));
                continue;
            };
            let is_repeated = last
                .as_ref()
                .is_some_and(|last| last.act == line.act && last.previous == line.previous);
            if line.previous != self.files.previous && !is_repeated {
                let chain = Difference::Chain(path(), number);
                self.report.differences.push(chain);
            }
            match &line.act {
                Act::Closed(closed) => {
                    let expected = self.files.sequence + 1;
                    if closed.sequence > expected {
                        self.report.differences.push(Difference::Hole(
                            path(),
                            expected,
                            closed.sequence - 1,
                            after,
                            closed.first,
                        ));
                    }
                    after = closed.last;
                    self.open.insert(closed.open.clone());
                }
                Act::Removed { name, .. } => {
                    self.report.removed += 1;
                    self.removed.insert(name.clone());
                }
                Act::Compressed { .. } | Act::Void { .. } => {}
            }
            last = Some(line.clone());
            self.files.apply(line, hash);
        }
        Ok(())
    }

    /// Proves the files.
    fn entries(&mut self, scope: &Scope) -> io::Result<()> {
        let entries: Vec<ManifestEntry> = self.files.present.values().cloned().collect();
        let mut by_hash = BTreeMap::new();
        for entry in &entries {
            by_hash.insert(entry.closed.sha256.clone(), entry.closed.name.clone());
        }
        let last = entries.last().map(|entry| entry.closed.sequence);
        for entry in &entries {
            let path = self.directory.join(&entry.closed.name);
            if let Scope::File(only) = scope
                && !is_of(&path, only)
            {
                continue;
            }
            let is_last = last == Some(entry.closed.sequence);
            self.entry(entry, &path, is_last, &by_hash)?;
        }
        Ok(())
    }

    /// Proves a file.
    fn entry(
        &mut self,
        entry: &ManifestEntry,
        path: &Path,
        is_last: bool,
        by_hash: &BTreeMap<String, String>,
    ) -> io::Result<()> {
        let closed = &entry.closed;
        let mut found = Vec::new();
        if self.is_file(path)? {
            found.push((path.to_path_buf(), None));
        }
        for compression in COMPRESSIONS {
            let path = appended(path, compression.extension());
            if self.is_file(&path)? {
                found.push((path, Some(compression)));
            }
        }
        if found.len() > 1 {
            self.report.notes.push(Note::Twice(path.into()));
        }
        if closed.mixed {
            self.report.notes.push(Note::Mixed(path.into()));
        }
        if found.is_empty() {
            let open = self.directory.join(&closed.open);
            if is_last && self.is_still(&open, closed)? {
                self.report.notes.push(Note::NotRenamed(path.into(), open));
                self.count(closed);
                return Ok(());
            }
            let contents = Contents {
                events: closed.events,
                archival: closed.first.zip(closed.last),
            };
            // The name that it had last.
            let last = entry.compressed.as_ref();
            let last = last.map_or(path.into(), |(name, _)| self.directory.join(name));
            let missing = Difference::Missing(last, contents);
            self.report.differences.push(missing);
            return Ok(());
        }
        let mut is_proven = true;
        for (path, compression) in found {
            self.report.seen.insert(path.clone());
            if let Some(difference) = self.compare(&path, compression, closed, by_hash)? {
                is_proven = false;
                self.report.differences.push(difference);
            }
        }
        if is_proven {
            self.count(closed);
        }
        Ok(())
    }

    /// Compares a file with what was recorded, unless the same file was read before.
    fn compare(
        &mut self,
        path: &Path,
        compression: Option<Compression>,
        closed: &ClosedFile,
        by_hash: &BTreeMap<String, String>,
    ) -> io::Result<Option<Difference>> {
        let identity = self.disk.identity(path)?;
        if let Some((known, difference)) = self.read.get(path)
            && Some(known) == identity.as_ref()
        {
            return Ok(difference.clone());
        }
        let difference = self.differs(path, compression, closed, by_hash)?;
        if let Some(identity) = identity {
            let known = (identity, difference.clone());
            self.read.insert(path.into(), known);
        }
        Ok(difference)
    }

    /// Compares the content of a file with what was recorded.
    fn differs(
        &mut self,
        path: &Path,
        compression: Option<Compression>,
        closed: &ClosedFile,
        by_hash: &BTreeMap<String, String>,
    ) -> io::Result<Option<Difference>> {
        let never = AtomicBool::new(false);
        let mut reader = DiskReader::new(self.disk, path, &never);
        // One byte more tells a file that is too long; all of it, one that has another's
        // content.
        let limit = self.longest().max(closed.bytes);
        let progress = &mut *self.progress;
        let read = digest(&mut reader, compression, limit, &mut |at| {
            progress(path, at)
        });
        let (length, hash) = match (read, compression) {
            (Ok(read), _) => read,
            (Err(error), Some(_)) => {
                let difference = Difference::Unreadable(path.into(), error.to_string());
                return Ok(Some(difference));
            }
            (Err(error), None) => return Err(error),
        };
        if hash == closed.sha256 && length == closed.bytes {
            return Ok(None);
        }
        Ok(Some(match by_hash.get(&hash) {
            Some(other) => Difference::Content(path.into(), Some(other.clone())),
            None if length != closed.bytes && compression.is_none() => {
                let length = self.disk.identity(path)?.map_or(length, |it| it.length);
                Difference::Length(path.into(), length, closed.bytes)
            }
            None if length != closed.bytes => Difference::Length(path.into(), length, closed.bytes),
            None => Difference::Content(path.into(), None),
        }))
    }

    /// Returns the length of the longest file.
    fn longest(&self) -> u64 {
        let entries = self.files.present.values();
        entries.map(|entry| entry.closed.bytes).max().unwrap_or(0)
    }

    /// Looks for files that look like ours and are not named, and for open files.
    fn neighbours(&mut self) -> io::Result<()> {
        let series = self.manifest.to_string_lossy();
        let base = PathBuf::from(series.strip_suffix(MANIFEST).unwrap_or(&series));
        let mut open: BTreeSet<PathBuf> = BTreeSet::from([base]);
        open.extend(self.open.iter().map(|name| self.directory.join(name)));
        let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
        for path in &open {
            directories.insert(directory(path).into());
            if self.is_file(path)? {
                self.report.seen.insert(path.clone());
                self.report.unproven.push(path.clone());
            }
        }
        for directory in directories {
            for path in self.disk.list(&directory)? {
                if self.report.seen.contains(&path) || !self.is_file(&path)? {
                    continue;
                }
                let is_ours = |open: &PathBuf| is_closed_name(open, &path);
                if !open.iter().any(is_ours) {
                    continue;
                }
                self.report.seen.insert(path.clone());
                let name = path.strip_prefix(self.directory).unwrap_or(&path);
                let name = name.to_string_lossy();
                let plain = COMPRESSIONS
                    .iter()
                    .find_map(|it| name.strip_suffix(it.extension()));
                match self.removed.contains(plain.unwrap_or(&name)) {
                    true => self.report.notes.push(Note::NotRemoved(path)),
                    false => self.report.differences.push(Difference::Foreign(path)),
                }
            }
        }
        Ok(())
    }

    /// Returns whether the open file still has the content of a closed one.
    fn is_still(&mut self, open: &Path, closed: &ClosedFile) -> io::Result<bool> {
        let found = self.disk.identity(open)?;
        if !found.is_some_and(|found| found.is_file && found.length == closed.bytes) {
            return Ok(false);
        }
        Ok(hex(hash(self.disk, open, closed.bytes)?) == closed.sha256)
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.identity(path)?.is_some_and(|found| found.is_file))
    }

    fn count(&mut self, closed: &ClosedFile) {
        self.report.files += 1;
        self.report.events += closed.events.unwrap_or(0);
        self.report.bytes += closed.bytes;
    }
}
