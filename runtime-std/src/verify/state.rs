//! Proves open files against the bookmark of a state directory. Nothing is changed or
//! locked, so a collector may be running.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::report::{Difference, Report, VerifyError};
use crate::delivery::bookmark::journal::{self, JournalError};
use crate::delivery::bookmark::recovery::Recovered;
use crate::digest::DigestKey;
use crate::disk::{Disk, FileMark, FileRange, proof};

/// How often is looked again while a collector is writing.
const TRIES: u32 = 5;

pub(super) fn check(
    disk: &dyn Disk,
    directory: &Path,
    within: Option<&[PathBuf]>,
) -> Result<Report, VerifyError> {
    let key = key(disk, directory)?;
    let mut report = Report::default();
    for _ in 0..TRIES {
        // The journal explains what is written before it is written.
        let before = read(disk, directory, &key)?;
        let lengths = lengths(disk, &before.bookmark.files)?;
        let recovered = read(disk, directory, &key)?;
        report = Report::default();
        for mark in recovered.bookmark.files.values() {
            let is_within = |place: &PathBuf| mark.path.starts_with(place);
            if within.is_none_or(|within| within.iter().any(is_within)) {
                file(disk, &key, &recovered, mark, &lengths, &mut report)?;
            }
        }
        if report.differences.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(report)
}

fn file(
    disk: &dyn Disk,
    key: &DigestKey,
    recovered: &Recovered,
    mark: &FileMark,
    lengths: &BTreeMap<Arc<Path>, u64>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let path = mark.path.to_path_buf();
    let failed = |error| VerifyError::new(&mark.path, error);
    let Some(found) = disk.identity(&path).map_err(failed)? else {
        // An empty file holds nothing that could be missing.
        if mark.end > 0 {
            report.differences.push(Difference::OpenMissing(path));
        }
        return Ok(());
    };
    report.seen.insert(path.clone());
    let is_long_enough = found.is_file && found.length >= mark.end;
    let found = proof(disk, key, &path, mark.end).map_err(failed)?;
    if !is_long_enough || found != Some(mark.proof) {
        report
            .differences
            .push(Difference::OpenDiffers(path, mark.end));
        return Ok(());
    }
    let explained = explained(recovered, mark);
    let length = lengths.get(&mark.path).copied().unwrap_or(0);
    match length > explained {
        true => {
            let more = length - explained;
            report.differences.push(Difference::Unexplained(path, more));
        }
        false => report.open += 1,
    }
    Ok(())
}

/// Returns the offset up to which the journal explains a file.
fn explained(recovered: &Recovered, mark: &FileMark) -> u64 {
    let written = recovered
        .pending
        .iter()
        .flat_map(|pending| &pending.written);
    let ranges = written.flat_map(|written| &written.files);
    let of_file = |range: &&FileRange| range.path == mark.path;
    ranges
        .filter(of_file)
        .fold(mark.end, |end, range| end.max(range.end))
}

fn lengths(
    disk: &dyn Disk,
    files: &BTreeMap<Arc<Path>, FileMark>,
) -> Result<BTreeMap<Arc<Path>, u64>, VerifyError> {
    let mut lengths = BTreeMap::new();
    for path in files.keys() {
        let found = disk.identity(path);
        if let Some(found) = found.map_err(|error| VerifyError::new(path, error))? {
            lengths.insert(path.clone(), found.length);
        }
    }
    Ok(lengths)
}

/// Reads the journal; again if a collector is replacing it.
fn read(disk: &dyn Disk, directory: &Path, key: &DigestKey) -> Result<Recovered, VerifyError> {
    let mut tries = TRIES;
    loop {
        let error = match journal::read(disk, directory, key) {
            Ok(Some(recovered)) => return Ok(recovered),
            Ok(None) => "there is no bookmark".to_owned(),
            Err(JournalError::Io(_, error)) => error.to_string(),
            Err(JournalError::Damaged(_, damage)) => damage.to_string(),
        };
        tries -= 1;
        if tries == 0 {
            return Err(VerifyError::state(directory, error));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn key(disk: &dyn Disk, directory: &Path) -> Result<DigestKey, VerifyError> {
    let path = directory.join("key");
    let read = disk
        .read(&path)
        .map_err(|error| VerifyError::new(&path, error))?;
    let Some(bytes) = read else {
        let what = "it has no key, so it is no state directory".to_owned();
        return Err(VerifyError::state(directory, what));
    };
    match <[u8; 32]>::try_from(bytes) {
        Ok(bytes) => Ok(DigestKey::new(bytes)),
        Err(_) => Err(VerifyError::state(&path, "it does not hold a key".into())),
    }
}
