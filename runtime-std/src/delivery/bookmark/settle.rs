//! Brings the files of the last run into the state of a cut. The configuration
//! of the run that starts does not matter: the outputs of the last run decide
//! whether a batch counts as delivered.
//!
//! What is ours is proven by content. A file is ours when the bytes before its
//! mark have the mark's digest. A batch behind the mark is ours when the bytes
//! before its end have the digest that was noted. Of the rest, what the notes
//! explain by its place is moved to a file beside it, since it may be the torn
//! end of ours and is not proven to be; everything else stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pending::PendingBatch;
use super::recovery::{Bookmark, Recovered};
use super::version_1::NO_PROOF;
use crate::digest::{Digest, DigestKey};
use crate::disk::{Disk, FileMark, FileRange, directory, proof};
use crate::output::file::FileNotice;

/// Bytes that may be written to a file behind its last committed mark: so far a
/// power loss, which may take the notes, leaves bytes that are ours.
pub const RESERVE: u64 = 256 << 20;

/// FileRecovery in a directory that are looked at in search of one that was renamed.
const MOST_CANDIDATES: usize = 10_000;

/// A path and why the system refuses it.
pub type PathError = (PathBuf, io::Error);

/// Adopts whole batches that every output of the last run has, where the machine
/// ran on (`same_boot`), and cuts off the rest. Afterwards nothing is pending.
///
/// # Errors
/// A file that is ours and cannot be cut.
pub fn settle(
    disk: &dyn Disk,
    key: &DigestKey,
    recovered: &mut Recovered,
    same_boot: bool,
) -> Result<Vec<FileNotice>, PathError> {
    let files = FileRecovery { disk, key };
    let mut notices = Vec::new();
    // A power loss may take the notes.
    let by_reserve = !same_boot && !recovered.is_closed;
    let found = files.find(&recovered.bookmark, &recovered.pending, by_reserve);
    for mark in recovered.bookmark.files.values() {
        if !found.contains_key(&mark.path) {
            notices.extend(files.why_not(mark, by_reserve));
        }
    }
    if same_boot {
        adopt(&files, recovered, &found);
    }
    for (path, place) in &found {
        if let Some(mark) = recovered.bookmark.files.get(path) {
            let noted = ranges(&recovered.pending, path);
            let notice = files.bring_back(place, mark, noted, by_reserve);
            notices.extend(notice.map_err(|error| (place.clone(), error))?);
        }
    }
    // What was written to a file that is not found comes again.
    for path in recovered.bookmark.files.keys() {
        let records = records(&recovered.pending, path);
        if records > 0 && !found.contains_key(path) {
            notices.push(FileNotice::ComesAgain(path.to_path_buf(), records));
        }
    }
    Ok(notices)
}

/// Cuts files to the last commit after a failed sync: nothing behind it is
/// durable for certain, although it can still be read. `discarded` were behind it.
///
/// # Errors
/// A file that is ours and cannot be cut.
pub fn cut_back(
    disk: &dyn Disk,
    key: &DigestKey,
    bookmark: &Bookmark,
    discarded: &[PendingBatch],
) -> Result<Vec<FileNotice>, PathError> {
    let files = FileRecovery { disk, key };
    let mut notices = Vec::new();
    let mut found = files.find(bookmark, discarded, false);
    found.retain(|path, _| touches(discarded, path));
    for (path, place) in &found {
        if let Some(mark) = bookmark.files.get(path) {
            let noted = ranges(discarded, path);
            let notice = files.bring_back(place, mark, noted, true);
            notices.extend(notice.map_err(|error| (place.clone(), error))?);
        }
    }
    Ok(notices)
}

/// Takes over the batches behind the last commit that every output has whole.
fn adopt(
    files: &FileRecovery<'_>,
    recovered: &mut Recovered,
    found: &BTreeMap<Arc<Path>, PathBuf>,
) {
    let mut adopted = 0;
    for pending in &recovered.pending {
        let is_whole = |range: &FileRange| {
            let mark = recovered.bookmark.files.get(&range.path);
            let place = found.get(&range.path);
            mark.zip(place)
                .is_some_and(|(mark, place)| files.has(mark, place, range.end, range.proof))
        };
        let everywhere = recovered.outputs.iter().all(|output| {
            let mut noted = pending.written.iter().filter(|w| *w.output == **output);
            noted
                .next()
                .is_some_and(|written| written.files.iter().all(is_whole))
        });
        if pending.batch.n != recovered.bookmark.n + 1 || !everywhere {
            break;
        }
        recovered.bookmark.apply(pending);
        adopted += 1;
    }
    recovered.pending.drain(..adopted);
}

/// What the outputs noted of a file.
fn ranges<'a>(pending: &'a [PendingBatch], path: &Path) -> impl Iterator<Item = &'a FileRange> {
    let written = pending.iter().flat_map(|pending| &pending.written);
    let path = path.to_path_buf();
    written
        .flat_map(|written| &written.files)
        .filter(move |range| *range.path == *path)
}

fn touches(pending: &[PendingBatch], path: &Path) -> bool {
    ranges(pending, path).next().is_some()
}

/// Records of the batches that were noted for a file.
fn records(pending: &[PendingBatch], path: &Path) -> u64 {
    let here = pending
        .iter()
        .filter(|pending| touches(std::slice::from_ref(pending), path));
    here.map(|pending| pending.batch.records.len() as u64).sum()
}

struct FileRecovery<'a> {
    disk: &'a dyn Disk,
    key: &'a DigestKey,
}

impl FileRecovery<'_> {
    /// Whether the file at `place` is the one of the mark and has these bytes
    /// before `end`. What cannot be looked at is not.
    fn has(&self, mark: &FileMark, place: &Path, end: u64, digest: Digest) -> bool {
        let Ok(Some(found)) = self.disk.identity(place) else {
            return false;
        };
        if !found.is_file || found.length < end {
            return false;
        }
        let same_number = found.inode == mark.inode;
        match (digest == NO_PROOF, end) {
            (true, _) => same_number && found.device == mark.device,
            // An empty file proves nothing by its content.
            (false, 0) => same_number,
            (false, _) => {
                let proof = proof(self.disk, self.key, place, end);
                proof.is_ok_and(|proof| proof == Some(digest))
            }
        }
    }

    /// Where the files of the bookmark are: under their names, or, of those that
    /// something pending was noted for, or of `all`, under another name in their
    /// directory. One file is never found for two: an output that takes the same
    /// events begins with the same bytes.
    fn find(
        &self,
        bookmark: &Bookmark,
        pending: &[PendingBatch],
        all: bool,
    ) -> BTreeMap<Arc<Path>, PathBuf> {
        let mut found = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for mark in bookmark.files.values() {
            let first = ranges(pending, &mark.path).next();
            if self.is_file_of(mark, first, &mark.path) {
                taken.extend(self.number(&mark.path));
                found.insert(mark.path.clone(), mark.path.to_path_buf());
            }
        }
        for mark in bookmark.files.values() {
            let first = ranges(pending, &mark.path).next();
            if found.contains_key(&mark.path) || !(all || first.is_some()) {
                continue;
            }
            // A directory that cannot be read shows nothing.
            let others = self.disk.list(directory(&mark.path)).unwrap_or_default();
            let is_free =
                |place: &PathBuf| self.number(place).is_some_and(|it| !taken.contains(&it));
            let mut others = others.into_iter().take(MOST_CANDIDATES);
            let place = others.find(|place| self.is_file_of(mark, first, place) && is_free(place));
            if let Some(place) = place {
                taken.extend(self.number(&place));
                found.insert(mark.path.clone(), place);
            }
        }
        found
    }

    /// Whether the file at `place` is the one of a mark. A file that was empty at
    /// its mark is also known by the `first` batch behind it.
    fn is_file_of(&self, mark: &FileMark, first: Option<&FileRange>, place: &Path) -> bool {
        let first = first.filter(|range| mark.end == 0 && range.start == 0);
        self.has(mark, place, mark.end, mark.proof)
            || first.is_some_and(|range| self.has(mark, place, range.end, range.proof))
    }

    /// Which file this is, whatever its name.
    fn number(&self, place: &Path) -> Option<(u64, u64)> {
        let found = self.disk.identity(place).ok()??;
        Some((found.device, found.inode))
    }

    /// What is to be reported of a file that is not the one of its mark.
    fn why_not(&self, mark: &FileMark, by_reserve: bool) -> Option<FileNotice> {
        let path = mark.path.to_path_buf();
        match self.disk.identity(&path) {
            _ if by_reserve => Some(FileNotice::NotFound(path)),
            Ok(Some(found)) if found.inode == mark.inode && found.length < mark.end => {
                Some(FileNotice::Shorter(path))
            }
            Ok(Some(_)) => Some(FileNotice::Replaced(path)),
            _ => None,
        }
    }

    /// Brings a file that is ours to its mark. What is behind it is cut off as far
    /// as it is proven to be ours by what was `noted`, moved to a file of its own
    /// as far as it may be, and left otherwise.
    fn bring_back<'n>(
        &self,
        place: &Path,
        mark: &FileMark,
        noted: impl Iterator<Item = &'n FileRange>,
        by_reserve: bool,
    ) -> io::Result<Option<FileNotice>> {
        let found = self.disk.identity(place)?;
        let length = found.map_or(0, |found| found.length);
        if length <= mark.end {
            return Ok(None);
        }
        let (mut explained, mut proven) = (mark.end, mark.end);
        for range in noted {
            if range.start != explained {
                break;
            }
            explained = range.end;
            if proven == range.start && self.has(mark, place, range.end, range.proof) {
                proven = range.end;
            }
        }
        if by_reserve {
            explained = explained.max(mark.end + RESERVE);
        }
        if length > explained {
            let place = place.into();
            return Ok(Some(match explained == mark.end {
                true => FileNotice::Longer(place),
                false => FileNotice::Unexplained(place),
            }));
        }
        let mut notice = None;
        if proven < length && mark.proof != NO_PROOF {
            let unproven = self.disk.read_range(place, proven, length)?;
            // A power loss leaves the length of what was lost, with nothing in it.
            if unproven.iter().any(|&byte| byte != 0) {
                let aside = self.set_aside(place, mark.end, &unproven)?;
                notice = Some(FileNotice::SetAside(place.into(), aside));
            }
        }
        let file = self.disk.open(place, PRIVATE)?;
        // Another writer would keep it locked: then nothing is cut.
        file.lock()?;
        file.cut(mark.end)?;
        file.sync()?;
        Ok(notice)
    }

    /// Writes bytes to a new file beside one, durably.
    fn set_aside(&self, place: &Path, at: u64, bytes: &[u8]) -> io::Result<PathBuf> {
        for number in 0..MOST_ASIDE {
            let mut name = place.as_os_str().to_owned();
            name.push(format!(".unproven-{at}"));
            if number > 0 {
                name.push(format!("-{number}"));
            }
            let path = PathBuf::from(name);
            match self.disk.read(&path)? {
                Some(there) if there != bytes && !there.is_empty() => continue,
                _ => {}
            }
            let file = self.disk.open(&path, PRIVATE)?;
            // It has them where a start was interrupted behind this, maybe in memory
            // alone.
            if file.identity()?.length == 0 {
                file.append(bytes)?;
            }
            file.sync()?;
            self.disk.sync_names(directory(&path))?;
            return Ok(path);
        }
        Err(io::Error::other(
            "too many files with .unproven in their names lie beside it",
        ))
    }
}

/// FileRecovery beside one into which something was moved, at most.
const MOST_ASIDE: u32 = 1000;
/// Permissions of what is moved there: it may be anything.
const PRIVATE: u32 = 0o600;
