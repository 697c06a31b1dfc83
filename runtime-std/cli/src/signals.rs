//! Signals: remembered from the start of a command on, and handled by a thread of
//! their own until the process ends.

use std::sync::Arc;

use estreamer::collect::{PendingSignals, Watch};
use estreamer::failure::Failure;
use estreamer::thread;
use estreamer_mio::event_loop::Handle;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::notify::Supervisor;

/// From now on SIGHUP asks for a reload and SIGUSR1 for a report, and neither ends
/// the process: also while the configuration is still read. SIGXFSZ does nothing: a
/// write beyond the limit on file sizes fails like any other.
///
/// # Errors
/// The system's.
pub(crate) fn remember() -> Result<PendingSignals, Failure> {
    let pending = PendingSignals::default();
    for (signal, flag) in [(SIGHUP, &pending.reload), (SIGUSR1, &pending.report)] {
        flag::register(signal, flag.clone()).map_err(Failure::system)?;
    }
    flag::register(SIGXFSZ, Arc::default()).map_err(Failure::system)?;
    Ok(pending)
}

/// The first SIGINT or SIGTERM asks the loop to stop, the second ends the process at
/// once.
///
/// # Errors
/// The system's.
pub(crate) fn watch(handle: Handle) -> Result<(), Failure> {
    start(&[SIGINT, SIGTERM], handle, None)
}

/// As [`watch`], and wakes the loop for what [`remember`] remembers; the supervisor
/// is told of a stop.
pub(crate) fn watch_all(supervisor: Option<Supervisor>) -> Watch {
    Box::new(|handle| start(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1], handle, supervisor))
}

fn start(signals: &[i32], handle: Handle, supervisor: Option<Supervisor>) -> Result<(), Failure> {
    let mut signals = Signals::new(signals).map_err(Failure::system)?;
    thread::spawn("signals", move || {
        for signal in signals.forever() {
            match signal {
                // They are remembered already.
                SIGHUP | SIGUSR1 => {}
                // It does not return for these two.
                _ if handle.is_stopped() => drop(emulate_default_handler(signal)),
                _ => {
                    if let Some(supervisor) = &supervisor {
                        supervisor.stopping();
                    }
                    handle.stop();
                }
            }
            handle.wake();
        }
    })?;
    Ok(())
}
