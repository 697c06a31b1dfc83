//! The outputs that a world may have.

use std::path::{Path, PathBuf};

use estreamer::config::{ArchiveRules, Compression, Retention, Rotation};
use estreamer::fuzzing::collector::{OutputTarget, TargetHead};

/// The folder of the files of all outputs.
pub(crate) const OUT: &str = "/out";
/// The number of the output with a receiver.
pub(crate) const BULK: usize = 4;

const KEEP_ALL: Retention = Retention {
    files: None,
    days: None,
    total: None,
};
/// One file that stays open.
const PLAIN: ArchiveRules = ArchiveRules {
    rotate: None,
    keep: KEEP_ALL,
    compress: None,
    manifest: false,
};
/// Files that are closed, compressed and recorded.
const CLOSED: ArchiveRules = ArchiveRules {
    rotate: Some(Rotation {
        size: Some(200),
        every: Some(200),
    }),
    keep: KEEP_ALL,
    compress: Some(Compression::Gzip),
    manifest: true,
};

const fn output(
    path: &'static str,
    tag: &'static str,
    by_kind: bool,
    archive: ArchiveRules,
) -> OutputTarget {
    OutputTarget {
        path,
        tag,
        by_kind,
        archive,
        head: TargetHead::Nothing,
    }
}

/// The outputs. A configuration has some of them.
pub(crate) const OUTPUTS: [OutputTarget; 6] = [
    output("/out/one", "one ", false, PLAIN),
    output("/out/two", "two ", false, PLAIN),
    output("/out/kind", "kind ", true, PLAIN),
    output("/out/closed", "closed ", false, CLOSED),
    output("bulk", "", false, PLAIN),
    output("/out/event", "event ", true, CLOSED),
];

/// The same outputs, with their paths spelled in another way.
pub(crate) const RESPELLED: [OutputTarget; 6] = [
    output("/out/./one", "one ", false, PLAIN),
    output("/out/./two", "two ", false, PLAIN),
    output("/out/./kind", "kind ", true, PLAIN),
    output("/out/./closed", "closed ", false, CLOSED),
    output("bulk", "", false, PLAIN),
    output("/out/./event", "event ", true, CLOSED),
];

/// Returns the output that writes a file with this path.
pub(crate) fn of_path(path: &Path) -> Option<usize> {
    let path = normal(path);
    let path = path.to_str()?;
    let mut outputs = OUTPUTS.iter();
    outputs.position(|output| path.starts_with(output.path))
}

/// Returns a path without `.` in it.
pub(crate) fn normal(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Returns the output that wrote a line.
pub(crate) fn of_line(line: &str) -> Option<usize> {
    let mut outputs = OUTPUTS.iter();
    outputs.position(|output| !output.tag.is_empty() && line.starts_with(output.tag))
}
