//! The best runs, their ratios, and what is wanted of those.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::contender::Contender;
use super::data::Data;
use super::load;
use super::machine::cores;
use super::usage::Usage;
use crate::Result;
use crate::chart::grouped;

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

    /// The share of one core that the server used, as text.
    pub(super) fn server_busy(&self) -> String {
        percent(self.usage.server / self.elapsed.as_secs_f64())
    }
}

/// Each client's best run.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rounds: u32,
    best: BTreeMap<Contender, Run>,
}

/// A ratio of rates, and what it should be.
struct Wanted {
    of: Contender,
    to: Contender,
    goal: Option<f64>,
    /// What a check insists on. Bests of interleaved runs differ from one bench to the next,
    /// those of clients that write most.
    least: Option<f64>,
}

const WANTED: [Wanted; 5] = [
    wanted(
        Contender::Collector,
        Contender::Python,
        Some(15.0),
        Some(7.5),
    ),
    wanted(
        Contender::Collector,
        Contender::WritingDrain,
        Some(1.0),
        Some(0.72),
    ),
    wanted(Contender::Discard, Contender::Drain, Some(0.95), None),
    wanted(Contender::Collector, Contender::Drain, None, None),
    wanted(
        Contender::Nagle,
        Contender::Collector,
        Some(0.9),
        Some(0.81),
    ),
];

const fn wanted(of: Contender, to: Contender, goal: Option<f64>, least: Option<f64>) -> Wanted {
    Wanted {
        of,
        to,
        goal,
        least,
    }
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

    /// Whether every ratio is what a check insists on.
    pub(super) fn check(&self) -> Result {
        let missed: Vec<String> = WANTED
            .iter()
            .filter_map(|wanted| {
                let (least, ratio) = (wanted.least?, self.ratio(wanted)?);
                (ratio < least)
                    .then(|| format!("{wanted} is {ratio:.2}, and has to be at least {least}"))
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

impl Table {
    /// The best run of each client.
    pub(super) fn data(&self) -> Data {
        let mut data = Data::new(&["client", "events", RATE, COST, "server busy", "others busy"]);
        for (contender, run) in &self.best {
            let all = run.elapsed.as_secs_f64() * cores().max(1) as f64;
            data.push(vec![
                contender.name().to_owned(),
                run.events.to_string(),
                format!("{:.0}", run.rate()),
                format!("{:.2}", run.usage.client * 1e6 / run.events as f64),
                run.server_busy(),
                percent(run.usage.others() / all),
            ]);
        }
        data.note(
            "runs",
            format!("{}; best of {} runs each", load::described(), self.rounds),
        );
        data
    }
}

/// Columns of the table.
pub(super) const RATE: &str = "events/s";
pub(super) const COST: &str = "client CPU, µs/event";

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A ratio of two rates in a table.
fn ratio(data: &Data, of: Contender, to: Contender) -> Result<f64> {
    let rate = |contender: Contender| data.number(contender.name(), RATE);
    Ok(rate(of)? / rate(to)?)
}

/// The ratios of a table, and what is wanted of them.
pub(super) fn ratios(data: &Data) -> Result<String> {
    let mut text = "| ratio of events/s | is | wanted | met |\n|---|---:|---:|---|".to_owned();
    for wanted in &WANTED {
        let is = ratio(data, wanted.of, wanted.to)?;
        let (goal, met) = match wanted.goal {
            Some(goal) if is >= goal => (format!("≥ {goal}"), "yes"),
            Some(goal) => (format!("≥ {goal}"), "no"),
            None => (String::new(), ""),
        };
        text += &format!("\n| {wanted} | {is:.2} | {goal} | {met} |");
    }
    Ok(text)
}

/// The answer of a table in a sentence.
pub(super) fn answer(data: &Data) -> Result<String> {
    let collector = Contender::Collector;
    let rate = data.number(collector.name(), RATE)?;
    Ok(format!(
        "In the run below, the collector delivered {} events/s to a file: {:.2} times the rate\n\
         of a Python client, and {:.2} times that of a client that receives over TLS and writes\n\
         nothing.",
        grouped(&format!("{rate:.0}")),
        ratio(data, collector, Contender::Python)?,
        ratio(data, collector, Contender::Drain)?,
    ))
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

    /// Everything as a check wants it.
    fn table() -> Table {
        let mut table = Table::default();
        table.add(Contender::Collector, run(800_000, 1000));
        table.add(Contender::Discard, run(800_000, 1000));
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
        let data = table.data();
        assert_eq!(data.number("collector", RATE), Ok(1_600_000.0));
        let ratios = ratios(&data).unwrap();
        assert!(
            ratios.contains("| collector / Python client | 20.00 | ≥ 15 | yes |"),
            "{ratios}"
        );
        assert!(
            ratios.contains("| collector / bare drain | 1.00 |  |  |"),
            "{ratios}"
        );
        assert!(
            ratios.contains("| collector without a file / bare drain | 0.50 | ≥ 0.95 | no |"),
            "{ratios}"
        );
        let answer = answer(&data).unwrap();
        assert!(answer.contains("delivered 1,600,000 events/s"), "{answer}");
        assert!(answer.contains("20.00 times"), "{answer}");
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
    fn a_ratio_may_miss_its_goal_but_not_what_a_check_insists_on() {
        for (python, ok) in [(105_000, true), (108_000, false)] {
            let mut table = Table::default();
            table.add(Contender::Collector, run(800_000, 1000));
            table.add(Contender::Python, run(python, 1000));
            assert_eq!(table.check().is_ok(), ok, "{python}");
        }
    }
}
