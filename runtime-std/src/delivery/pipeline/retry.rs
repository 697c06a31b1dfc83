//! Trying again, as long as somebody waits for it.

use std::io;
use std::time::Duration;

use super::{Failure, Shared};

/// Before something is tried again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Tries until it works; false when it is not worth trying any more. The first
/// failure is told.
pub(super) fn patiently(
    shared: &Shared,
    what: &str,
    mut work: impl FnMut() -> io::Result<()>,
) -> bool {
    let mut pause = PAUSE.0;
    let mut told = false;
    loop {
        match work() {
            Ok(()) => {
                if told {
                    say!("estreamer: {what} can be written again");
                }
                return true;
            }
            Err(error) if shared.votes.is_over() => {
                shared.votes.fail(Failure::Output(what.into(), error));
                return false;
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    say!(
                        "estreamer: cannot write to {what}: {error}. Nothing is lost: it is tried \
                         again, and the server waits."
                    );
                }
                drop(shared.votes.wait(pause, |state| state.finishing));
                pause = (pause * 2).min(PAUSE.1);
            }
        }
    }
}
