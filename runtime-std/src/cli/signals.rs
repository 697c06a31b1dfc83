//! SIGINT and SIGTERM: the first asks the loop to stop, the second ends at once.

use estreamer_mio::event_loop::Handle;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Watches for signals on a thread of its own until the process ends.
pub(super) fn watch(handle: Handle) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for (count, signal) in signals.forever().enumerate() {
                match count {
                    0 => handle.stop(),
                    // It does not return for these two.
                    _ => drop(emulate_default_handler(signal)),
                }
            }
        })?;
    Ok(())
}
