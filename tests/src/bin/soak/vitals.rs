//! Memory, descriptors and log lines of the collector over a run.

use std::fmt;
use std::fs;
use std::time::Duration;

/// At this age, in seconds, the processes that are killed are compared.
const AGE: u64 = 2;
/// From this age on, the samples of the last process count.
const WARM: u64 = 5;
/// The last quarter may have so much more: KiB, and descriptors.
const MORE_MEMORY: u64 = 12 << 10;
const MORE_DESCRIPTORS: u64 = 4;
/// A process may log so many lines, and so many a minute in addition.
const LINES: f64 = 60.0;
const LINES_A_MINUTE: f64 = 120.0;

/// What a process uses at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// KiB in memory.
    memory: u64,
    descriptors: u64,
}

impl Sample {
    /// Reads it; `None` if the process has ended.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(Self {
            memory: memory.split_whitespace().next()?.parse().ok()?,
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).ok()?.count() as u64,
        })
    }
}

/// One process: a sample at each second of its age, and its log.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    samples: Vec<Sample>,
    age: Duration,
    lines: u64,
}

impl Vitals {
    /// Takes a sample if a second has passed since the last one.
    pub(crate) fn look(&mut self, process: u32, age: Duration) {
        if age.as_secs() > self.samples.len() as u64
            && let Some(sample) = Sample::of(process)
        {
            self.samples.push(sample);
        }
    }

    /// At its end.
    pub(crate) fn end(&mut self, age: Duration, said: &str) {
        self.age = age;
        self.lines = said.lines().count() as u64;
    }

    /// It ended later than [`Self::end`] said, by this time.
    pub(crate) fn went_on(&mut self, more: Duration, said: &str) {
        self.end(self.age + more, said);
    }

    fn lines_allowed(&self) -> f64 {
        LINES + LINES_A_MINUTE * self.age.as_secs_f64() / 60.0
    }
}

/// Medians of the first and of the last quarter of samples.
#[derive(Debug, PartialEq, Eq)]
struct Slope {
    samples: usize,
    first: Sample,
    last: Sample,
}

impl Slope {
    /// `None` if there are too few samples for quarters.
    fn of(samples: &[Sample]) -> Option<Self> {
        let quarter = samples.len() / 4;
        let [first, last] = [&samples[..quarter], &samples[samples.len() - quarter..]];
        Some(Self {
            samples: samples.len(),
            first: median(first)?,
            last: median(last)?,
        })
    }

    fn is_flat(&self) -> bool {
        let Self { first, last, .. } = self;
        last.memory <= first.memory + MORE_MEMORY
            && last.descriptors <= first.descriptors + MORE_DESCRIPTORS
    }
}

fn median(samples: &[Sample]) -> Option<Sample> {
    let middle = |value: fn(&Sample) -> u64| {
        let mut values: Vec<u64> = samples.iter().map(value).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    Some(Sample {
        memory: middle(|sample| sample.memory)?,
        descriptors: middle(|sample| sample.descriptors)?,
    })
}

/// All processes of a run, in order; the last one was not killed.
pub(crate) struct Report<'a>(pub(crate) &'a [Vitals]);

impl Report<'_> {
    /// Over the processes, each at the same age.
    fn across(&self) -> Option<Slope> {
        let at_age = |one: &Vitals| one.samples.get(AGE as usize - 1).copied();
        Slope::of(&self.0.iter().filter_map(at_age).collect::<Vec<_>>())
    }

    /// Over the life of the last one.
    fn along(&self) -> Option<Slope> {
        Slope::of(self.0.last()?.samples.get(WARM as usize - 1..)?)
    }

    /// Whether memory and descriptors stayed the same, and few lines were logged.
    pub(crate) fn is_sound(&self) -> bool {
        let slopes = [self.across(), self.along()];
        let is_flat = slopes.iter().flatten().all(Slope::is_flat);
        is_flat && slopes[1].is_some() && self.most_lines() <= 1.0
    }

    /// The lines of the process that logged the largest share of what it may log.
    fn most_lines(&self) -> f64 {
        let shares = self
            .0
            .iter()
            .map(|one| one.lines as f64 / one.lines_allowed());
        shares.fold(0.0, f64::max)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let across = format!("killed processes at {AGE} s of age");
        for (what, slope) in [(&*across, self.across()), ("last process", self.along())] {
            let Some(slope) = slope else {
                writeln!(f, "memory   {what}: too few samples")?;
                continue;
            };
            let Slope {
                samples,
                first,
                last,
            } = &slope;
            writeln!(
                f,
                "memory   {what}: {:.1} MiB and {} descriptors in the first quarter, {:.1} MiB \
                 and {} in the last, of {samples} samples: {}",
                first.memory as f64 / 1024.0,
                first.descriptors,
                last.memory as f64 / 1024.0,
                last.descriptors,
                if slope.is_flat() { "flat" } else { "GROWS" },
            )?;
        }
        let minutes = |all: &[Vitals]| {
            let age: Duration = all.iter().map(|one| one.age).sum();
            let lines: u64 = all.iter().map(|one| one.lines).sum();
            lines as f64 / (age.as_secs_f64() / 60.0).max(f64::MIN_POSITIVE)
        };
        let (killed, last) = self.0.split_at(self.0.len().saturating_sub(1));
        let lines: u64 = self.0.iter().map(|one| one.lines).sum();
        write!(
            f,
            "log      {lines} lines of {} processes, {:.0} a minute while they are killed, {:.0} \
             a minute of the last; the most of a process is {:.0} % of what is allowed: {}",
            self.0.len(),
            minutes(killed),
            minutes(last),
            100.0 * self.most_lines(),
            if self.most_lines() <= 1.0 {
                "bounded"
            } else {
                "TOO MANY"
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(memory: impl Fn(u64) -> u64, descriptors: u64, lines: u64) -> Vitals {
        let sample = |second| Sample {
            memory: memory(second),
            descriptors,
        };
        Vitals {
            samples: (1..=60).map(sample).collect(),
            age: Duration::from_secs(60),
            lines,
        }
    }

    fn flat() -> Vitals {
        process(|_| 20 << 10, 30, 100)
    }

    #[test]
    fn a_process_that_grows_is_found() {
        let steady = [flat(), flat()];
        assert!(Report(&steady).is_sound(), "{}", Report(&steady));
        let leak = [flat(), process(|second| (20 + second) << 10, 30, 100)];
        let report = Report(&leak);
        assert!(!report.is_sound(), "{report}");
        assert!(report.to_string().contains("GROWS"), "{report}");
    }

    #[test]
    fn processes_that_start_larger_and_larger_are_found() {
        let memory: Vec<Vitals> = (0..40)
            .map(|start| process(|_| (20 + start) << 10, 30, 100))
            .collect();
        assert!(!Report(&memory).is_sound());
        let descriptors: Vec<Vitals> = (0..40)
            .map(|start| process(|_| 20 << 10, 30 + start, 100))
            .collect();
        assert!(!Report(&descriptors).is_sound());
    }

    #[test]
    fn one_large_sample_is_no_slope() {
        let spike = process(
            |second| if second == 59 { 90 << 10 } else { 20 << 10 },
            30,
            100,
        );
        assert!(Report(&[spike]).is_sound());
    }

    #[test]
    fn a_log_that_floods_is_found() {
        let report = [flat(), process(|_| 20 << 10, 30, 1000)];
        assert!(!Report(&report).is_sound());
        assert!(Report(&report).to_string().contains("TOO MANY"));
    }

    #[test]
    fn a_last_process_that_was_not_looked_at_proves_nothing() {
        let mut short = flat();
        short.samples.truncate(3);
        assert!(!Report(&[flat(), short]).is_sound());
        assert!(!Report(&[]).is_sound());
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let sample = Sample::of(std::process::id()).expect("it runs");
        assert!(sample.memory > 500 && sample.descriptors >= 3, "{sample:?}");
    }
}
