//! Messages about files.

use std::fmt;
use std::path::PathBuf;

/// A notice about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileNotice {
    /// It is shorter than after our last write: something else truncated it.
    Shorter(PathBuf),
    /// Another file has its name.
    Replaced(PathBuf),
    /// Something else changed bytes that we wrote.
    Rewritten(PathBuf),
    /// Something else appended bytes.
    Longer(PathBuf),
    /// Something else appended bytes, and the process was killed while it wrote the file.
    Unexplained(PathBuf),
    /// Bytes at its end were moved to another file. They may be a partially written batch,
    /// but nothing proves it.
    SetAside(PathBuf, PathBuf),
    /// It is not found after a power loss or a failed sync: events that were not recorded as
    /// delivered come again.
    NotFound(PathBuf),
    /// It is not found, and this number of events was written to it just before the process
    /// was killed, or a sync failed: they are delivered again.
    ComesAgain(PathBuf, u64),
    /// The names of files in this directory cannot be made durable.
    NamesNotDurable(PathBuf),
    /// The file system of this state directory has no locks.
    NotLocked(PathBuf),
    /// A file whose rotation is ours was renamed or removed by something else.
    TakenAway(PathBuf),
    /// A closed file does not have the content that its manifest names.
    Changed(PathBuf),
    /// A closed file is not compressed, because the other file is not ours.
    NotCompressed(PathBuf, PathBuf),
    /// A closed file is over the limits of what is kept, but has changed since.
    NotRemoved(PathBuf),
    /// The closed files of this series cannot be compressed or removed.
    NotTended(PathBuf, String),
}

impl fmt::Display for FileNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shorter(path) => write!(
                f,
                "{} is shorter than after the last write: something else truncated it. Events are \
                 appended; the removed events are not collected again.",
                path.display()
            ),
            Self::Replaced(path) => write!(
                f,
                "{} is not the file that was written before. It stays unchanged, and events are \
                 appended.",
                path.display()
            ),
            Self::Rewritten(path) => write!(
                f,
                "{} has other content than after the last write: something else changed it. \
                 Events may be missing in it; they are not collected again. It stays unchanged, \
                 and events are appended.",
                path.display()
            ),
            Self::Longer(path) => write!(
                f,
                "{} is longer than after the last write: something else writes to it. It stays \
                 unchanged, and events are appended.",
                path.display()
            ),
            Self::Unexplained(path) => write!(
                f,
                "{} is longer than after the last write: something else writes to it. It stays \
                 unchanged, and events are appended. Events that were being written when the \
                 process ended may be in it twice.",
                path.display()
            ),
            Self::SetAside(path, aside) => write!(
                f,
                "{} had bytes at its end that may be a partially written batch. They were moved to \
                 {}; the events that were being written come again.",
                path.display(),
                aside.display()
            ),
            Self::NotFound(path) => write!(
                f,
                "{} is not the file that was written before, and that file is not found. Events \
                 that were not recorded as delivered come again and may be in both files.",
                path.display()
            ),
            Self::NamesNotDurable(path) => write!(
                f,
                "the names of files in {} cannot be made durable: this user may not read the \
                 directory, or its file system does not support it. After a power loss, a new file \
                 may be missing with the events in it.",
                path.display()
            ),
            Self::NotLocked(path) => write!(
                f,
                "the file system of {} has no locks: a second process is not detected. Start only \
                 one.",
                path.display()
            ),
            Self::TakenAway(path) => write!(
                f,
                "{} was renamed or removed by something else, so that it is in no manifest. \
                 Leave its rotation to this program.",
                path.display()
            ),
            Self::Changed(path) => write!(
                f,
                "{} has changed since it was closed: its content is not the one in the manifest. \
                 It is not compressed.",
                path.display()
            ),
            Self::NotCompressed(path, other) => write!(
                f,
                "{} is not compressed: there is another file named {}",
                path.display(),
                other.display()
            ),
            Self::NotRemoved(path) => write!(
                f,
                "{} is over the limits of keep, but its length has changed since it was closed. \
                 It is not removed.",
                path.display()
            ),
            Self::NotTended(path, error) => write!(
                f,
                "cannot compress or remove the closed files in {}: {error}. This is retried when \
                 the next file is closed; writing goes on.",
                path.display()
            ),
            Self::ComesAgain(path, records) => write!(
                f,
                "{records} {} written to {} just before the end, and that file is not \
                 found any more. They come again; check where the file was moved.",
                if *records == 1 {
                    "event was"
                } else {
                    "events were"
                },
                path.display()
            ),
        }
    }
}
