//! Ends the program if a world does not end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::run;

/// A world takes milliseconds. One that takes longer than this is in an endless loop.
const ENDLESS: Duration = Duration::from_secs(20);
/// How often we look for one.
const LOOK: Duration = Duration::from_millis(500);

/// The worlds that run now, and since when, by the thread they run on.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<HashMap<ThreadId, (u64, Instant)>>>);

impl Watch {
    /// Begins to watch.
    pub(crate) fn start() -> Self {
        let watch = Self::default();
        let watched = watch.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(LOOK);
                watched.look();
            }
        });
        watch
    }

    /// This thread begins a world.
    pub(crate) fn begin(&self, seed: u64) {
        let now = (seed, Instant::now());
        self.worlds().insert(thread::current().id(), now);
    }

    /// This thread runs no more worlds.
    pub(crate) fn end(&self) {
        self.worlds().remove(&thread::current().id());
    }

    /// Tells of a world that does not end, and ends the program.
    fn look(&self) {
        let endless = {
            let worlds = self.worlds();
            let mut running = worlds.values();
            running
                .find(|(_, began)| began.elapsed() > ENDLESS)
                .map(|(seed, _)| *seed)
        };
        if let Some(seed) = endless {
            let seconds = ENDLESS.as_secs();
            println!("seed {seed} fails: it does not end within {seconds} s\n\nits actions:");
            for line in run::actions(seed) {
                println!("  {line}");
            }
            std::process::exit(1);
        }
    }

    fn worlds(&self) -> MutexGuard<'_, HashMap<ThreadId, (u64, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
