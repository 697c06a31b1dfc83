//! The state directory: its lock, the key of the digests, and the boot id.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use crate::digest::Key;

/// A state directory in use by this process.
pub struct StateDir {
    path: PathBuf,
    key: Key,
    boot: String,
    /// Locked as long as it is open.
    _lock: File,
}

/// Why a state directory cannot be used.
#[derive(Debug)]
pub enum StateError {
    /// Another process uses it.
    InUse(PathBuf),
    /// The system refuses something.
    Io(PathBuf, io::Error),
    /// There is a journal but no key: nothing could be recognised.
    KeyMissing(PathBuf),
    /// The key file does not hold a key.
    KeyDamaged(PathBuf),
}

impl StateDir {
    /// Opens the directory, which is made if it does not exist, and locks it.
    /// `reset` discards the bookmark.
    ///
    /// # Errors
    /// [`StateError`] says what to do.
    pub fn open(path: &Path, reset: bool) -> Result<Self, StateError> {
        let io = |error| StateError::Io(path.into(), error);
        create(path).map_err(io)?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            // Whoever may read it could lock it.
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| StateError::Io(lock_path.clone(), error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse(path.into())),
            Err(TryLockError::Error(error)) => return Err(StateError::Io(lock_path, error)),
        }
        let journals = ["journal.0", "journal.1"].map(|name| path.join(name));
        if reset {
            for journal in &journals {
                match fs::remove_file(journal) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(StateError::Io(journal.clone(), error));
                    }
                    _ => {}
                }
            }
        }
        let has_journal = journals.iter().any(|journal| journal.exists());
        Ok(Self {
            path: path.into(),
            key: key(&path.join("key"), has_journal)?,
            boot: boot(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key of the digests.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Changes with each start of the machine.
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

/// Makes the directory, for this user alone; those above it as usual.
fn create(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if !path.is_dir() => Err(error),
        _ => Ok(()),
    }
}

/// Reads the key, or makes one that is durable before it is used.
fn key(path: &Path, has_journal: bool) -> Result<Key, StateError> {
    let io = |error| StateError::Io(path.into(), error);
    match fs::read(path) {
        Ok(bytes) => match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) => return Ok(Key::new(bytes)),
            // A crash while it was made left nothing that depends on it.
            Err(_) if !has_journal => {}
            Err(_) => return Err(StateError::KeyDamaged(path.into())),
        },
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        Err(_) if has_journal => return Err(StateError::KeyMissing(path.into())),
        Err(_) => {}
    }
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io(io::Error::other("the system gives no random numbers")))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .map_err(io)?;
    Ok(Key::new(bytes))
}

/// Linux tells one boot from the next. Elsewhere every start counts as a new
/// one: nothing is adopted, everything behind the last commit comes again.
fn boot() -> String {
    match fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().into(),
        Err(_) => format!("unknown, process {}", std::process::id()),
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(
                f,
                "{} is in use by another process; give each its own --state directory",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::KeyMissing(path) => write!(
                f,
                "{} is missing, without which nothing delivered before can be recognised; restore \
                 it from a backup, or discard the bookmark with --reset-bookmark and say with \
                 --from where to go on",
                path.display()
            ),
            Self::KeyDamaged(path) => write!(
                f,
                "{} is damaged; restore it from a backup, or remove it, discard the bookmark with \
                 --reset-bookmark, and say with --from where to go on",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StateError {}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_key_stays_and_a_journal_without_it_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        drop(StateDir::open(directory.path(), false).unwrap());
        let key = fs::read(directory.path().join("key")).unwrap();
        drop(StateDir::open(directory.path(), false).unwrap());
        assert_eq!(fs::read(directory.path().join("key")).unwrap(), key);
        fs::write(directory.path().join("journal.1"), "x").unwrap();
        fs::write(directory.path().join("key"), "short").unwrap();
        let damaged = StateDir::open(directory.path(), false);
        assert!(matches!(damaged, Err(StateError::KeyDamaged(_))));
        fs::remove_file(directory.path().join("key")).unwrap();
        let missing = StateDir::open(directory.path(), false);
        assert!(matches!(missing, Err(StateError::KeyMissing(_))));
        assert!(
            StateDir::open(directory.path(), true).is_ok(),
            "after a reset"
        );
        assert!(!directory.path().join("journal.1").exists());
    }
}
