//! Removes closed files that are over the limits, the oldest first. Only files that the
//! manifest proves to be ours, with unchanged name and length.

use std::io;

use super::manifest::ManifestEntry;
use super::naming::seconds_of;
use super::notice::FileNotice;
use super::series::{DAY, Series};
use crate::disk::directory;

/// Removes the files that are over the limits.
pub(super) fn keep(
    series: &Series,
    entries: &[ManifestEntry],
    notices: &mut Vec<FileNotice>,
) -> io::Result<()> {
    let keep = series.rules.keep;
    let mut found = Vec::new();
    for entry in entries {
        if let Some((path, length)) = series.find(entry)? {
            found.push((entry, path, length));
        }
    }
    let mut files = found.len() as u64;
    let mut total: u64 = found.iter().map(|(_, _, length)| length).sum();
    let oldest = series
        .disk
        .now()
        .saturating_sub(keep.days.unwrap_or(0) * DAY);
    for (entry, path, length) in found {
        let reason = if keep.files.is_some_and(|most| files > most) {
            "files"
        } else if keep.total.is_some_and(|most| total > most) {
            "total"
        } else if keep.days.is_some() && seconds_of(&entry.time).is_some_and(|it| it < oldest) {
            "days"
        } else {
            return Ok(());
        };
        // It is removed now, or another program has changed it: it no longer counts.
        (files, total) = (files - 1, total - length);
        if length != recorded(entry, path == series.path(&entry.closed.name)) {
            notices.push(FileNotice::NotRemoved(path));
            continue;
        }
        series.record_removed(entry.closed.name.clone(), reason)?;
        remove_rest(series, entry)?;
    }
    Ok(())
}

/// Removes what is left of a file that the manifest says is removed.
pub(super) fn remove_rest(series: &Series, entry: &ManifestEntry) -> io::Result<()> {
    let compressed = entry.compressed.as_ref().map(|(into, _)| into);
    for name in compressed.into_iter().chain([&entry.closed.name]) {
        let path = series.path(name);
        let found = series.disk.identity(&path)?;
        let length = recorded(entry, *name == entry.closed.name);
        if found.is_some_and(|found| found.is_file && found.length == length) {
            series.disk.remove(&path)?;
            series.disk.sync_names(directory(&path))?;
        }
    }
    Ok(())
}

/// Returns the length of the closed file, or of the compressed one.
fn recorded(entry: &ManifestEntry, is_plain: bool) -> u64 {
    match &entry.compressed {
        Some((_, bytes)) if !is_plain => *bytes,
        _ => entry.closed.bytes,
    }
}

#[cfg(all(test, feature = "fuzzing"))]
mod tests;
