//! A start: from whatever the last process left behind to a bookmark that is
//! durable before the first byte goes out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::{self, Journal, JournalError};
use super::recovery::Bookmark;
use crate::disk::Disk;
use crate::output::file::{FileOutput, Surprise};

/// An output, and the paths it may write to as far as they are known.
pub struct Target {
    /// The output.
    pub output: FileOutput,
    /// Its paths.
    pub paths: Vec<PathBuf>,
}

/// Why a start is refused.
#[derive(Debug)]
pub enum OpeningError {
    /// The bookmark.
    Journal(JournalError),
    /// A file.
    File(PathBuf, io::Error),
}

/// Puts the outputs into the state of the bookmark and starts the journal anew.
/// `others` are further outputs whose word the bookmark needs, by name.
///
/// # Errors
/// [`OpeningError`]; nothing was lost, and the next start tries again.
pub fn open(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    boot: &str,
    overlap: u32,
    targets: &mut [Target],
    others: &[String],
) -> Result<(Journal, Vec<Surprise>), OpeningError> {
    let mut recovered = journal::read(disk.as_ref(), directory).map_err(OpeningError::Journal)?;
    if let Some(recovered) = &mut recovered
        && recovered.boot == boot
    {
        let names = targets
            .iter()
            .map(|target| target.output.name().to_string());
        let names: Vec<String> = names.chain(others.iter().cloned()).collect();
        // A file that cannot be looked at is not whole.
        recovered.adopt(&names, |path| disk.identity(path).ok().flatten());
    }
    if let Some(recovered) = &mut recovered {
        recovered.anchor(overlap);
    }
    let before = recovered.as_ref().map(|recovered| &recovered.bookmark);
    let mut bookmark = before.cloned().unwrap_or_default();
    bookmark.outputs.clear();
    let mut surprises = Vec::new();
    for Target { output, paths } in targets {
        let marks = before.and_then(|bookmark: &Bookmark| bookmark.outputs.get(output.name()));
        let found = output
            .restore(marks, paths)
            .map_err(|(path, error)| OpeningError::File(path, error))?;
        surprises.extend(found);
        let marks = output.marks().map(|mark| (mark.path.clone(), mark.clone()));
        bookmark
            .outputs
            .insert(output.name().clone(), marks.collect());
    }
    let journal = Journal::start(disk.clone(), directory, boot, bookmark, recovered.as_ref())
        .map_err(|error| OpeningError::File(directory.into(), error))?;
    Ok((journal, surprises))
}

impl fmt::Display for OpeningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) if error.kind() == io::ErrorKind::WouldBlock => {
                write!(
                    f,
                    "{} is in use by another process; give each its own",
                    path.display()
                )
            }
            Self::Journal(JournalError::Io(path, error)) | Self::File(path, error) => {
                write!(
                    f,
                    "cannot use {}: {error}; check path and permissions",
                    path.display()
                )
            }
            Self::Journal(JournalError::Unreadable(path, error)) => {
                write!(f, "{}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for OpeningError {}
