//! Ends a wait from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use estreamer_mio::event_loop::Handle;

/// Ends a client's wait from another thread.
///
/// ```
/// use estreamer::client::{Client, ErrorKind};
///
/// # let directory = tempfile::tempdir()?;
/// # let pki = estreamer_simulate::pki::Pki::generate()?;
/// # pki.write_to(directory.path())?;
/// # let file = directory.path().join("client.p12");
/// let mut client = Client::builder("127.0.0.1:9")
///     .pkcs12(file, "estreamer")
///     .reconnecting()
///     .start()?;
/// let interrupter = client.interrupter();
/// std::thread::spawn(move || interrupter.interrupt());
/// let error = client.receive(None).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Interrupted);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Interrupter {
    interrupted: Arc<AtomicBool>,
    handle: Handle,
}

impl Interrupter {
    pub(super) fn new(handle: Handle) -> Self {
        Self {
            interrupted: Arc::default(),
            handle,
        }
    }

    /// Ends the wait, or the next one if there is none; it returns
    /// [`ErrorKind::Interrupted`](super::ErrorKind::Interrupted).
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.handle.wake();
    }

    /// Returns whether a wait is to end, once.
    pub(super) fn take(&self) -> bool {
        self.interrupted.swap(false, Ordering::AcqRel)
    }
}
