//! The thread that commits: makes durable what every required output has
//! accepted, and says so in the journal.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::progress::State;
use super::writer::{Files, TellsPanic};
use super::{Failure, Shared, Uncommitted};
use crate::delivery::bookmark::journal::Journal;
use crate::sync::lock;

/// Between two commits, while events come.
const EVERY: Duration = Duration::from_secs(1);

/// Works until every output has written all it will.
pub(super) fn run(files: &[Files], shared: &Shared) {
    let Some(journal) = &shared.journal else {
        return;
    };
    let _told = TellsPanic(shared);
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
        if shared.votes.is_void() {
            // A sync failed: what is synced now would be believed wrongly.
            lock(journal).void();
            return;
        }
        let cut = shared.votes.cut();
        if cut > committed {
            match commit(files, journal, cut, shared) {
                Ok(true) => {
                    committed = cut;
                    forget(&mut lock(&shared.uncommitted), cut);
                    shared.durable.store(cut, Ordering::Release);
                }
                // No room for it; the next one tries again.
                Ok(false) => {}
                Err(error) => {
                    shared.votes.fail(Failure::NotDurable(error));
                    lock(journal).void();
                    return;
                }
            }
        }
        if finishing || shared.votes.has_failed() {
            return;
        }
    }
}

/// What is durable cannot be voided any more.
pub(super) fn forget(uncommitted: &mut VecDeque<Uncommitted>, n: u64) {
    while uncommitted.front().is_some_and(|batch| batch.n <= n) {
        uncommitted.pop_front();
    }
}

/// Commits up to batch `n`; false if the journal has no room to say so.
fn commit(files: &[Files], journal: &Mutex<Journal>, n: u64, shared: &Shared) -> io::Result<bool> {
    for file in files.iter().flat_map(|files| lock(files).clone()) {
        file.sync()?;
    }
    if shared.votes.is_late() {
        // The journal may be another pipeline's by now.
        return Ok(false);
    }
    let Ok(segment) = lock(journal).commit(n) else {
        return Ok(false);
    };
    segment.sync()?;
    lock(journal).tidy()?;
    Ok(true)
}
