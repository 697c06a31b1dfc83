//! What was stored beside what was delivered.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};

/// How often each event is there, by a digest of its bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(HashMap<u64, u64>);

impl Counts {
    pub(crate) fn of<T: AsRef<[u8]>>(events: impl IntoIterator<Item = T>) -> Self {
        let mut counts = Self::default();
        for event in events {
            counts.add(event.as_ref());
        }
        counts
    }

    pub(crate) fn add(&mut self, event: &[u8]) {
        *self.0.entry(digest(event)).or_default() += 1;
    }

    /// Takes one such event out; false if there is none.
    pub(crate) fn take(&mut self, event: &[u8]) -> bool {
        match self.0.get_mut(&digest(event)) {
            Some(0) | None => false,
            Some(count) => {
                *count -= 1;
                true
            }
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many events are here that the others do not have at all.
    pub(crate) fn unknown_to(&self, others: &Self) -> u64 {
        let unknown = self
            .0
            .iter()
            .filter(|(event, _)| !others.0.contains_key(event));
        unknown.map(|(_, count)| count).sum()
    }

    /// How many events of these the others lack.
    pub(crate) fn missing_in(&self, others: &Self) -> u64 {
        let missing = self.0.iter().map(|(event, count)| {
            let found = others.0.get(event).copied().unwrap_or_default();
            count.saturating_sub(found)
        });
        missing.sum()
    }
}

fn digest(event: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(event);
    hasher.finish()
}

/// What an output promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    ExactlyOnce,
    AtLeastOnce,
}

/// What became of the events of one output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    output: &'static str,
    promise: Promise,
    stored: u64,
    delivered: u64,
    lost: u64,
    doubled: u64,
    /// Events that nobody stored.
    unknown: u64,
}

impl Account {
    pub(crate) fn new(output: &'static str, promise: Promise) -> Self {
        Self {
            output,
            promise,
            stored: 0,
            delivered: 0,
            lost: 0,
            doubled: 0,
            unknown: 0,
        }
    }

    /// Adds what was stored and what was delivered of it.
    pub(crate) fn add(&mut self, stored: &Counts, delivered: &Counts) {
        self.stored += stored.total();
        self.delivered += delivered.total();
        self.lost += stored.missing_in(delivered);
        self.doubled += delivered.missing_in(stored);
        self.unknown += delivered.unknown_to(stored);
    }

    pub(crate) fn is_kept(&self) -> bool {
        let is_doubled = self.promise == Promise::ExactlyOnce && self.doubled > 0;
        self.stored > 0 && self.lost + self.unknown == 0 && !is_doubled
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let promise = match self.promise {
            Promise::ExactlyOnce => "exactly once",
            Promise::AtLeastOnce => "at least once",
        };
        let kept = match self.is_kept() {
            true => "kept",
            false => "BROKEN",
        };
        write!(
            f,
            "{:<8} {} stored, {} delivered, {} lost, {} doubled, {} that nobody stored; \
             {promise}: {kept}",
            self.output, self.stored, self.delivered, self.lost, self.doubled, self.unknown
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(promise: Promise, stored: &[&str], delivered: &[&str]) -> Account {
        let mut account = Account::new("siem", promise);
        account.add(&Counts::of(stored), &Counts::of(delivered));
        account
    }

    #[test]
    fn a_lost_event_breaks_each_promise() {
        for promise in [Promise::ExactlyOnce, Promise::AtLeastOnce] {
            let account = account(promise, &["a", "b", "b"], &["b", "a"]);
            assert_eq!((account.lost, account.doubled), (1, 0), "{account}");
            assert!(!account.is_kept(), "a twin is lost: {account}");
        }
    }

    #[test]
    fn a_doubled_event_breaks_only_exactly_once() {
        let (stored, delivered) = (["a", "b", "b"], ["b", "a", "b", "b", "a"]);
        let once = account(Promise::ExactlyOnce, &stored, &delivered);
        let often = account(Promise::AtLeastOnce, &stored, &delivered);
        assert_eq!((once.lost, once.doubled), (0, 2), "{once}");
        assert!(!once.is_kept() && often.is_kept(), "{once}; {often}");
    }

    #[test]
    fn an_event_that_nobody_stored_does_not_replace_one() {
        let account = account(Promise::ExactlyOnce, &["a", "b"], &["a", "c"]);
        assert_eq!((account.lost, account.doubled), (1, 1), "{account}");
    }

    #[test]
    fn an_event_that_nobody_stored_breaks_each_promise() {
        for promise in [Promise::ExactlyOnce, Promise::AtLeastOnce] {
            let account = account(promise, &["a", "b"], &["a", "b", "half of b"]);
            assert_eq!(account.unknown, 1, "{account}");
            assert!(!account.is_kept(), "{account}");
        }
    }

    #[test]
    fn an_output_without_events_proves_nothing() {
        assert!(!account(Promise::ExactlyOnce, &[], &[]).is_kept());
        assert!(account(Promise::ExactlyOnce, &["a"], &["a"]).is_kept());
    }

    #[test]
    fn lost_events_of_one_source_are_not_made_up_by_another() {
        let mut account = account(Promise::ExactlyOnce, &["a"], &[]);
        account.add(&Counts::of(["b"]), &Counts::of(["b", "a"]));
        assert_eq!((account.lost, account.doubled), (1, 1), "{account}");
    }

    #[test]
    fn an_event_is_taken_out_as_often_as_it_is_there() {
        let mut counts = Counts::of(["a", "a"]);
        let taken = ["a", "b", "a", "a"].map(|event| counts.take(event.as_bytes()));
        assert_eq!(taken, [true, false, true, false]);
    }
}
