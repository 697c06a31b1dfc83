//! The thread that commits: makes durable what every required output has
//! accepted, and says so in the journal.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use super::journal::Journal;
use super::pipeline::{Failure, Shared, lock};
use super::votes::State;
use super::writer::Files;

/// Between two commits, while events come.
const EVERY: Duration = Duration::from_secs(1);

/// Works until every output has written all it will.
pub(super) fn run(files: &[Files], shared: &Shared) {
    let Some(journal) = &shared.journal else {
        return;
    };
    let mut committed = lock(journal).bookmark().n;
    loop {
        let finishing = {
            let mut state = shared.votes.wait(EVERY, State::is_due);
            state.volume = 0;
            state.finishing
        };
        if finishing && !shared.votes.wait_for_writers(None) {
            return;
        }
        let cut = shared.votes.cut();
        if cut > committed {
            match commit(files, journal, cut) {
                Ok(true) => committed = cut,
                // No room for it; the next one tries again.
                Ok(false) => {}
                Err(error) => {
                    shared.votes.fail(Failure::NotDurable(error));
                    return;
                }
            }
        }
        if finishing || shared.votes.has_failed() {
            return;
        }
    }
}

/// Commits up to batch `n`; false if the journal has no room to say so.
fn commit(files: &[Files], journal: &Mutex<Journal>, n: u64) -> io::Result<bool> {
    for file in files.iter().flat_map(|files| lock(files).clone()) {
        file.sync()?;
    }
    let Ok(segment) = lock(journal).commit(n) else {
        return Ok(false);
    };
    segment.sync()?;
    lock(journal).tidy()?;
    Ok(true)
}
