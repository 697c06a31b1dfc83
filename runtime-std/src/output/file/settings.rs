//! The settings of an output to files.

use std::fmt;
use std::path::PathBuf;

use crate::count::Count;
use crate::quantity::{shown_size, shown_time};

/// The settings of an output to files.
#[derive(Clone, Default)]
pub struct FileSettings {
    /// The known paths that it may write to.
    pub paths: Vec<PathBuf>,
    /// Whether a file is created with its first event, not at once.
    pub is_lazy: bool,
    /// Permissions of new files.
    pub mode: u32,
    /// The group of new files; `None` is that of the process.
    pub group: Option<u32>,
    /// When a file is closed, and what is done to it then.
    pub archive: ArchiveRules,
    /// The seconds of an hour or a day, if each has its own file.
    pub period: Option<u32>,
    /// The paths of files that each have an hour or a day of their own.
    pub dated: Vec<DatedPath>,
    /// Whether closed files are compressed and removed by a thread of their own.
    pub tend_in_thread: bool,
}

/// The paths of the files of one source or event type, one for each hour or day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatedPath {
    /// The path with [`DATE_DIGIT`] and [`HOUR_DIGIT`].
    pub template: String,
    /// The length of the directory in it that has no date and hour.
    pub directory: usize,
    /// The base path of the series, in that directory.
    pub base: PathBuf,
}

/// In the place of each digit of the date.
pub const DATE_DIGIT: &str = "\0";
/// In the place of each digit of the hour.
pub const HOUR_DIGIT: &str = "\u{1}";

/// When a file is closed, and what is done to it then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArchiveRules {
    /// When the open file is closed; `None` keeps one file.
    pub rotate: Option<Rotation>,
    /// How many closed files are kept.
    pub keep: Retention,
    /// How closed files are compressed.
    pub compress: Option<Compression>,
    /// Whether there is a manifest of the closed files.
    pub manifest: bool,
}

impl fmt::Display for ArchiveRules {
    /// Shows what is done in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rotate = self.rotate.unwrap_or_default();
        let size = rotate.size.map(|size| format!("at {}", shown_size(size)));
        let every = rotate
            .every
            .map(|every| format!("every {}", shown_time(every)));
        let closed: Vec<String> = size.into_iter().chain(every).collect();
        f.write_str(&closed.join(" or "))?;
        if let Some(compression) = self.compress {
            write!(f, ", compressed as {compression}")?;
        }
        let Retention { files, days, total } = self.keep;
        let files = files.map(|files| Count(files, "file").to_string());
        let days = days.map(|days| Count(days, "day").to_string());
        let total = total.map(shown_size);
        let kept: Vec<String> = [files, days, total].into_iter().flatten().collect();
        match kept.is_empty() {
            true => f.write_str(", all kept")?,
            false => write!(f, ", kept: at most {}", kept.join(", "))?,
        }
        match self.manifest {
            true => f.write_str(", with a manifest"),
            false => f.write_str(", without a manifest"),
        }
    }
}

/// When an open file is closed: at the first limit that it reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Its length in bytes.
    pub size: Option<u64>,
    /// Full multiples of this number of seconds since 1970, UTC.
    pub every: Option<u64>,
}

/// Which closed files are kept; the oldest are removed first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The maximum number of closed files.
    pub files: Option<u64>,
    /// The maximum number of days since a file was closed.
    pub days: Option<u64>,
    /// The maximum number of bytes of all closed files.
    pub total: Option<u64>,
}

impl Retention {
    /// Returns whether any file is ever removed.
    pub fn is_limited(&self) -> bool {
        self.files.or(self.days).or(self.total).is_some()
    }
}

/// A format of compressed files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard, RFC 8878.
    Zstd,
    /// gzip, RFC 1952.
    Gzip,
}

impl Compression {
    /// Returns the extension, with its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        })
    }
}
