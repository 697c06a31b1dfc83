//! The best runs, their ratios, and what is wanted of those.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::contender::Contender;
use super::load::{BUNDLE, PER_SECOND, UNACKNOWLEDGED};
use super::usage::Usage;
use crate::Result;

/// One run of one client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) events: u64,
    pub(super) elapsed: Duration,
    pub(super) usage: Usage,
}

impl Run {
    /// Events per second.
    pub(super) fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }
}

/// Each client's best run.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rounds: u32,
    best: BTreeMap<Contender, Run>,
}

/// A ratio of rates, and the least it has to be.
struct Wanted {
    of: Contender,
    to: Contender,
    least: Option<f64>,
}

const WANTED: [Wanted; 4] = [
    wanted(Contender::Collector, Contender::Python, Some(10.0)),
    wanted(Contender::Collector, Contender::WritingDrain, Some(0.8)),
    wanted(Contender::Collector, Contender::Drain, None),
    wanted(Contender::Nagle, Contender::Collector, Some(0.9)),
];

/// A check lets a ratio miss by a tenth: bests of interleaved runs still differ
/// by a few percent from one bench to the next, and a regression worth stopping
/// a change for is larger.
const TOLERANCE: f64 = 0.1;

const fn wanted(of: Contender, to: Contender, least: Option<f64>) -> Wanted {
    Wanted { of, to, least }
}

impl Table {
    /// Takes in a run.
    pub(super) fn add(&mut self, contender: Contender, run: Run) {
        let best = self.best.entry(contender).or_insert(run);
        if run.rate() > best.rate() {
            *best = run;
        }
    }

    /// Of the best runs.
    fn ratio(&self, wanted: &Wanted) -> Option<f64> {
        Some(self.best.get(&wanted.of)?.rate() / self.best.get(&wanted.to)?.rate())
    }

    /// Whether every ratio is as wanted, or nearly.
    pub(super) fn check(&self) -> Result {
        let missed: Vec<String> = WANTED
            .iter()
            .filter_map(|wanted| {
                let least = wanted.least? * (1.0 - TOLERANCE);
                let ratio = self.ratio(wanted)?;
                (ratio < least).then(|| {
                    format!("{wanted} is {ratio:.2}, and not even {least:.2} on this machine")
                })
            })
            .collect();
        match missed.is_empty() {
            true => Ok(()),
            false => Err(missed.join("; ")),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.of.name(), self.to.name())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        writeln!(
            f,
            "{cores} cores, shared by client and server; {PER_SECOND} events per archival second, \
             bundles of {BUNDLE}, {UNACKNOWLEDGED} unacknowledged; best of {} runs each\n",
            self.rounds
        )?;
        writeln!(
            f,
            "| client | events | events/s | client CPU, µs/event | server busy | others busy |\n\
             |---|---:|---:|---:|---:|---:|"
        )?;
        for (contender, run) in &self.best {
            let seconds = run.elapsed.as_secs_f64();
            writeln!(
                f,
                "| {} | {} | {:.0} | {:.2} | {:.0} % | {:.0} % |",
                contender.name(),
                run.events,
                run.rate(),
                run.usage.client * 1e6 / run.events as f64,
                run.usage.server / seconds * 100.0,
                run.usage.others() / seconds / cores.max(1) as f64 * 100.0,
            )?;
        }
        writeln!(f, "\n| ratio of events/s | is | wanted |\n|---|---:|---:|")?;
        for wanted in &WANTED {
            let Some(ratio) = self.ratio(wanted) else {
                continue;
            };
            let least = wanted.least.map(|least| format!("≥ {least}"));
            let least = least.unwrap_or_default();
            writeln!(f, "| {wanted} | {ratio:.2} | {least} |")?;
        }
        writeln!(
            f,
            "\n“Server busy” is of one core: near 100 %, the client waited for the server. “Others” \
             is of all cores."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(events: u64, milliseconds: u64) -> Run {
        Run {
            events,
            elapsed: Duration::from_millis(milliseconds),
            usage: Usage::default(),
        }
    }

    /// Everything just as wanted.
    fn table() -> Table {
        let mut table = Table::default();
        table.add(Contender::Collector, run(800_000, 1000));
        table.add(Contender::Nagle, run(720_000, 1000));
        table.add(Contender::Drain, run(1_600_000, 1000));
        table.add(Contender::WritingDrain, run(1_000_000, 1000));
        table.add(Contender::Python, run(40_000, 500));
        table
    }

    #[test]
    fn the_best_run_counts_whatever_its_place() {
        let mut table = table();
        table.add(Contender::Collector, run(800_000, 500));
        table.add(Contender::Collector, run(800_000, 2000));
        let rendered = table.to_string();
        assert!(
            rendered.contains("| collector | 800000 | 1600000 |"),
            "{rendered}"
        );
        assert!(
            rendered.contains("| collector / Python client | 20.00 | ≥ 10 |"),
            "{rendered}"
        );
        assert!(
            rendered.contains("| collector / bare drain | 1.00 |  |"),
            "{rendered}"
        );
    }

    #[test]
    fn ratios_that_are_as_wanted_pass_and_each_that_is_not_is_named() {
        assert_eq!(table().check(), Ok(()));
        let mut slow = Table::default();
        slow.add(Contender::Collector, run(700_000, 1000));
        slow.add(Contender::Nagle, run(500_000, 1000));
        slow.add(Contender::WritingDrain, run(1_000_000, 1000));
        slow.add(Contender::Python, run(100_000, 1000));
        let missed = slow.check().unwrap_err();
        assert_eq!(missed.matches("; ").count(), 2, "{missed}");
        for name in ["collector / drain", "Python client", "Nagle on / collector"] {
            assert!(missed.contains(name), "{missed}");
        }
    }

    #[test]
    fn a_ratio_may_miss_by_a_tenth() {
        for (python, ok) in [(88_000, true), (90_000, false)] {
            let mut table = Table::default();
            table.add(Contender::Collector, run(800_000, 1000));
            table.add(Contender::Python, run(python, 1000));
            assert_eq!(table.check().is_ok(), ok, "{python}");
        }
    }
}
