//! The file operations that bookmarks are made of: few, so that a test can crash
//! between any two of them.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestKey};
use crate::sync::lock;

/// A place for files.
pub trait Disk: Send + Sync {
    /// Opens a file for appending; it is made with these permissions if it does
    /// not exist.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::InvalidInput`] for anything but a regular
    /// file: a pipe or a device cannot be measured.
    fn open(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn DiskFile>>;

    /// Which file stands under a name, and how long it is; `None` if there is none.
    ///
    /// # Errors
    /// The system's.
    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>>;

    /// The bytes of a file from `start` to `end`, fewer where it is shorter.
    ///
    /// # Errors
    /// The system's.
    fn read_range(&self, path: &Path, start: u64, end: u64) -> io::Result<Vec<u8>>;

    /// The path of a file, absolute and without symbolic links, whether or not it
    /// exists; its directory must.
    ///
    /// # Errors
    /// The system's.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// A file's whole content; `None` if there is none of that name.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// The files of a directory; none if it does not exist.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;

    /// Gives a file another name, in place of whatever had it.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_names(&self, directory: &Path) -> io::Result<()>;
}

/// A file open for appending.
pub trait DiskFile: Send + Sync {
    /// Writes at the end: all or an error, and after an error maybe some.
    ///
    /// # Errors
    /// The system's.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written durable. After an error it is not known what of it
    /// is.
    ///
    /// # Errors
    /// The system's, and from then on always one.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file to this length; it never grows.
    ///
    /// # Errors
    /// The system's.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// The bytes from `start` to `end`, fewer where it is shorter; whatever the name
    /// of the file is by now.
    ///
    /// # Errors
    /// The system's.
    fn read_range(&self, start: u64, end: u64) -> io::Result<Vec<u8>>;

    /// Which file it is, and how long.
    ///
    /// # Errors
    /// The system's.
    fn identity(&self) -> io::Result<FileIdentity>;

    /// Keeps other processes off for as long as it is open.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process has it.
    fn lock(&self) -> io::Result<()>;

    /// Lets others have it, however many hold it open.
    fn unlock(&self);
}

/// Which file it is, whatever its name by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
    /// Bytes.
    pub length: u64,
    /// Whether it is a regular file.
    pub is_file: bool,
}

/// A place in a file, with what proves that the file is the one that was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Where it was: an absolute path without symbolic links.
    pub path: Arc<Path>,
    /// Its file system: only a hint, as file systems are mounted under others.
    pub device: u64,
    /// Which file it was there: only a hint, as numbers are given again.
    pub inode: u64,
    /// Bytes before the place.
    pub end: u64,
    /// The digest of the last of them, at most [`PROOF`].
    pub proof: Digest,
}

/// Bytes of the run of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRange {
    /// The file.
    pub path: Arc<Path>,
    /// Where the bytes begin.
    pub start: u64,
    /// Where they end.
    pub end: u64,
    /// The digest of the last bytes before the end, at most [`PROOF`].
    pub proof: Digest,
}

/// Bytes that prove a place in a file.
pub const PROOF: usize = 4096;

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn DiskFile>> {
        // Opening a pipe without a reader would wait for one.
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
            // Some file systems cannot do this, and some directories may be
            // written to but not read.
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
}

struct RealFile {
    file: File,
    /// Whether a sync failed.
    has_failed: Mutex<bool>,
}

/// Syncs, unless that failed before: the system reports an error once, to the first
/// thread that asks, and success afterwards.
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

impl DiskFile for RealFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        sync_unless_failed(&self.has_failed, || self.file.sync_data())
    }

    fn cut(&self, length: u64) -> io::Result<()> {
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
        // What cannot be unlocked was not locked.
        let _ = self.file.unlock();
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
    let text = "it is not a regular file; for a pipe or a device, use the output stdout: and \
                redirect standard output to it";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// The proof of a place in a file that is there: the digest of the bytes before
/// it. `None` where the file is shorter.
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

/// A file that does not exist is `None`, not an error.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the names in a directory can be made durable.
pub fn has_durable_names(directory: &Path) -> bool {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .is_ok()
}

/// The directory a file lies in.
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_after_one_that_failed_fails_too() {
        let has_failed = Mutex::new(false);
        let eio = || Err(io::ErrorKind::Other.into());
        assert!(sync_unless_failed(&has_failed, || Ok(())).is_ok());
        assert!(sync_unless_failed(&has_failed, eio).is_err());
        assert!(sync_unless_failed(&has_failed, || Ok(())).is_err());
    }

    #[test]
    fn a_file_is_read_by_its_handle_under_whatever_name() {
        let directory = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| directory.path().join(name));
        let file = RealDisk.open(&path, 0o600).unwrap();
        file.append(b"0123456789").unwrap();
        fs::rename(&path, &other).unwrap();
        fs::write(&path, "another file").unwrap();
        assert_eq!(file.read_range(2, 5).unwrap(), b"234");
        assert_eq!(file.read_range(8, 99).unwrap(), b"89");
        assert!(file.read_range(10, 99).unwrap().is_empty());
        assert!(file.read_range(50, 99).unwrap().is_empty());
    }
}
