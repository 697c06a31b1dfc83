//! Counts per source, and reports about events that were dropped, repeated or out of
//! order. A report appears at the first occurrence, at most once a minute afterwards, and
//! at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use estreamer_core::quirk::Quirk;
use tracing::{info, warn};

use super::counts::Counts;
use super::dedup::high_water_mark::ResumePoint;
use super::deviation::DEVIATIONS;
use super::output_counts::{OutputCounts, Standing};
use super::position::Position;
use super::volumes::Volumes;
use crate::count::Count;
use crate::failure::{Remedy, Wording};
use crate::sync::lock;

/// The counts of all sources.
pub struct Ledger {
    overlap: AtomicU32,
    wording: Wording,
    accounts: Mutex<BTreeMap<Arc<str>, SourceCounts>>,
    outputs: Mutex<BTreeMap<Arc<str>, Arc<OutputCounts>>>,
    journal: Arc<Standing>,
}

#[derive(Default)]
struct SourceCounts {
    counts: Counts,
    position: Position,
    /// The last reported count of each concern, and when.
    reported: [(u64, Option<Instant>); CONCERNS.len()],
    /// Which deviations were reported.
    deviated: [bool; DEVIATIONS.len()],
}

/// A count that is reported.
struct Concern {
    of: fn(&Counts) -> u64,
    /// The minimum count to report, by overlap.
    from: fn(u32) -> u64,
    /// Whether it is no reason to worry.
    is_usual: bool,
    text: fn(u64, u32, Wording) -> String,
}

/// The interval of reports about one concern.
const INTERVAL: Duration = Duration::from_secs(60);

const CONCERNS: [Concern; 11] = [
    Concern {
        of: |counts| counts.quirks.of(Quirk::SequenceGap),
        from: |_| 1,
        is_usual: false,
        text: |count, _, _| {
            format!(
                "{} in the bundle sequence. The server skipped numbers; events may be missing: \
                 compare with the count of the server",
                Count(count, "gap")
            )
        },
    },
    Concern {
        of: |counts| counts.malformed,
        from: |_| 1,
        is_usual: false,
        text: |count, _, wording| {
            format!(
                "{}, delivered in error envelopes, each with up to 64 KiB of the bytes. {}",
                Count(count, "malformed record"),
                wording.of(&Remedy::Record)
            )
        },
    },
    Concern {
        of: |counts| counts.oversize,
        from: |_| 1,
        is_usual: false,
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
        is_usual: false,
        text: |count, _, _| {
            format!(
                "{} delivered before did not come again at a resume. No event is lost here, \
                 but the archive of the server no longer holds them: check its disk",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.duplicates,
        from: |_| 1,
        is_usual: true,
        text: |count, _, _| format!("{} left out: delivered before", Count(count, "event")),
    },
    Concern {
        of: |counts| counts.dropped,
        from: |_| 1,
        is_usual: false,
        text: |count, _, _| {
            format!(
                "{} dropped by a best-effort output that fell behind",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.disorder,
        from: |overlap| u64::from(overlap / 2) + 1,
        is_usual: false,
        text: |seconds, overlap, _| {
            format!(
                "events were stored up to {seconds} s out of order. A restart requests the last \
                 {overlap} s again; raise overlap to twice the disorder"
            )
        },
    },
    Concern {
        of: |counts| counts.ahead,
        from: |_| 1,
        is_usual: false,
        text: |count, _, _| {
            format!(
                "{} stored more than an hour ahead of this machine's clock. The bookmark does \
                 not advance past them: a restart requests them again. Compare the two clocks",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.unremembered,
        from: |_| 1,
        is_usual: false,
        text: |count, _, _| {
            format!(
                "{} not remembered: too many events within a few seconds of the archive. None is \
                 lost; those are delivered twice if the connection ends now. Raise memory",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.set_back,
        from: |_| 1,
        is_usual: false,
        text: |count, overlap, _| {
            format!(
                "{} stored more than {overlap} s before the newest: the clock of the server was set \
                 back, or it stores events late. A restart requests from there: none is lost, some \
                 may be delivered twice. Check the clock of the server",
                Count(count, "event")
            )
        },
    },
    Concern {
        of: |counts| counts.server_changes,
        from: |_| 1,
        is_usual: false,
        text: |_, overlap, _| {
            format!(
                "another server answers than before. Repeated events are recognised by their \
                 content if both servers stored them within {overlap} s of each other"
            )
        },
    },
];

impl Ledger {
    /// Returns an empty ledger. `overlap` is that of the collection in seconds; `wording`
    /// words remedies.
    pub fn new(overlap: u32, wording: Wording) -> Self {
        Self {
            overlap: overlap.into(),
            wording,
            accounts: Mutex::default(),
            outputs: Mutex::default(),
            journal: Arc::default(),
        }
    }

    /// The overlap is another one from now on.
    pub fn set_overlap(&self, overlap: u32) {
        self.overlap.store(overlap, Ordering::Relaxed);
    }

    /// Changes the counts of a source, and reports what is due.
    pub fn change(&self, source: &Arc<str>, change: impl FnOnce(&mut Counts)) {
        self.account(source, |account| {
            change(&mut account.counts);
            account.report(source, self, false);
        });
    }

    /// Counts records of a source that every required output has accepted. `high` is the
    /// newest archival second so far.
    pub fn accepted(&self, source: &Arc<str>, records: &Volumes, high: Option<u32>) {
        self.account(source, |account| {
            account.counts.accepted += records;
            account.counts.newest = high.or(account.counts.newest);
        });
    }

    /// Counts records of a source that are durable, with the resume point after them.
    pub fn committed(&self, source: &Arc<str>, records: &Volumes, point: Option<ResumePoint>) {
        self.account(source, |account| {
            account.counts.durable += records;
            account.position.commit(point);
        });
    }

    /// Records the resume point of a source that a bookmark on disk holds.
    pub fn resumed(&self, source: &Arc<str>, point: Option<ResumePoint>) {
        self.account(source, |account| {
            account.position.durable = point;
            account.counts.newest = point.and_then(|point| point.high);
        });
    }

    fn account(&self, source: &Arc<str>, change: impl FnOnce(&mut SourceCounts)) {
        let mut accounts = lock(&self.accounts);
        if !accounts.contains_key(source) {
            accounts.insert(source.clone(), SourceCounts::default());
        }
        accounts.get_mut(source).map(change);
    }

    /// Reports counts that grew since the last report, if that is a minute ago; with
    /// `all`, regardless of the time.
    pub fn report(&self, all: bool) {
        for (source, account) in lock(&self.accounts).iter_mut() {
            account.report(source, self, all);
        }
    }

    /// Returns the counts of each source, by name.
    pub fn counts(&self) -> Vec<(Arc<str>, Counts)> {
        let accounts = lock(&self.accounts);
        let counts = accounts.iter().map(|(name, of)| (name.clone(), of.counts));
        counts.collect()
    }

    /// Returns the counts of a source.
    pub fn of(&self, source: &str) -> Counts {
        let accounts = lock(&self.accounts);
        accounts
            .get(source)
            .map(|account| account.counts)
            .unwrap_or_default()
    }

    /// Returns the position of a source.
    pub fn position(&self, source: &str) -> Position {
        let accounts = lock(&self.accounts);
        let account = accounts.get(source);
        account.map(|account| account.position).unwrap_or_default()
    }

    /// Returns the counts of the output with this name; they go on over restarts of the
    /// pipeline.
    pub fn output(&self, name: &str) -> Arc<OutputCounts> {
        let mut outputs = lock(&self.outputs);
        let counts = outputs.entry(name.into()).or_default();
        counts.clone()
    }

    /// Returns the outputs whose condition left records out, with the number.
    pub fn filtered(&self) -> Vec<(Arc<str>, u64)> {
        let outputs = lock(&self.outputs);
        let outputs = outputs.iter();
        let counts = outputs.map(|(name, counts)| (name.clone(), counts.totals().filtered));
        counts.filter(|(_, filtered)| *filtered > 0).collect()
    }

    /// Returns whether the journal can be written.
    pub fn journal(&self) -> &Arc<Standing> {
        &self.journal
    }

    /// Returns the sums over all sources; `disorder` is the maximum.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for (_, counts) in self.counts() {
            total.add(&counts);
        }
        total
    }
}

impl SourceCounts {
    fn report(&mut self, source: &str, ledger: &Ledger, all: bool) {
        let overlap = ledger.overlap.load(Ordering::Relaxed);
        for (deviation, reported) in DEVIATIONS.iter().zip(&mut self.deviated) {
            if self.counts.quirks.of(deviation.quirk) > 0 && !std::mem::replace(reported, true) {
                warn!(source, "{}.", deviation.text);
            }
        }
        for (concern, (reported, when)) in CONCERNS.iter().zip(&mut self.reported) {
            let count = (concern.of)(&self.counts);
            let due = all || when.is_none_or(|when| when.elapsed() >= INTERVAL);
            if count > *reported && count >= (concern.from)(overlap) && due {
                let text = (concern.text)(count, overlap, ledger.wording);
                match concern.is_usual {
                    true => info!(source, "{text}."),
                    false => warn!(source, "{text}."),
                }
                (*reported, *when) = (count, Some(Instant::now()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use estreamer_core::wire::RecordType;

    use super::*;

    fn ledger() -> (Ledger, Arc<str>) {
        (Ledger::new(5, Wording::default()), "fmc".into())
    }

    fn one(bytes: usize) -> Volumes {
        let mut volumes = Volumes::default();
        volumes.count(RecordType(9999), bytes);
        volumes
    }

    /// What was told of a concern.
    fn told(ledger: &Ledger, source: &str, place: usize) -> u64 {
        lock(&ledger.accounts)[source].reported[place].0
    }

    #[test]
    fn what_is_accepted_and_what_is_durable_are_counted_for_each_source() {
        let (ledger, fmc) = ledger();
        let other: Arc<str> = "other".into();
        ledger.accepted(&fmc, &one(7), Some(100));
        ledger.accepted(&fmc, &one(8), None);
        ledger.accepted(&other, &one(9), Some(90));
        let point = ResumePoint::new(100, 5, 0, 0);
        ledger.committed(&fmc, &one(7), Some(point));
        let counts = ledger.of("fmc");
        assert_eq!((counts.accepted.events(), counts.accepted.bytes()), (2, 15));
        assert_eq!((counts.durable.events(), counts.newest), (1, Some(100)));
        assert_eq!(ledger.position("fmc").durable, Some(point));
        assert!(ledger.position("fmc").committed.is_some());
        assert!(ledger.position("other").committed.is_none());
        ledger.committed(&fmc, &one(8), None);
        assert_eq!(ledger.position("fmc").durable, Some(point), "as before");
        let names: Vec<Arc<str>> = ledger.counts().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [fmc, other]);
        assert_eq!(ledger.total().accepted.bytes(), 24);
        assert_eq!(ledger.of("nobody"), Counts::default());
    }

    #[test]
    fn a_bookmark_on_disk_says_where_a_source_is() {
        let (ledger, fmc) = ledger();
        let point = ResumePoint::new(100, 5, 0, 0);
        ledger.resumed(&fmc, Some(point));
        assert_eq!(ledger.of("fmc").newest, Some(100));
        let position = ledger.position("fmc");
        assert_eq!((position.durable, position.committed), (Some(point), None));
    }

    #[test]
    fn an_output_keeps_its_counts_and_only_those_that_filter_are_listed() {
        let (ledger, _) = ledger();
        ledger.output("all").accepted(10, Duration::ZERO);
        ledger.output("some").filtered(3);
        ledger.output("some").dropped(2);
        ledger.output("all").accepted(5, Duration::ZERO);
        assert_eq!(ledger.filtered(), [("some".into(), 3)]);
        assert_eq!(ledger.output("all").totals().bytes, 15);
        assert_eq!(ledger.output("some").totals().dropped, 2);
    }

    #[test]
    fn a_concern_is_told_at_once_then_after_a_minute_or_at_the_end() {
        let (ledger, fmc) = ledger();
        let place = CONCERNS.iter().position(|of| of.is_usual).unwrap();
        ledger.change(&fmc, |counts| counts.missing += 1);
        assert_eq!(told(&ledger, "fmc", place), 0, "none came twice");
        ledger.change(&fmc, |counts| counts.duplicates += 1);
        assert_eq!(told(&ledger, "fmc", place), 1);
        ledger.change(&fmc, |counts| counts.duplicates += 1);
        ledger.report(false);
        assert_eq!(told(&ledger, "fmc", place), 1, "not so soon");
        let before = Instant::now().checked_sub(INTERVAL);
        lock(&ledger.accounts).get_mut(&fmc).unwrap().reported[place].1 = before;
        ledger.report(false);
        assert_eq!(told(&ledger, "fmc", place), 2, "after a minute");
        ledger.change(&fmc, |counts| counts.duplicates += 1);
        ledger.report(true);
        assert_eq!(told(&ledger, "fmc", place), 3, "at the end");
    }

    #[test]
    fn disorder_is_told_from_half_of_the_overlap_on() {
        let (ledger, fmc) = ledger();
        let is_disorder = |of: &Concern| (of.from)(10) == 6;
        let place = CONCERNS.iter().position(is_disorder).unwrap();
        ledger.change(&fmc, |counts| counts.disorder = 2);
        assert_eq!(told(&ledger, "fmc", place), 0);
        ledger.change(&fmc, |counts| counts.disorder = 3);
        assert_eq!(told(&ledger, "fmc", place), 3);
    }

    #[test]
    fn a_deviation_is_told_once_when_it_was_seen() {
        let (ledger, fmc) = ledger();
        ledger.change(&fmc, |counts| counts.missing += 1);
        let told = || lock(&ledger.accounts)["fmc"].deviated;
        assert_eq!(told(), [false; DEVIATIONS.len()]);
        let mut seen = estreamer_core::quirk::Deviations::default();
        seen.count(Quirk::NoExtension);
        ledger.change(&fmc, |counts| {
            counts.quirks.add_since(&seen, &Default::default())
        });
        assert_eq!(told(), DEVIATIONS.map(|of| of.quirk == Quirk::NoExtension));
    }
}
