//! What affects the promise that nothing is lost, counted per source: reported when
//! it begins, once a minute while it goes on, and summed up at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::counts::Counts;
use super::deviation::DEVIATIONS;
use crate::count::Count;
use crate::failure::{Remedy, Wording};
use crate::sync::lock;

/// The counts of all sources.
pub struct Ledger {
    overlap: u32,
    wording: Wording,
    accounts: Mutex<BTreeMap<Arc<str>, Account>>,
}

#[derive(Default)]
struct Account {
    counts: Counts,
    /// What was reported of each concern, and when.
    told: [(u64, Option<Instant>); CONCERNS.len()],
    /// Which deviations were reported.
    deviated: [bool; DEVIATIONS.len()],
}

/// Something that is reported.
struct Concern {
    of: fn(&Counts) -> u64,
    /// A smaller count is not reported.
    from: fn(u32) -> u64,
    text: fn(u64, u32, Wording) -> String,
}

/// A concern whose count grows is reported this often.
const AGAIN: Duration = Duration::from_secs(60);

const CONCERNS: [Concern; 11] = [
    Concern {
        of: |counts| counts.gaps,
        from: |_| 1,
        text: |count, _, _| {
            format!(
                "{} in the bundle sequence. The server skipped numbers; events may be missing: \
                 compare with its own count",
                Count(count, "gap")
            )
        },
    },
    Concern {
        of: |counts| counts.malformed,
        from: |_| 1,
        text: |count, _, wording| {
            format!(
                "{}, delivered with all bytes in error envelopes. {}",
                Count(count, "malformed record"),
                wording.of(&Remedy::Record)
            )
        },
    },
    Concern {
        of: |counts| counts.oversize,
        from: |_| 1,
        text: |count, _, _| {
            format!(
                "{} over the size limit, delivered without data in error envelopes",
                Count(count, "record")
            )
        },
    },
    Concern {
        of: |counts| counts.missing,
        from: |_| 1,
        text: |count, _, _| {
            format!(
                "{} delivered before did not come again at a resume. Nothing is missing here; \
                 but the server's archive no longer holds what it sent: check its disk",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.duplicates,
        from: |_| 1,
        text: |count, _, _| format!("{} left out: delivered before", Count(count, "event")),
    },
    Concern {
        of: |counts| counts.dropped,
        from: |_| 1,
        text: |count, _, _| {
            format!(
                "{} dropped by an output that is not required and fell behind",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.disorder,
        from: |overlap| u64::from(overlap / 2) + 1,
        text: |seconds, overlap, _| {
            format!(
                "events were stored up to {seconds} s out of order. Up to {overlap} s are asked \
                 for again at a restart; raise overlap to twice the disorder"
            )
        },
    },
    Concern {
        of: |counts| counts.ahead,
        from: |_| 1,
        text: |count, _, _| {
            format!(
                "{} stored more than an hour ahead of this machine's clock. The bookmark stays \
                 before that: a restart asks for the same events again. Compare the two clocks",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.unremembered,
        from: |_| 1,
        text: |count, _, _| {
            format!(
                "{} not remembered, as there are too many within a few seconds of the archive. \
                 None is lost; what is not remembered comes twice if the connection ends now. \
                 Raise memory",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.set_back,
        from: |_| 1,
        text: |count, overlap, _| {
            format!(
                "{} stored more than {overlap} s before the newest: the server's clock was set \
                 back, or it stores late. A restart asks from there: none is lost, some may come \
                 twice. Check the server's clock",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.server_changes,
        from: |_| 1,
        text: |_, overlap, _| {
            format!(
                "another server answers than before. What comes again is recognised by its \
                 content, as long as the two stored it within {overlap} s of each other"
            )
        },
    },
];

impl Ledger {
    /// An empty one, of a collection with this overlap, whose program words remedies
    /// like this.
    pub fn new(overlap: u32, wording: Wording) -> Self {
        Self {
            overlap,
            wording,
            accounts: Mutex::default(),
        }
    }

    /// Changes the counts of a source, and tells what begins with that.
    pub fn change(&self, source: &Arc<str>, change: impl FnOnce(&mut Counts)) {
        let mut accounts = lock(&self.accounts);
        if !accounts.contains_key(source) {
            accounts.insert(source.clone(), Account::default());
        }
        if let Some(account) = accounts.get_mut(source) {
            change(&mut account.counts);
            account.tell(source, self, false);
        }
    }

    /// Tells what went on since it was told last, where that is a minute ago; or
    /// all of it, at the end.
    pub fn tell(&self, all: bool) {
        for (source, account) in lock(&self.accounts).iter_mut() {
            account.tell(source, self, all);
        }
    }

    /// The counts of each source, by name.
    pub fn counts(&self) -> Vec<(Arc<str>, Counts)> {
        let accounts = lock(&self.accounts);
        let counts = accounts.iter().map(|(name, of)| (name.clone(), of.counts));
        counts.collect()
    }

    /// The counts of a source.
    pub fn of(&self, source: &str) -> Counts {
        let accounts = lock(&self.accounts);
        accounts
            .get(source)
            .map(|account| account.counts)
            .unwrap_or_default()
    }

    /// The counts of all sources together; of the disorder, the largest.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for (_, counts) in self.counts() {
            total.add(&counts);
        }
        total
    }
}

impl Account {
    fn tell(&mut self, source: &str, ledger: &Ledger, all: bool) {
        let overlap = ledger.overlap;
        for (deviation, told) in DEVIATIONS.iter().zip(&mut self.deviated) {
            if (deviation.of)(&self.counts) > 0 && !std::mem::replace(told, true) {
                say!("estreamer: {source}: {}.", deviation.text);
            }
        }
        for (concern, (told, when)) in CONCERNS.iter().zip(&mut self.told) {
            let count = (concern.of)(&self.counts);
            let due = all || when.is_none_or(|when| when.elapsed() >= AGAIN);
            if count > *told && count >= (concern.from)(overlap) && due {
                say!(
                    "estreamer: {source}: {}.",
                    (concern.text)(count, overlap, ledger.wording)
                );
                (*told, *when) = (count, Some(Instant::now()));
            }
        }
    }
}
