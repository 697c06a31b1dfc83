//! The group of new files.

use std::io;
use std::path::Path;

use crate::disk::{Disk, DiskFile, FileIdentity};

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
        // Not a link to it, and not what another program began to write.
        if let Ok(FileIdentity { length: 0, .. }) = file.identity()
            && let Ok(path) = disk.canonical(path)
        {
            // What stays is empty, and the error is told.
            let _ = disk.remove(&path);
        }
        let what = format!("it cannot be given to the group {group}: {error}");
        io::Error::new(error.kind(), what)
    })
}
