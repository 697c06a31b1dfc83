//! Threads with a name, under whatever limit the process has.

use std::thread::{Builder, JoinHandle};

use crate::failure::Failure;

/// Starts a thread. `name` says what it does; tools that list threads show its
/// first 15 bytes.
///
/// # Errors
/// The system allows no further thread: by a limit on threads or on memory.
pub fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Failure> {
    let spawned = Builder::new().name(name.into()).spawn(work);
    spawned.map_err(|error| {
        Failure::failed(
            format!("cannot start the thread {name:?}: {error}"),
            "Raise the limit on threads or memory: ulimit -u and -v, or TasksMax= and MemoryMax= \
             of the service",
        )
    })
}
