//! Signals, on a thread of their own until the process ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use estreamer_mio::event_loop::Handle;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// What was asked for by signal since the last time it was looked at.
#[derive(Default)]
pub struct Asked {
    reload: AtomicBool,
    report: AtomicBool,
}

impl Asked {
    /// SIGHUP: read the configuration again, and open files anew.
    pub fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// SIGUSR1: say what was counted so far.
    pub fn report(&self) -> bool {
        self.report.swap(false, Ordering::AcqRel)
    }
}

/// SIGINT and SIGTERM: the first asks the loop to stop, the second ends the
/// process at once.
///
/// # Errors
/// The system's.
pub fn watch(handle: Handle) -> io::Result<()> {
    start(Signals::new([SIGINT, SIGTERM])?, handle, Arc::default())
}

/// SIGHUP and SIGUSR1 as well: they wake the loop.
///
/// # Errors
/// The system's.
pub fn watch_all(handle: Handle) -> io::Result<Arc<Asked>> {
    let asked = Arc::<Asked>::default();
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
    start(signals, handle, asked.clone())?;
    Ok(asked)
}

fn start(mut signals: Signals, handle: Handle, asked: Arc<Asked>) -> io::Result<()> {
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGHUP => asked.reload.store(true, Ordering::Release),
                    SIGUSR1 => asked.report.store(true, Ordering::Release),
                    // It does not return for these two.
                    _ if handle.is_stopped() => drop(emulate_default_handler(signal)),
                    _ => handle.stop(),
                }
                handle.wake();
            }
        })?;
    Ok(())
}
