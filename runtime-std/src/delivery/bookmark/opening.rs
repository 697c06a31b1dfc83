//! Opens the bookmark at the start of a run. The bookmark is durable before the first
//! byte is written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::{self, Journal, JournalError};
use super::recovery::{Bookmark, Damage};
use super::settle::settle;
use crate::delivery::dedup::delivered::Delivered;
use crate::digest::DigestKey;
use crate::disk::Disk;
use crate::output::Output;
use crate::output::file::notice::FileNotice;

/// The state directory of a bookmark with boot id and key.
#[derive(Clone, Copy)]
pub struct BookmarkLocation<'a> {
    /// The state directory.
    pub directory: &'a Path,
    /// The boot id, different for each start of the machine.
    pub boot: &'a str,
    /// The key of the digests.
    pub key: &'a DigestKey,
}

/// Why a start is refused. Files may be restored to the bookmark, and closings completed that
/// were interrupted; nothing else was changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpeningError {
    /// The journal cannot be used.
    Journal(JournalError),
    /// A file cannot be used.
    File(PathBuf, io::Error),
    /// The bookmark does not contain the source to discard; it contains these.
    UnknownSource(String, Vec<String>),
}

/// Restores the files of the last run to the bookmark, opens the outputs, and starts a
/// new segment of the journal. `outputs` are pairs of name and output. The bookmark of
/// the source `forget` is discarded. `beginning` returns the archival second that a source
/// is asked from without a bookmark, 0 if from now on. What happened to files is told before
/// anything is recorded.
///
/// # Errors
/// [`OpeningError`]. No event is lost; the next start tries again.
pub fn open(
    disk: &Arc<dyn Disk>,
    place: BookmarkLocation<'_>,
    overlap: u32,
    forget: Option<&str>,
    beginning: &dyn Fn(&str) -> u32,
    outputs: &mut [(String, Box<dyn Output>)],
    tell: &mut dyn FnMut(FileNotice),
) -> Result<Journal, OpeningError> {
    let BookmarkLocation {
        directory,
        boot,
        key,
    } = place;
    let file = |(path, error)| OpeningError::File(path, error);
    let mut recovered =
        journal::read(disk.as_ref(), directory, key).map_err(OpeningError::Journal)?;
    if let Some(recovered) = &mut recovered {
        let same_boot = recovered.boot == boot;
        if let (true, Some(at)) = (same_boot, recovered.garbled_at) {
            // Without a power loss, an interrupted write leaves a truncated frame.
            let segment = recovered.segment;
            let damage = Damage::Broken { segment, at };
            let error = JournalError::Damaged(directory.into(), damage);
            return Err(OpeningError::Journal(error));
        }
        settle(disk.as_ref(), key, recovered, same_boot, tell).map_err(file)?;
        recovered.anchor(overlap, beginning);
    }
    let bookmark = recovered
        .as_mut()
        .map(|it| std::mem::take(&mut it.bookmark));
    let mut bookmark: Bookmark = bookmark.unwrap_or_default();
    if let Some(name) = forget
        && bookmark.sources.remove(name).is_none()
    {
        let known = bookmark.sources.keys().map(|name| name.to_string());
        return Err(OpeningError::UnknownSource(name.into(), known.collect()));
    }
    if recovered.as_ref().is_some_and(|it| it.version == 1) {
        // Its files are restored; its marks have no proof.
        bookmark.files.clear();
        // The batches after its snapshot have digests of version 1, too.
        let sources = bookmark.sources.values_mut();
        sources.for_each(Delivered::mark_version_1);
    }
    bookmark
        .tallies
        .retain(|path, _| !matches!(disk.identity(path), Ok(None)));
    let mut opened = Vec::new();
    for (_, output) in outputs.iter_mut() {
        output.recover(&bookmark.files, &bookmark.tallies);
        output.prepare().map_err(file)?;
        opened.extend(output.unmarked());
    }
    // A file of an output that is gone belongs to others from now on.
    bookmark.files.clear();
    opened.into_iter().for_each(|mark| bookmark.opened(mark));
    let names = outputs.iter().map(|(name, _)| name.clone()).collect();
    let recovered = recovered.as_ref();
    let journal = Journal::start(
        disk.clone(),
        directory,
        (boot, key),
        names,
        bookmark,
        recovered,
    )
    .map_err(|error| OpeningError::File(directory.into(), error))?;
    outputs
        .iter_mut()
        .for_each(|(_, output)| output.set_marked());
    Ok(journal)
}

impl fmt::Display for OpeningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) if error.kind() == io::ErrorKind::WouldBlock => {
                write!(f, "{} is in use by another process", path.display())
            }
            Self::Journal(JournalError::Io(path, error)) | Self::File(path, error) => {
                write!(f, "cannot use {}: {error}", path.display())
            }
            Self::UnknownSource(name, known) => {
                write!(f, "the bookmark has no source {name:?}; it has {known:?}")
            }
            Self::Journal(JournalError::Damaged(path, damage)) => {
                write!(f, "{}: {damage}", path.display())
            }
        }
    }
}

impl std::error::Error for OpeningError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(_, error) | Self::Journal(JournalError::Io(_, error)) => Some(error),
            Self::Journal(JournalError::Damaged(_, damage)) => Some(damage),
            Self::UnknownSource(..) => None,
        }
    }
}
