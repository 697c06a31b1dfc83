//! Named threads.

use std::thread::{Builder, JoinHandle};

use crate::failure::Failure;

/// Starts a thread. Tools show the first 15 bytes of `name`.
///
/// # Errors
/// A limit on threads or memory is reached.
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
