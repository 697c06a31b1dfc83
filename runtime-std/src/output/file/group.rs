//! The group of new files.

use std::io;
use std::path::Path;

use crate::disk::{Disk, DiskFile};

/// Gives a new file, in which nothing is yet, to a group. If that fails the file is removed: the
/// next attempt would take it for a file with the right group.
pub(super) fn give(
    disk: &dyn Disk,
    path: &Path,
    file: &dyn DiskFile,
    group: Option<u32>,
) -> io::Result<()> {
    let Some(group) = group else { return Ok(()) };
    file.set_group(group).map_err(|error| {
        // What stays is empty, and the error is told.
        let _ = disk.remove(path);
        let what = format!("it cannot be given to the group {group}: {error}");
        io::Error::new(error.kind(), what)
    })
}
