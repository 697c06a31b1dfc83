//! Restores the output files of the last run to the bookmark. The outputs of the last
//! run decide whether a batch is delivered; the configuration of the new run does not.
//!
//! Content proves ownership. A file is ours if the bytes before its mark have the digest
//! of the mark. A batch after the mark is ours if the bytes before its end have the
//! recorded digest. Bytes in a recorded range without proof may be the torn end of a
//! batch: they are moved to a new file. Everything else stays unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pending::PendingBatch;
use super::recovery::{Bookmark, Recovered};
use super::version_1::NO_PROOF;
use crate::digest::{Digest, DigestKey};
use crate::disk::{Disk, FileMark, FileRange, directory, proof};
use crate::output::file::notice::FileNotice;

/// The maximum number of bytes after the last committed mark of a file. A power loss may
/// lose the journal entries; bytes within this limit are then treated as ours.
pub const RESERVE: u64 = 256 << 20;

/// Fewer bytes may be the beginning of any file: they prove nothing in a file with another
/// number.
const MIN_PROOF: u64 = 64;

/// In the names of files with bytes that were moved aside.
const ASIDE: &str = ".unproven-";

/// The maximum number of files to check when searching for a renamed file.
const MAX_CANDIDATES: usize = 10_000;

/// A path and the error of the system.
pub type PathError = (PathBuf, io::Error);

/// Adopts pending batches that every output of the last run has completely, if the
/// machine was not restarted (`same_boot`), and truncates the rest. Afterwards no batch
/// is pending. Each notice is told at once: what it tells of is gone for the next start, even
/// if this one fails.
///
/// # Errors
/// A file of ours that cannot be truncated.
pub fn settle(
    disk: &dyn Disk,
    key: &DigestKey,
    recovered: &mut Recovered,
    same_boot: bool,
    tell: &mut dyn FnMut(FileNotice),
) -> Result<(), PathError> {
    let files = FileRecovery { disk, key };
    // A power loss may lose journal entries.
    let by_reserve = !same_boot && !recovered.is_closed;
    let found = files.find(&recovered.bookmark, &recovered.pending, by_reserve);
    for mark in recovered.bookmark.files.values() {
        if !found.contains_key(&mark.path) {
            files
                .why_not(mark, by_reserve)
                .into_iter()
                .for_each(&mut *tell);
        }
    }
    if same_boot {
        adopt(&files, recovered, &found)?;
    }
    for (path, place) in &found {
        if let Some(mark) = recovered.bookmark.files.get(path) {
            let noted: Vec<_> = ranges(&recovered.pending, path).collect();
            let done = files.bring_back(place, mark, &noted, by_reserve, tell);
            done.map_err(|error| (place.clone(), error))?;
        }
    }
    let (bookmark, pending) = (&recovered.bookmark, &recovered.pending);
    coming_again(bookmark, pending, &found)
        .into_iter()
        .for_each(tell);
    Ok(())
}

/// Returns a notice for each file that is not found and has pending batches: their events are
/// delivered again.
fn coming_again(
    bookmark: &Bookmark,
    pending: &[PendingBatch],
    found: &BTreeMap<Arc<Path>, PathBuf>,
) -> Vec<FileNotice> {
    let gone = bookmark
        .files
        .keys()
        .filter(|path| !found.contains_key(*path));
    let counted = gone.map(|path| (path, records(pending, path)));
    let again = counted.filter(|(_, records)| *records > 0);
    again
        .map(|(path, records)| FileNotice::ComesAgain(path.to_path_buf(), records))
        .collect()
}

/// Truncates files to the last commit after a failed sync: bytes after it can be read
/// but may not be durable. `discarded` are the batches after the commit. Each notice is told
/// at once, as by [`settle`].
///
/// # Errors
/// A file of ours that cannot be truncated.
pub fn cut_back(
    disk: &dyn Disk,
    key: &DigestKey,
    bookmark: &Bookmark,
    discarded: &[PendingBatch],
    tell: &mut dyn FnMut(FileNotice),
) -> Result<(), PathError> {
    let files = FileRecovery { disk, key };
    let mut found = files.find(bookmark, discarded, false);
    coming_again(bookmark, discarded, &found)
        .into_iter()
        .for_each(&mut *tell);
    found.retain(|path, _| touches(discarded, path));
    for (path, place) in &found {
        if let Some(mark) = bookmark.files.get(path) {
            let noted: Vec<_> = ranges(discarded, path).collect();
            let done = files.bring_back(place, mark, &noted, true, tell);
            done.map_err(|error| (place.clone(), error))?;
        }
    }
    Ok(())
}

/// Applies the pending batches that every output has completely, and makes them durable: the
/// killed process may not have done that.
fn adopt(
    files: &FileRecovery<'_>,
    recovered: &mut Recovered,
    found: &BTreeMap<Arc<Path>, PathBuf>,
) -> Result<(), PathError> {
    let marks = recovered.bookmark.files.values();
    let before: Vec<(Arc<Path>, u64)> = marks.map(|of| (of.path.clone(), of.end)).collect();
    let mut adopted = 0;
    for pending in &recovered.pending {
        let is_whole = |range: &FileRange| {
            let mark = recovered.bookmark.files.get(&range.path);
            let place = found.get(&range.path);
            mark.zip(place).is_some_and(|(mark, place)| {
                mark.end == range.start && files.has(mark, place, range.end, range.proof)
            })
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
    for (path, start) in before {
        let end = recovered.bookmark.files.get(&path).map(|mark| mark.end);
        if let (Some(place), Some(end)) = (found.get(&path), end)
            && end > start
        {
            let written = files.disk.write_again(place, start, end);
            written.map_err(|error| (place.clone(), error))?;
        }
    }
    Ok(())
}

/// Returns the recorded byte ranges of a file.
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

/// Returns the number of records in batches that write to a file.
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
    /// Returns whether the file at `place` is the file of the mark and the bytes before
    /// `end` have this digest. A file that cannot be read does not match.
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
            // An empty file has no content to compare.
            (false, 0) => same_number,
            (false, _) => {
                let proof = proof(self.disk, self.key, place, end);
                let is_long = end >= MIN_PROOF;
                (is_long || same_number) && proof.is_ok_and(|proof| proof == Some(digest))
            }
        }
    }

    /// Finds the files of the bookmark by their names. A file with pending batches, or
    /// with `all` every file, is also searched under other names in its directory. No
    /// file is found for two marks: outputs with the same events start with the same
    /// bytes.
    fn find(
        &self,
        bookmark: &Bookmark,
        pending: &[PendingBatch],
        all: bool,
    ) -> BTreeMap<Arc<Path>, PathBuf> {
        let mut found = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let is_file_of = |mark: &FileMark, place: &Path| {
            self.is_file_of(mark, ranges(pending, &mark.path).next(), place)
        };
        // The file of another output may begin with the same bytes.
        let is_ours = |mark: &FileMark, place: &Path| {
            let number = self.number(place);
            let mut others = bookmark.files.values();
            let is_anothers = others.any(|other| {
                other.path != mark.path
                    && number == Some((other.device, other.inode))
                    && is_file_of(other, place)
            });
            !is_anothers && is_file_of(mark, place)
        };
        for mark in bookmark.files.values() {
            if is_ours(mark, &mark.path) {
                taken.extend(self.number(&mark.path));
                found.insert(mark.path.clone(), mark.path.to_path_buf());
            }
        }
        for mark in bookmark.files.values() {
            if found.contains_key(&mark.path) || !(all || touches(pending, &mark.path)) {
                continue;
            }
            // An unreadable directory counts as empty.
            let others = self.disk.list(directory(&mark.path)).unwrap_or_default();
            let is_free =
                |place: &PathBuf| self.number(place).is_some_and(|it| !taken.contains(&it));
            // Bytes that were moved aside may have come again, and are no file of an output.
            let is_aside = |place: &PathBuf| place.to_string_lossy().contains(ASIDE);
            let others = others.into_iter().take(MAX_CANDIDATES);
            let mut others: Vec<_> = others.filter(|place| !is_aside(place)).collect();
            // An older file, from before the state was taken away, may begin with the same bytes.
            let has_number =
                |place: &PathBuf| self.number(place).is_some_and(|it| it.1 == mark.inode);
            others.sort_by_cached_key(|place| !has_number(place));
            let mut others = others.into_iter();
            let place = others.find(|place| is_ours(mark, place) && is_free(place));
            if let Some(place) = place {
                taken.extend(self.number(&place));
                found.insert(mark.path.clone(), place);
            }
        }
        found
    }

    /// Returns whether the file at `place` is the file of a mark. A file that was empty at
    /// its mark is recognised by the `first` batch after it. Under another name, only content
    /// proves it: a file that is gone leaves its number to the next new one.
    fn is_file_of(&self, mark: &FileMark, first: Option<&FileRange>, place: &Path) -> bool {
        let is_in_place = *place == *mark.path;
        let has = |end: u64, proof: Digest| {
            (is_in_place || (end > 0 && proof != NO_PROOF)) && self.has(mark, place, end, proof)
        };
        let first = first.filter(|range| mark.end == 0 && range.start == 0);
        has(mark.end, mark.proof) || first.is_some_and(|range| has(range.end, range.proof))
    }

    /// Returns device and inode of a file.
    fn number(&self, place: &Path) -> Option<(u64, u64)> {
        let found = self.disk.identity(place).ok()??;
        Some((found.device, found.inode))
    }

    /// Returns the notice for a file that is not the file of its mark.
    fn why_not(&self, mark: &FileMark, by_reserve: bool) -> Option<FileNotice> {
        let path = mark.path.to_path_buf();
        match self.disk.identity(&path) {
            _ if by_reserve => Some(FileNotice::NotFound(path)),
            Ok(Some(found)) if found.inode == mark.inode && found.length < mark.end => {
                Some(FileNotice::Shorter(path))
            }
            // Nothing of anybody is in it, as after a rotation that a kill interrupted.
            Ok(Some(found)) if found.length == 0 => None,
            Ok(Some(_)) => Some(FileNotice::Replaced(path)),
            _ => None,
        }
    }

    /// Restores a file of ours to its mark. Bytes after the mark are truncated if a
    /// recorded range proves them to be ours, moved to a new file if they may be ours,
    /// and left otherwise. The notice comes before the cut: after it, no later start knows of
    /// it.
    fn bring_back(
        &self,
        place: &Path,
        mark: &FileMark,
        noted: &[&FileRange],
        by_reserve: bool,
        tell: &mut dyn FnMut(FileNotice),
    ) -> io::Result<()> {
        let Some(found) = self.disk.identity(place)? else {
            return Ok(());
        };
        let length = found.length;
        if length <= mark.end {
            // An earlier start may have cut it, and failed before that was durable.
            if (by_reserve || !noted.is_empty())
                && let Ok(file) = self.disk.open(place, PRIVATE)
            {
                file.sync()?;
            }
            return Ok(());
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
            tell(match explained == mark.end {
                true => FileNotice::Longer(place),
                false => FileNotice::Unexplained(place),
            });
            return Ok(());
        }
        let file = self.disk.open(place, PRIVATE)?;
        // If another process holds the lock, nothing is moved or truncated.
        file.lock()?;
        let mut aside = None;
        if proven < length && mark.proof != NO_PROOF {
            let end = self.disk.read_range(place, mark.end, length)?;
            let unproven = end.get((proven - mark.end) as usize..).unwrap_or_default();
            // A power loss may leave zeros in place of lost data.
            if unproven.iter().any(|&byte| byte != 0) {
                // All bytes after the mark: if this start is interrupted, the next one may prove
                // fewer, and has to find the same beginning.
                aside = Some(self.set_aside(place, mark.end, &end)?);
            }
        }
        if file.identity()?.length != length {
            // Another program is writing to it: leave it as it is.
            if let Some((aside, true)) = aside {
                self.disk.remove(&aside)?;
            }
            tell(FileNotice::Unexplained(place.into()));
            return Ok(());
        }
        if let Some((aside, _)) = aside {
            tell(FileNotice::SetAside(place.into(), aside));
        }
        file.truncate(mark.end)?;
        file.sync()
    }

    /// Writes bytes to a new file in the same directory, durably. Returns whether it is new: an
    /// interrupted start may have begun it.
    fn set_aside(&self, place: &Path, at: u64, bytes: &[u8]) -> io::Result<(PathBuf, bool)> {
        for number in 0..MAX_ASIDE {
            let mut name = place.as_os_str().to_owned();
            name.push(format!("{ASIDE}{at}"));
            if number > 0 {
                name.push(format!("-{number}"));
            }
            let path = PathBuf::from(name);
            let there = self.disk.read(&path)?;
            let (is_new, there) = (there.is_none(), there.unwrap_or_default());
            let Some(rest) = bytes.strip_prefix(&there[..]) else {
                continue;
            };
            let file = self.disk.open(&path, PRIVATE)?;
            file.append(rest)?;
            match there.is_empty() {
                true => file.sync()?,
                // An interrupted start has written some of the bytes or all.
                false => self.disk.write_again(&path, 0, bytes.len() as u64)?,
            }
            self.disk.sync_names(directory(&path))?;
            return Ok((path, is_new));
        }
        Err(io::Error::other(
            "the directory has too many files with .unproven in their names",
        ))
    }
}

/// The maximum number of files with moved bytes for one output file.
const MAX_ASIDE: u32 = 1000;
/// Permissions of such a file: its content is unknown.
const PRIVATE: u32 = 0o600;

#[cfg(all(test, feature = "fuzzing"))]
mod tests;
