//! Signals: recorded from the start of a command, and handled by a thread until the process
//! ends.

use std::sync::Arc;

use estreamer::collect::{PendingSignals, Watch};
use estreamer::failure::Failure;
use estreamer::shared;
use estreamer_mio::event_loop::Handle;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tracing::info;

use crate::notify::ServiceManager;

/// [`remember`], if the command is `collect`. Other commands end at SIGHUP.
pub(crate) fn remember_for_collect() -> Result<PendingSignals, Failure> {
    match std::env::args_os()
        .nth(1)
        .is_some_and(|command| command == "collect")
    {
        true => remember(),
        false => Ok(PendingSignals::default()),
    }
}

/// Records signals from now on: SIGHUP requests a reload, SIGUSR1 a report, and neither
/// ends the process, even while the configuration is read. SIGXFSZ is ignored: a write
/// beyond the limit on file sizes fails with an error.
///
/// # Errors
/// Those of the system.
fn remember() -> Result<PendingSignals, Failure> {
    let pending = PendingSignals::default();
    for (signal, flag) in [(SIGHUP, &pending.reload), (SIGUSR1, &pending.report)] {
        flag::register(signal, flag.clone()).map_err(Failure::system)?;
    }
    flag::register(SIGXFSZ, Arc::default()).map_err(Failure::system)?;
    Ok(pending)
}

/// The first SIGINT or SIGTERM stops the loop, the second ends the process at once.
///
/// # Errors
/// Those of the system.
pub(crate) fn watch(handle: Handle) -> Result<(), Failure> {
    start(&[SIGINT, SIGTERM], handle, || {})
}

/// As [`watch`], and tells so.
pub(crate) fn watch_and_tell(handle: Handle) -> Result<(), Failure> {
    start(&[SIGINT, SIGTERM], handle, tell)
}

/// As [`watch_and_tell`]; also wakes the loop for the signals that [`remember`] records, and tells
/// the service manager of a stop.
pub(crate) fn watch_all(manager: Option<ServiceManager>) -> Watch {
    Box::new(|handle| {
        let stopping = move || {
            tell();
            if let Some(manager) = &manager {
                manager.stopping();
            }
        };
        start(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1], handle, stopping)
    })
}

fn tell() {
    info!("stopping. A second Ctrl-C or signal ends the program at once.");
}

fn start(
    signals: &[i32],
    handle: Handle,
    stopping: impl Fn() + Send + 'static,
) -> Result<(), Failure> {
    let mut signals = Signals::new(signals).map_err(Failure::system)?;
    shared::spawn("signals", move || {
        for signal in signals.forever() {
            match signal {
                // Recorded already.
                SIGHUP | SIGUSR1 => {}
                // Does not return for these two.
                _ if handle.is_stopped() => drop(emulate_default_handler(signal)),
                _ => {
                    stopping();
                    handle.stop();
                }
            }
            handle.wake();
        }
    })?;
    Ok(())
}
