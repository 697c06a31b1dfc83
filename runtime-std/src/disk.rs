//! The file operations of bookmarks and file outputs. There are few, so that a test can
//! simulate a crash between any two of them.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestKey};
use crate::sync::lock;

/// A file system.
pub trait Disk: Send + Sync {
    /// Opens a file for appending; creates it with these permissions if it does not exist.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::InvalidInput`] if it is not a regular file,
    /// since a pipe or a device has no length.
    fn open(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn DiskFile>>;

    /// Returns identity and length of the file with this path; `None` if there is none.
    ///
    /// # Errors
    /// Those of the system.
    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>>;

    /// Returns the bytes of a file from `start` to `end`, fewer if it is shorter.
    ///
    /// # Errors
    /// Those of the system.
    fn read_range(&self, path: &Path, start: u64, end: u64) -> io::Result<Vec<u8>>;

    /// Makes a file durable whose writer may have been killed. The bytes from `start` to `end` are
    /// written once more, as they are: after a sync that failed, Linux takes them for written, and
    /// another sync succeeds without them. A file that cannot be written to is only synced.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::UnexpectedEof`] if the file is shorter.
    fn write_again(&self, path: &Path, start: u64, end: u64) -> io::Result<()>;

    /// Returns the absolute path without symbolic links. The file need not exist; its
    /// directory must.
    ///
    /// # Errors
    /// Those of the system.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// Returns the whole content of a file; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of the system.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Returns the files of a directory; none if it does not exist.
    ///
    /// # Errors
    /// Those of the system.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Renames a file and replaces an existing one.
    ///
    /// # Errors
    /// Those of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// Those of the system.
    fn sync_names(&self, directory: &Path) -> io::Result<()>;

    /// Renames a file; never replaces an existing one.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is a file with the new name; otherwise
    /// those of the system.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of the system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a directory and its parents durably.
    ///
    /// # Errors
    /// Those of the system.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Returns the time of the clock in UNIX seconds.
    fn now(&self) -> u64;
}

/// A file open for appending.
pub trait DiskFile: Send + Sync {
    /// Appends bytes. After an error, some of them may be written.
    ///
    /// # Errors
    /// Those of the system.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Makes written data durable. After an error it is unknown which data is durable.
    ///
    /// # Errors
    /// Those of the system. After one error, every later call fails, too.
    fn sync(&self) -> io::Result<()>;

    /// Truncates the file to this length; never extends it.
    ///
    /// # Errors
    /// Those of the system.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Returns the bytes from `start` to `end`, fewer if the file is shorter. A renamed file
    /// is still read.
    ///
    /// # Errors
    /// Those of the system.
    fn read_range(&self, start: u64, end: u64) -> io::Result<Vec<u8>>;

    /// Returns identity and length.
    ///
    /// # Errors
    /// Those of the system.
    fn identity(&self) -> io::Result<FileIdentity>;

    /// Locks the file against other processes until it is closed.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another process holds the lock.
    fn lock(&self) -> io::Result<()>;

    /// Releases the lock.
    fn unlock(&self);

    /// Sets the group of the file.
    ///
    /// # Errors
    /// Those of the system.
    fn set_group(&self, group: u32) -> io::Result<()>;
}

/// The identity of a file, independent of its name, with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// The device of the file system.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// The length in bytes.
    pub length: u64,
    /// Whether it is a regular file.
    pub is_file: bool,
}

/// An offset in a file, with a proof of the content before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// The absolute path without symbolic links.
    pub path: Arc<Path>,
    /// The device: a hint only, since it may change with a mount.
    pub device: u64,
    /// The inode: a hint only, since inodes are reused.
    pub inode: u64,
    /// The offset in bytes.
    pub end: u64,
    /// The digest of the last bytes before it, at most [`PROOF`].
    pub proof: Digest,
}

/// A range of bytes in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRange {
    /// The path.
    pub path: Arc<Path>,
    /// The start offset.
    pub start: u64,
    /// The end offset.
    pub end: u64,
    /// The digest of the last bytes before the end, at most [`PROOF`].
    pub proof: Digest,
}

/// The maximum number of bytes that a proof covers.
pub const PROOF: usize = 4096;

/// The file system of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn DiskFile>> {
        // Opening a pipe without a reader would block.
        if self.identity(path)?.is_some_and(|found| !found.is_file) {
            return Err(not_a_file());
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(mode);
        let file = file.open(path)?;
        match file.metadata()?.is_file() {
            true => Ok(Arc::new(RealFile {
                file,
                has_failed: Mutex::new(false),
            })),
            false => Err(not_a_file()),
        }
    }

    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        found(fs::metadata(path)).map(|metadata| metadata.as_ref().map(identity))
    }

    fn read_range(&self, path: &Path, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(end.saturating_sub(start))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_again(&self, path: &Path, start: u64, end: u64) -> io::Result<()> {
        match write_again(path, start, end) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied
                        | io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::Unsupported
                        | io::ErrorKind::InvalidInput
                ) =>
            {
                File::open(path)?.sync_data()
            }
            written => written,
        }
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        match fs::canonicalize(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = path.file_name().ok_or(error)?;
                Ok(fs::canonicalize(directory(path))?.join(name))
            }
            result => result,
        }
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        found(fs::read(path))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let Some(entries) = found(fs::read_dir(directory))? else {
            return Ok(Vec::new());
        };
        entries.map(|entry| Ok(entry?.path())).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_names(&self, directory: &Path) -> io::Result<()> {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        match synced {
            // Some file systems do not support this, and some directories are writable but
            // not readable.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput
                        | io::ErrorKind::Unsupported
                        | io::ErrorKind::PermissionDenied
                ) =>
            {
                Ok(())
            }
            result => result,
        }
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
                // Some file systems do not support this.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                result => return result.map_err(Into::into),
            }
        }
        match found(fs::symlink_metadata(to))? {
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            None => fs::rename(from, to),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let parent = directory(path);
        if path.is_dir() {
            // A killed process may have created it.
            return self.sync_names(parent);
        }
        self.create_directory(parent)?;
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_names(parent)
    }

    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}

fn write_again(path: &Path, start: u64, end: u64) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut at = start;
    while at < end {
        let size = (buffer.len() as u64).min(end - at);
        let part = &mut buffer[..size as usize];
        file.read_exact_at(part, at)?;
        file.write_all_at(part, at)?;
        at += size;
    }
    file.sync_data()
}

struct RealFile {
    file: File,
    /// Whether a sync failed.
    has_failed: Mutex<bool>,
}

/// Syncs unless a sync failed before: the system reports an error only once, and success
/// afterwards.
fn sync_unless_failed(
    has_failed: &Mutex<bool>,
    sync: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let mut has_failed = lock(has_failed);
    if *has_failed {
        return Err(io::Error::other("a sync of this file failed before"));
    }
    let synced = sync();
    *has_failed = synced.is_err();
    synced
}

/// Unlocks first: between fork and exec a child process has a copy of the descriptor, and
/// with it the lock.
impl Drop for RealFile {
    fn drop(&mut self) {
        self.unlock();
    }
}

impl DiskFile for RealFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        sync_unless_failed(&self.has_failed, || self.file.sync_data())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        match self.file.metadata()?.len() > length {
            true => self.file.set_len(length),
            false => Ok(()),
        }
    }

    fn read_range(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let end = end.min(self.file.metadata()?.len());
        let mut bytes = vec![0; end.saturating_sub(start) as usize];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        self.file.metadata().map(|metadata| identity(&metadata))
    }

    fn lock(&self) -> io::Result<()> {
        match self.file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            // Some file systems have no locks.
            Err(TryLockError::Error(_)) => Ok(()),
        }
    }

    fn unlock(&self) {
        // Fails only if the file is not locked.
        let _ = self.file.unlock();
    }

    fn set_group(&self, group: u32) -> io::Result<()> {
        // A user who may not change groups may do without.
        match self.file.metadata()?.gid() == group {
            true => Ok(()),
            false => fchown(&self.file, None, Some(group)),
        }
    }
}

fn identity(metadata: &Metadata) -> FileIdentity {
    FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        is_file: metadata.is_file(),
    }
}

fn not_a_file() -> io::Error {
    let text = "not a regular file; for a pipe or a device, use the output stdout: and redirect \
                standard output to it";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Computes the digest of the bytes before an offset in a file; `None` if the file is
/// shorter.
///
/// # Errors
/// The system's.
pub fn proof(
    disk: &dyn Disk,
    key: &DigestKey,
    path: &Path,
    end: u64,
) -> io::Result<Option<Digest>> {
    let start = end.saturating_sub(PROOF as u64);
    let bytes = disk.read_range(path, start, end)?;
    Ok((bytes.len() as u64 == end - start).then(|| key.of_file(&bytes)))
}

/// Returns `None` instead of an error if a file does not exist.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether the names in a directory can be made durable.
pub fn has_durable_names(directory: &Path) -> bool {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .is_ok()
}

/// Returns the directory of a file.
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
