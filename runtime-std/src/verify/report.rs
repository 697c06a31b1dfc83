//! What was found.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::count::Count;
use crate::output::file::naming::rfc_3339;

/// What was proven, and what differs.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of closed files that have exactly the recorded content.
    pub files: u64,
    /// Their events, as far as they were counted.
    pub events: u64,
    /// The bytes of their content.
    pub bytes: u64,
    /// The number of files that were removed by the limits of what is kept.
    pub removed: u64,
    /// The number of open files that have the content of the bookmark.
    pub open: u64,
    /// What differs.
    pub differences: Vec<Difference>,
    /// What is worth knowing and is no difference.
    pub notes: Vec<Note>,
    /// Open files that nothing proves without a state directory.
    pub unproven: Vec<PathBuf>,
    /// The base paths or directories without a manifest.
    pub without_manifest: Vec<PathBuf>,
    /// The files in a directory that are no part of an archive.
    pub others: Vec<PathBuf>,
    /// For each manifest the SHA-256 of its last line.
    pub heads: Vec<(PathBuf, String)>,
    /// The files that belong to an archive.
    pub(super) seen: BTreeSet<PathBuf>,
}

impl Report {
    /// Returns whether nothing was proven, and nothing differs.
    pub fn is_empty(&self) -> bool {
        self.files + self.open + self.removed == 0 && self.differences.is_empty()
    }

    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: Self) {
        self.files += other.files;
        self.events += other.events;
        self.bytes += other.bytes;
        self.removed += other.removed;
        self.open += other.open;
        self.differences.extend(other.differences);
        self.notes.extend(other.notes);
        self.unproven.extend(other.unproven);
        self.without_manifest.extend(other.without_manifest);
        self.others.extend(other.others);
        self.heads.extend(other.heads);
        self.seen.extend(other.seen);
    }
}

/// The events that a file holds according to its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Their number, if they were counted.
    pub events: Option<u64>,
    /// The first and the last archival time, UNIX seconds.
    pub archival: Option<(u32, u32)>,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// A closed file is missing.
    Missing(PathBuf, Contents),
    /// A closed file has this length instead of the second one.
    Length(PathBuf, u64, u64),
    /// A closed file has other content of the same length; perhaps that of another one.
    Content(PathBuf, Option<String>),
    /// A compressed file cannot be read.
    Unreadable(PathBuf, String),
    /// The line with this number does not continue the chain.
    Chain(PathBuf, u64),
    /// The files with these numbers are missing in the manifest, between these archival
    /// times.
    Hole(PathBuf, u64, u64, Option<u32>, Option<u32>),
    /// A file has the name of a closed file, and no manifest names it.
    Foreign(PathBuf),
    /// No manifest names this file.
    NotNamed(PathBuf),
    /// A directory cannot be searched, for this reason.
    NotSearched(PathBuf, String),
    /// An open file of the bookmark is missing.
    OpenMissing(PathBuf),
    /// An open file is not the one of the bookmark.
    OpenDiffers(PathBuf, u64),
    /// Bytes at the end of an open file are not explained by the bookmark.
    Unexplained(PathBuf, u64),
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The line with this number was not written completely.
    Torn(PathBuf, u64),
    /// A file was recorded as closed, and is not renamed yet.
    NotRenamed(PathBuf, PathBuf),
    /// A file was recorded as removed, and is still there.
    NotRemoved(PathBuf),
    /// A closed file is there with and without compression.
    Twice(PathBuf),
    /// Another program wrote to the file while it was open.
    Mixed(PathBuf),
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.events {
            Some(events) => Count(events, "event").fmt(f)?,
            None => f.write_str("an unknown number of events")?,
        }
        match self.archival {
            Some((first, last)) => write!(
                f,
                " stored from {} to {}",
                rfc_3339(first.into()),
                rfc_3339(last.into())
            ),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path, contents) => {
                write!(f, "{} is missing: {contents}", path.display())
            }
            Self::Length(path, found, recorded) => write!(
                f,
                "{} has changed: it has {}, and the manifest says {recorded}",
                path.display(),
                Count(*found, "byte")
            ),
            Self::Content(path, None) => write!(
                f,
                "{} has changed: its content is not the one in the manifest",
                path.display()
            ),
            Self::Content(path, Some(other)) => write!(
                f,
                "{} has changed: it has the content of {other}",
                path.display()
            ),
            Self::Unreadable(path, error) => {
                write!(f, "{} cannot be decompressed: {error}", path.display())
            }
            Self::Chain(path, line) => write!(
                f,
                "{}:{line}: the line does not follow the one before it: lines were changed, \
                 removed or added",
                path.display()
            ),
            Self::Hole(path, first, last, after, before) => {
                write!(f, "{}: ", path.display())?;
                match first == last {
                    true => write!(f, "file {first} is not in the manifest")?,
                    false => write!(f, "files {first} to {last} are not in the manifest")?,
                }
                if let Some(after) = after {
                    write!(f, "; they follow {}", rfc_3339((*after).into()))?;
                }
                if let Some(before) = before {
                    write!(f, "; they precede {}", rfc_3339((*before).into()))?;
                }
                Ok(())
            }
            Self::Foreign(path) => write!(
                f,
                "{} has the name of a closed file, and its manifest does not name it",
                path.display()
            ),
            Self::NotNamed(path) => {
                write!(f, "{}: no manifest names this file", path.display())
            }
            Self::NotSearched(path, why) => {
                write!(f, "{} cannot be searched: {why}", path.display())
            }
            Self::OpenMissing(path) => {
                write!(f, "{} is in the bookmark, and is missing", path.display())
            }
            Self::OpenDiffers(path, end) => write!(
                f,
                "{} is not what the bookmark says about its first {}",
                path.display(),
                Count(*end, "byte")
            ),
            Self::Unexplained(path, count) => write!(
                f,
                "{} has {} at its end that the bookmark does not know: something else wrote \
                 them",
                path.display(),
                Count(*count, "byte")
            ),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn(path, line) => write!(
                f,
                "{}:{line}: the line was not written completely, and was written again",
                path.display()
            ),
            Self::NotRenamed(path, open) => write!(
                f,
                "{} is still named {}: the next start renames it",
                path.display(),
                open.display()
            ),
            Self::NotRemoved(path) => write!(
                f,
                "{} is recorded as removed: the next start removes it",
                path.display()
            ),
            Self::Twice(path) => write!(
                f,
                "{} is there with and without compression: the next start removes it",
                path.display()
            ),
            Self::Mixed(path) => write!(
                f,
                "something else wrote to {} while it was open",
                path.display()
            ),
        }
    }
}

/// Something that cannot be read.
#[derive(Debug)]
pub struct VerifyError {
    path: PathBuf,
    what: String,
}

impl VerifyError {
    pub(super) fn new(path: &Path, error: io::Error) -> Self {
        Self {
            path: path.into(),
            what: error.to_string(),
        }
    }

    pub(super) fn state(path: &Path, what: String) -> Self {
        Self {
            path: path.into(),
            what,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.path.display(), self.what)
    }
}

impl std::error::Error for VerifyError {}
