//! The file operations that bookmarks are made of: few, so that a test can crash
//! between any two of them.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place for files.
pub trait Disk: Send + Sync {
    /// Opens a file for appending; it is made if it does not exist.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Which file stands under a name, and how long it is; `None` if there is none.
    ///
    /// # Errors
    /// The system's.
    fn identity(&self, path: &Path) -> io::Result<Option<Identity>>;

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

    /// Makes what was written durable. After an error nothing is known.
    ///
    /// # Errors
    /// The system's.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file to this length; it never grows.
    ///
    /// # Errors
    /// The system's.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Which file it is, and how long.
    ///
    /// # Errors
    /// The system's.
    fn identity(&self) -> io::Result<Identity>;

    /// Keeps other processes off for as long as it is open.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process has it.
    fn lock(&self) -> io::Result<()>;
}

/// Which file it is, whatever its name by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
    /// Bytes.
    pub length: u64,
}

/// A file and how long it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Where it was.
    pub path: Arc<Path>,
    /// Its file system.
    pub device: u64,
    /// Which file it is there.
    pub inode: u64,
    /// Bytes.
    pub end: u64,
}

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn identity(&self, path: &Path) -> io::Result<Option<Identity>> {
        found(fs::metadata(path)).map(|metadata| metadata.as_ref().map(identity))
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
        File::open(directory)?.sync_all()
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        match self.0.metadata()?.len() > length {
            true => self.0.set_len(length),
            false => Ok(()),
        }
    }

    fn identity(&self) -> io::Result<Identity> {
        self.0.metadata().map(|metadata| identity(&metadata))
    }

    fn lock(&self) -> io::Result<()> {
        // A device is nobody's alone.
        match self.0.metadata()?.is_file() {
            true => self.0.try_lock().map_err(io::Error::from),
            false => Ok(()),
        }
    }
}

fn identity(metadata: &Metadata) -> Identity {
    Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
    }
}

/// That there is nothing is an answer, not an error.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The directory a file lies in.
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}
