//! The state directory: lock, key of the digests, and boot id.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use crate::digest::DigestKey;
use crate::disk::{Disk, RealDisk, directory};

/// A state directory that this process uses.
pub struct StateDir {
    path: PathBuf,
    key: DigestKey,
    boot: String,
    is_locked: bool,
    /// Holds the lock.
    lock: File,
}

/// Why a state directory cannot be used. Nothing in it was changed, unless it was to be reset.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// Another process uses it.
    InUse(PathBuf),
    /// A system call failed.
    Io(PathBuf, io::Error),
    /// There is a journal but no key: delivered events cannot be recognised.
    KeyMissing(PathBuf),
    /// The key file does not hold a key.
    KeyDamaged(PathBuf),
    /// There is a key but the journal was removed.
    JournalMissing(PathBuf),
}

const JOURNALS: [&str; 2] = ["journal.0", "journal.1"];
/// The key file, and its name until the first journal exists.
const KEY: [&str; 2] = ["key", "key.new"];
/// The length of a key.
const KEY_BYTES: usize = 32;

impl StateDir {
    /// Opens and locks the directory; creates it if it does not exist. `reset` discards
    /// the bookmark.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn open(path: &Path, reset: bool) -> Result<Self, StateError> {
        let io = |error| StateError::Io(path.into(), error);
        create(path).map_err(io)?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            // Every user who may read the file could lock it.
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| StateError::Io(lock_path.clone(), error))?;
        let is_locked = match lock.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse(path.into())),
            // Some file systems have no locks.
            Err(TryLockError::Error(_)) => false,
        };
        if reset {
            for name in JOURNALS.iter().chain(&KEY) {
                remove(&path.join(name))?;
            }
        }
        let has_journal = JOURNALS.iter().any(|name| path.join(name).exists());
        Ok(Self {
            path: path.into(),
            key: key(path, has_journal)?,
            boot: boot(),
            is_locked,
            lock,
        })
    }

    /// Records that the first journal is durable. From then on, a key without a journal
    /// means that the journal was lost.
    ///
    /// # Errors
    /// Those of the system.
    pub fn confirm(&self) -> io::Result<()> {
        let [key, new] = KEY.map(|name| self.path.join(name));
        match fs::rename(&new, &key) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed.and_then(|()| RealDisk.sync_names(&self.path)),
        }
    }

    /// Returns whether the lock excludes other processes.
    pub fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Returns the path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the key of the digests.
    pub fn key(&self) -> &DigestKey {
        &self.key
    }

    /// Returns the boot id, different for each start of the machine.
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

/// Unlocks first: between fork and exec a child process has a copy of the descriptor, and
/// with it the lock.
impl Drop for StateDir {
    fn drop(&mut self) {
        // Fails only if it is not locked.
        let _ = self.lock.unlock();
    }
}

/// Creates the directory durably for this user only, and its parents with default permissions.
fn create(path: &Path) -> io::Result<()> {
    let parent = directory(path);
    RealDisk.create_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if !path.is_dir() => return Err(error),
        _ => {}
    }
    // A killed process may have created it.
    RealDisk.sync_names(parent)
}

/// Reads the key, or creates one durably.
fn key(directory: &Path, has_journal: bool) -> Result<DigestKey, StateError> {
    let [path, new] = KEY.map(|name| directory.join(name));
    match (read_key(&path)?, has_journal) {
        (KeyFile::Valid(key), true) => return Ok(key),
        (KeyFile::Valid(_), false) => return Err(StateError::JournalMissing(directory.into())),
        (KeyFile::Damaged, _) => return Err(StateError::KeyDamaged(path)),
        (KeyFile::Missing, _) => {}
    }
    let io = |error| StateError::Io(new.clone(), error);
    let mut bytes = [0; KEY_BYTES];
    match (read_key(&new)?, has_journal) {
        // The first start was interrupted, perhaps before the key was durable.
        (KeyFile::Valid(key), _) => {
            RealDisk
                .write_again(&new, 0, KEY_BYTES as u64)
                .map_err(io)?;
            return Ok(key);
        }
        (_, true) => return Err(StateError::KeyMissing(path)),
        (_, false) => {}
    }
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io(io::Error::other("the system provides no random numbers")))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(io)?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .map_err(io)?;
    Ok(DigestKey::new(bytes))
}

/// The content of a key file.
enum KeyFile {
    /// There is no such file.
    Missing,
    /// The file does not hold a key.
    Damaged,
    /// The file holds this key.
    Valid(DigestKey),
}

fn read_key(path: &Path) -> Result<KeyFile, StateError> {
    match fs::read(path) {
        Ok(bytes) => Ok(match bytes.try_into() {
            Ok(bytes) => KeyFile::Valid(DigestKey::new(bytes)),
            Err(_) => KeyFile::Damaged,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(KeyFile::Missing),
        Err(error) => Err(StateError::Io(path.into(), error)),
    }
}

fn remove(path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StateError::Io(path.into(), error))
        }
        _ => Ok(()),
    }
}

/// Returns the boot id of Linux. On other systems every process has its own: nothing is
/// adopted, and everything after the last commit is delivered again.
fn boot() -> String {
    match fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().into(),
        Err(_) => format!("unknown, process {}", std::process::id()),
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "{} is in use by another process", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::KeyMissing(path) => write!(
                f,
                "{} is missing; without the key, delivered events cannot be recognised",
                path.display()
            ),
            Self::KeyDamaged(path) => write!(f, "{} does not hold a key", path.display()),
            Self::JournalMissing(path) => write!(
                f,
                "{} holds a key but no bookmark: journal.0 and journal.1 were removed",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn each_start_of_the_machine_has_its_own_number() {
        let of_kernel = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!((boot().as_str(), boot().len()), (of_kernel.trim(), 36));
    }

    #[test]
    fn one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = StateDir::open(directory.path(), false).unwrap();
        let second = StateDir::open(directory.path(), false);
        assert!(matches!(second, Err(StateError::InUse(_))));
        drop(first);
        assert!(StateDir::open(directory.path(), false).is_ok());
    }

    #[test]
    fn a_child_process_that_has_the_files_does_not_keep_the_directory_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let first = StateDir::open(directory.path(), false).unwrap();
        let mut child = Command::new("sleep");
        child.arg("60").stdin(first.lock.try_clone().unwrap());
        let mut child = child.spawn().unwrap();
        drop(first);
        let again = StateDir::open(directory.path(), false);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(again.is_ok());
    }

    #[test]
    fn the_key_stays_and_a_journal_without_it_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name);
        drop(StateDir::open(directory.path(), false).unwrap());
        let key = fs::read(path("key.new")).unwrap();
        // The first start was interrupted before there was a journal, or after.
        drop(StateDir::open(directory.path(), false).unwrap());
        fs::write(path("journal.1"), "x").unwrap();
        let state = StateDir::open(directory.path(), false).unwrap();
        state.confirm().unwrap();
        state.confirm().unwrap();
        drop(state);
        assert_eq!(fs::read(path("key")).unwrap(), key);
        assert!(StateDir::open(directory.path(), false).is_ok());
        fs::write(path("key"), "short").unwrap();
        let damaged = StateDir::open(directory.path(), false);
        assert!(matches!(damaged, Err(StateError::KeyDamaged(_))));
        fs::remove_file(path("key")).unwrap();
        let missing = StateDir::open(directory.path(), false);
        assert!(matches!(missing, Err(StateError::KeyMissing(_))));
        fs::write(path("key"), &key).unwrap();
        fs::remove_file(path("journal.1")).unwrap();
        let missing = StateDir::open(directory.path(), false);
        assert!(matches!(missing, Err(StateError::JournalMissing(_))));
        assert!(
            StateDir::open(directory.path(), true).is_ok(),
            "after a reset"
        );
    }
}
