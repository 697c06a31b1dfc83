//! Checks the directories and files that a collection writes to. Nothing is created.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::unistd::{getegid, geteuid, getgroups};
use rustix::fs::{Access, access, statvfs};
use rustix::io::Errno;

use super::user::user;
use crate::disk::directory;

/// A problem with a path.
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) remedy: String,
    /// Whether a collection would fail or stop.
    pub(super) is_mistake: bool,
}

impl Problem {
    pub(super) fn mistake(what: String, remedy: impl Into<String>) -> Self {
        Self {
            what,
            remedy: remedy.into(),
            is_mistake: true,
        }
    }

    pub(super) fn warning(what: String, remedy: impl Into<String>) -> Self {
        Self {
            is_mistake: false,
            ..Self::mistake(what, remedy)
        }
    }
}

/// Below this many free bytes a warning is due.
const LOW: u64 = 256 << 20;

/// Looks at the state directory. It is created if it does not exist.
pub(super) fn state(path: &Path) -> Vec<Problem> {
    let existing = path
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok());
    let existing = match existing {
        Some(path) => path,
        // Of a relative path, the current directory is the last ancestor.
        None => Path::new("."),
    };
    let mut problems = of_files(existing);
    if existing == path
        && let Ok(metadata) = fs::metadata(path)
        && metadata.permissions().mode() & 0o077 != 0
        && metadata.is_dir()
        && problems.is_empty()
    {
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            problems.push(others_write(path, mode));
        }
    }
    problems
}

/// Looks at a directory in which files are created.
pub(super) fn of_files(path: &Path) -> Vec<Problem> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return vec![absent(path, &error)],
    };
    if !metadata.is_dir() {
        let what = format!("{} is not a directory", path.display());
        return vec![Problem::mistake(
            what,
            "Name a directory, or move that file away",
        )];
    }
    if let Err(error) = access(path, Access::WRITE_OK | Access::EXEC_OK) {
        return vec![not_writable(path, error)];
    }
    let mut problems = Vec::new();
    if access(path, Access::READ_OK).is_err() {
        let what = format!(
            "{} may write to {}, but not read it (mode {:04o}): the names of new files cannot be \
             made durable",
            user(),
            path.display(),
            mode(&metadata)
        );
        let remedy = format!(
            "Give the user read permission: chmod u+r,g+r {}",
            path.display()
        );
        problems.push(Problem::warning(what, remedy));
    }
    if mode(&metadata) & 0o1002 == 0o002 {
        problems.push(others_write(path, mode(&metadata)));
    }
    problems.extend(space(path));
    problems
}

fn others_write(path: &Path, mode: u32) -> Problem {
    let what = format!(
        "other users may write to {} (mode {mode:04o}), and replace files in it",
        path.display()
    );
    let remedy = format!("Take that permission away: chmod go-w {}", path.display());
    Problem::warning(what, remedy)
}

/// Looks at a file that is appended to, if it exists.
pub(super) fn file(path: &Path) -> Option<Problem> {
    let metadata = fs::metadata(path).ok()?;
    let shown = path.display();
    if metadata.is_dir() {
        let what = format!("{shown} is a directory");
        let remedy = format!("Name a file in it: url = \"file:{shown}/events.ndjson\"");
        return Some(Problem::mistake(what, remedy));
    }
    if !metadata.is_file() {
        let what = format!("{shown} is not a regular file");
        let remedy = "For a pipe or a device, use url = \"stdout:\" and redirect standard output \
                      to it";
        return Some(Problem::mistake(what, remedy));
    }
    match access(path, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => None,
        Err(Errno::ROFS) => Some(not_writable(directory(path), Errno::ROFS)),
        Err(_) => {
            let what = format!(
                "{} may not append to {shown} (mode {:04o})",
                user(),
                mode(&metadata)
            );
            Some(Problem::mistake(
                what,
                as_service("Change owner or mode of the file"),
            ))
        }
    }
}

/// Looks at the group of new files.
pub(super) fn group(group: u32) -> Option<Problem> {
    let is_root = geteuid().is_root();
    let has = || getgroups().is_ok_and(|groups| groups.iter().any(|it| it.as_raw() == group));
    if is_root || getegid().as_raw() == group || has() {
        return None;
    }
    // A directory may give its group to new files.
    Some(Problem::warning(
        format!("group: {} is not in the group {group}", user()),
        as_service("Name a group of the user, or add the user to it"),
    ))
}

/// The directory does not exist or cannot be entered.
fn absent(path: &Path, error: &io::Error) -> Problem {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Problem::mistake(
            format!("the directory {shown} does not exist"),
            format!("Create it: mkdir -p {shown}"),
        ),
        io::ErrorKind::PermissionDenied => Problem::mistake(
            format!("{} may not enter {shown}", user()),
            as_service("Change owner or mode of the directories above it"),
        ),
        _ => Problem::mistake(
            format!("the directory {shown} cannot be used: {error}"),
            "Name another directory",
        ),
    }
}

fn not_writable(path: &Path, error: Errno) -> Problem {
    let shown = path.display();
    match error {
        Errno::ROFS => Problem::mistake(
            format!("the file system of {shown} is read-only"),
            "Name a directory on another file system, or mount this one writable",
        ),
        Errno::ACCESS | Errno::PERM => {
            let mode = fs::metadata(path).map_or(0, |metadata| mode(&metadata));
            Problem::mistake(
                format!(
                    "{} may not create files in {shown} (mode {mode:04o})",
                    user()
                ),
                as_service("Change owner or mode of the directory"),
            )
        }
        other => Problem::mistake(
            format!("{shown} cannot be written to: {other}"),
            "Name another directory",
        ),
    }
}

/// Adds that another user may have the permission.
fn as_service(remedy: &str) -> String {
    format!("{remedy}. If the service runs as another user, check as that user")
}

/// Looks at the free space and the free inodes.
fn space(path: &Path) -> Option<Problem> {
    let found = statvfs(path).ok()?;
    let shown = path.display();
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let remedy = "Free some space, or name a directory on another file system";
    // Some file systems do not count blocks or inodes.
    if found.f_blocks > 0 && free == 0 {
        let what = format!("the file system of {shown} is full");
        return Some(Problem::mistake(what, remedy));
    }
    if found.f_files > 0 && found.f_favail == 0 {
        let what = format!("the file system of {shown} has no free inode for a new file");
        return Some(Problem::mistake(what, "Remove files that are not needed"));
    }
    (found.f_blocks > 0 && free < LOW).then(|| {
        let what = format!(
            "the file system of {shown} has only {} MiB left",
            free >> 20
        );
        Problem::warning(what, remedy)
    })
}

fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o7777
}
