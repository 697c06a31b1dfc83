//! The socket in the state directory, for the user of the collector only.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::listener::accept_all;
use super::routes::Routes;
use crate::failure::Failure;
use crate::telemetry::monitor::Monitor;
use crate::thread;

/// The name of the socket in a state directory.
const NAME: &str = "status.sock";

/// The socket; it is removed when this is dropped.
pub(crate) struct StatusSocket {
    path: PathBuf,
    /// Device and inode, to remove nothing else.
    identity: (u64, u64),
    stop: Arc<AtomicBool>,
}

impl StatusSocket {
    /// Returns the path of the socket of a state directory.
    pub(crate) fn path(state: &Path) -> PathBuf {
        state.join(NAME)
    }

    /// Opens the socket at this path. The caller holds the lock of the state directory.
    ///
    /// # Errors
    /// The path is in use, or not usable.
    pub(crate) fn open(path: &Path, monitor: &Arc<Monitor>) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::failed(
                format!("cannot serve the status at {}: {error}", path.display()),
                "",
            )
        };
        remove_stale(path).map_err(failed)?;
        let socket = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        let identity = identity(path).map_err(failed)?;
        let stop = Arc::<AtomicBool>::default();
        let routes = Routes::new(monitor.clone(), false);
        let stopped = stop.clone();
        thread::spawn("status socket", move || {
            let accept = || socket.accept().map(|(client, _)| client);
            accept_all(accept, &Arc::new(routes), &stopped);
        })?;
        Ok(Self {
            path: path.into(),
            identity,
            stop,
        })
    }

    /// Returns the path at which it was opened.
    pub(crate) fn bound_to(&self) -> &Path {
        &self.path
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // Wakes the thread.
            let _ = UnixStream::connect(&self.path);
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns device and inode of a socket. If it is gone, another file may have them.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    match found.file_type().is_socket() {
        true => Ok((found.dev(), found.ino())),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Removes what a killed collector left: a socket of the owner of the lock file, at which
/// no process answers. Everything else stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let ours = path.with_file_name("lock");
    let is_ours = fs::metadata(ours).is_ok_and(|lock| lock.uid() == found.uid());
    if !found.file_type().is_socket() || !is_ours {
        return Err(io::Error::other("something else is in its place"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other("another process answers there")),
    }
}
