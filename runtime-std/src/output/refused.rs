//! Events that a receiver does not take as they are.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The events of an output that were refused or truncated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefusedEvents {
    /// The number of events by source: refused, and truncated.
    pub counts: BTreeMap<Arc<str>, [u64; 2]>,
    /// One of the reasons, and where the events are now.
    pub reason: String,
}

impl RefusedEvents {
    /// Counts an event that the receiver refused.
    #[cfg(any(feature = "http", feature = "kafka"))]
    pub fn refuse(&mut self, source: &Arc<str>, reason: impl FnOnce() -> String) {
        self.count(source, 0, reason);
    }

    /// Counts an event that was truncated.
    pub fn truncate(&mut self, source: &Arc<str>, reason: impl FnOnce() -> String) {
        self.count(source, 1, reason);
    }

    fn count(&mut self, source: &Arc<str>, which: usize, reason: impl FnOnce() -> String) {
        if self.reason.is_empty() {
            self.reason = reason();
        }
        match self.counts.get_mut(source) {
            Some(counts) => counts[which] += 1,
            None => {
                let mut counts = [0; 2];
                counts[which] = 1;
                self.counts.insert(source.clone(), counts);
            }
        }
    }

    /// Returns the counts and clears them; `None` if nothing was counted.
    pub fn take(&mut self) -> Option<Self> {
        (!self.counts.is_empty()).then(|| std::mem::take(self))
    }
}
