//! Decides which messages about the trouble of one source or one output are told.
//!
//! - Each cause is told at most once a minute, with how often it occurred meanwhile.
//! - A recovery is told if the failure before it was told.
//! - What was not told is told when the minute is over, with the state at that time.

use std::fmt;
use std::time::{Duration, Instant};

use crate::count::Count;

/// The minimum time between two messages of one cause.
const INTERVAL: Duration = Duration::from_secs(60);

/// The trouble of one source or one output.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    causes: Vec<Told>,
    /// Since when it has not worked, and the failures since then.
    since: Option<(Instant, u32)>,
    /// Since when it has worked again.
    works_since: Option<Instant>,
    /// Whether the last message said that it does not work.
    is_told: bool,
}

/// When a cause was told last, and what occurred since then.
#[derive(Debug)]
struct Told {
    cause: String,
    at: Instant,
    untold: u32,
    text: String,
}

/// How often something occurred since it was told. Displayed as the end of a message;
/// empty for once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) times: u32,
    pub(crate) within: Duration,
}

/// It works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) after: Duration,
    pub(crate) failures: u32,
}

/// What was not told while the minute ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TroubleSummary {
    pub(crate) text: String,
    pub(crate) times: Times,
    /// For how long it has worked again; `None` if it does not.
    pub(crate) works_for: Option<Duration>,
}

impl Trouble {
    /// Records a failure. Returns how often it occurred if it is to be told.
    pub(crate) fn failed(&mut self, cause: &str, text: &str, now: Instant) -> Option<Times> {
        let (_, failures) = self.since.get_or_insert((now, 0));
        *failures += 1;
        self.works_since = None;
        let Some(told) = self.causes.iter_mut().find(|told| told.cause == cause) else {
            self.causes.push(Told {
                cause: cause.to_owned(),
                at: now,
                untold: 0,
                text: String::new(),
            });
            self.is_told = true;
            return Some(Times {
                times: 1,
                within: Duration::ZERO,
            });
        };
        told.untold += 1;
        let within = now.saturating_duration_since(told.at);
        if within < INTERVAL {
            text.clone_into(&mut told.text);
            return None;
        }
        let times = told.untold;
        (told.at, told.untold) = (now, 0);
        self.is_told = true;
        Some(Times { times, within })
    }

    /// Records that it works. Returns the recovery if it is to be told.
    pub(crate) fn works(&mut self, now: Instant) -> Option<Recovery> {
        let (since, failures) = self.since.take()?;
        self.works_since = Some(now);
        std::mem::take(&mut self.is_told).then(|| Recovery {
            after: now.saturating_duration_since(since),
            failures,
        })
    }

    /// Returns whether it does not work.
    pub(crate) fn has_failed(&self) -> bool {
        self.since.is_some()
    }

    /// Returns when [`summary`](Self::summary) has something to tell.
    pub(crate) fn due(&self) -> Option<Instant> {
        let untold = self.causes.iter().filter(|told| told.untold > 0);
        untold.map(|told| told.at + INTERVAL).min()
    }

    /// Returns what was not told, if a minute is over. Call it until it returns `None`.
    pub(crate) fn summary(&mut self, now: Instant) -> Option<TroubleSummary> {
        let is_due = |told: &&mut Told| told.untold > 0 && now >= told.at + INTERVAL;
        let told = self.causes.iter_mut().find(is_due)?;
        let times = Times {
            times: std::mem::take(&mut told.untold),
            within: now.saturating_duration_since(told.at),
        };
        told.at = now;
        let works_for = self.works_since.map(|at| now.saturating_duration_since(at));
        self.is_told = works_for.is_none();
        Some(TroubleSummary {
            text: std::mem::take(&mut told.text),
            times,
            works_for,
        })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.times {
            0 | 1 => Ok(()),
            times => write!(f, " ({times} times in {})", Words(self.within)),
        }
    }
}

impl fmt::Display for TroubleSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Times { times, within } = self.times;
        let times = Count(times.into(), "more time");
        write!(f, "{times} in {}: {}. ", Words(within), self.text)?;
        match self.works_for {
            Some(time) => write!(f, "It has worked again for {}", Words(time)),
            None => f.write_str("It does not work now"),
        }
    }
}

/// A duration for people: `200 ms`, `5 s`, `2 min`, `3 h 20 min`, `2 days`.
pub struct Words(pub Duration);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (0, milliseconds) => write!(f, "{milliseconds} ms"),
            (seconds @ ..120, _) => write!(f, "{seconds} s"),
            (seconds @ ..7200, _) => write!(f, "{} min", seconds / 60),
            (seconds @ ..172_800, _) => {
                write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60)
            }
            (seconds, _) => write!(f, "{} days", seconds / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_cause_is_told_once_a_minute_with_its_count() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let told: Vec<u32> = (0..180)
            .filter_map(|second| trouble.failed("away", "away", start + SECOND * second))
            .map(|times| times.times)
            .collect();
        assert_eq!(told, [1, 60, 60]);
    }

    #[test]
    fn another_cause_is_told_at_once_and_a_recovery_after_it() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        assert_eq!(trouble.works(start), None, "it never failed");
        assert!(trouble.failed("away", "", start).is_some());
        assert!(trouble.failed("closed", "", start + SECOND).is_some());
        let recovery = trouble.works(start + SECOND * 9);
        let expected = Recovery {
            after: SECOND * 9,
            failures: 2,
        };
        assert_eq!(recovery, Some(expected));
        assert_eq!(trouble.works(start + SECOND * 10), None, "told once");
    }

    #[test]
    fn what_goes_and_comes_each_second_takes_a_line_a_minute() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let mut lines = 0;
        for second in (0..600).step_by(2) {
            let now = start + SECOND * second;
            while trouble.summary(now).is_some() {
                lines += 1;
            }
            lines += u32::from(trouble.failed("closed", "closed", now).is_some());
            lines += u32::from(trouble.works(now + SECOND).is_some());
        }
        assert!((9..=13).contains(&lines), "{lines} lines in ten minutes");
    }

    #[test]
    fn what_was_not_told_is_told_when_the_minute_is_over_with_the_state_then() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        assert!(trouble.failed("closed", "it closed", start).is_some());
        assert!(trouble.works(start + SECOND).is_some());
        assert_eq!(trouble.due(), None, "everything was told");
        assert!(
            trouble
                .failed("closed", "it closed", start + SECOND * 2)
                .is_none()
        );
        let due = trouble.due().unwrap();
        assert_eq!(due, start + INTERVAL);
        assert_eq!(trouble.summary(due - SECOND), None);
        let summary = trouble.summary(due).unwrap();
        assert_eq!(
            summary.to_string(),
            "1 more time in 60 s: it closed. It does not work now"
        );
        assert!(
            trouble.works(due + SECOND).is_some(),
            "it was told that it does not work"
        );
        assert!(
            trouble
                .failed("closed", "it closed", due + SECOND * 2)
                .is_none()
        );
        assert!(trouble.works(due + SECOND * 3).is_none());
        let summary = trouble.summary(due + INTERVAL).unwrap();
        assert_eq!(summary.works_for, Some(SECOND * 57));
        assert_eq!(trouble.due(), None);
    }

    #[test]
    fn durations_are_in_words() {
        let words = [0.25, 1.5, 119.0, 180.0, 12_000.0, 172_800.0].map(|seconds| {
            let time = Duration::from_secs_f64(seconds);
            Words(time).to_string()
        });
        assert_eq!(
            words,
            ["250 ms", "1 s", "119 s", "3 min", "3 h 20 min", "2 days"]
        );
    }
}
