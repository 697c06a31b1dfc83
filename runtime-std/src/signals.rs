//! Signals: remembered from the start of a command on, and handled by a thread of
//! their own until the process ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use estreamer_mio::event_loop::Handle;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::Failure;
use crate::thread;

/// What was asked for by signal since the last time it was looked at.
#[derive(Debug)]
pub struct Asked {
    reload: Arc<AtomicBool>,
    report: Arc<AtomicBool>,
}

impl Asked {
    /// From now on SIGHUP and SIGUSR1 are remembered, and do not end the process
    /// any more: also those that come while the configuration is still read. Nor
    /// does SIGXFSZ: a write beyond the limit on file sizes fails like any other.
    ///
    /// # Errors
    /// The system's.
    pub fn remember() -> Result<Self, Failure> {
        let asked = Self {
            reload: Arc::default(),
            report: Arc::default(),
        };
        for (signal, asked) in [(SIGHUP, &asked.reload), (SIGUSR1, &asked.report)] {
            flag::register(signal, asked.clone()).map_err(Failure::system)?;
        }
        flag::register(SIGXFSZ, Arc::default()).map_err(Failure::system)?;
        Ok(asked)
    }

    /// SIGHUP: read the configuration again, and open files anew.
    pub fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// SIGUSR1: say what was counted so far.
    pub fn report(&self) -> bool {
        self.report.swap(false, Ordering::AcqRel)
    }

    /// As [`watch`]; what is remembered wakes the loop, too.
    ///
    /// # Errors
    /// The system's.
    pub fn watch(&self, handle: Handle) -> Result<(), Failure> {
        start(&[SIGINT, SIGTERM, SIGHUP, SIGUSR1], handle)
    }
}

/// SIGINT and SIGTERM: the first asks the loop to stop, the second ends the
/// process at once.
///
/// # Errors
/// The system's.
pub fn watch(handle: Handle) -> Result<(), Failure> {
    start(&[SIGINT, SIGTERM], handle)
}

fn start(signals: &[i32], handle: Handle) -> Result<(), Failure> {
    let mut signals = Signals::new(signals).map_err(Failure::system)?;
    thread::spawn("signals", move || {
        for signal in signals.forever() {
            match signal {
                // They are remembered already.
                SIGHUP | SIGUSR1 => {}
                // It does not return for these two.
                _ if handle.is_stopped() => drop(emulate_default_handler(signal)),
                _ => handle.stop(),
            }
            handle.wake();
        }
    })?;
    Ok(())
}
