//! Processor time, as Linux counts it; elsewhere there is none to be shown.

use std::fs;
use std::ops::Range;

/// The kernel counts for programs in hundredths of a second.
const PER_SECOND: f64 = 100.0;

/// Seconds of processor time, since whenever.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    /// Of our ended children.
    pub(super) client: f64,
    /// Of the server.
    pub(super) server: f64,
    /// Of everybody, us included.
    pub(super) all: f64,
}

impl Usage {
    /// Up to now.
    pub(super) fn now(server: u32) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            client: sum(process(&read("/proc/self/stat")), 13..15),
            server: sum(process(&read(&format!("/proc/{server}/stat"))), 11..13),
            all: everybody(&read("/proc/stat")),
        }
    }

    /// Between then and now.
    pub(super) fn since(&self, then: &Self) -> Self {
        Self {
            client: self.client - then.client,
            server: self.server - then.server,
            all: self.all - then.all,
        }
    }

    /// What neither client nor server used.
    pub(super) fn others(&self) -> f64 {
        (self.all - self.client - self.server).max(0.0)
    }
}

/// Seconds that neither this program nor any that it started and waited for used.
pub(super) fn others() -> f64 {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    everybody(&read("/proc/stat")) - sum(process(&read("/proc/self/stat")), 11..15)
}

/// The fields behind a process's name, which may hold anything: 0 is its state,
/// 11 and 12 are its own time, 13 and 14 that of its ended children.
fn process(stat: &str) -> &str {
    stat.rsplit_once(") ").map_or("", |(_, fields)| fields)
}

/// All but the fourth and fifth number of the first line, which are idle time;
/// those behind the eighth are counted before.
fn everybody(stat: &str) -> f64 {
    let line = stat.lines().next().unwrap_or_default();
    let numbers = line.strip_prefix("cpu").unwrap_or_default();
    sum(numbers, 0..3) + sum(numbers, 5..8)
}

fn sum(fields: &str, which: Range<usize>) -> f64 {
    let fields = fields.split_whitespace();
    let chosen = fields.skip(which.start).take(which.len());
    chosen.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_whatever_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4 90 0 0 0 150 50 300 100 20 0 5 0";
        assert_eq!(sum(process(stat), 11..13), 2.0);
        assert_eq!(sum(process(stat), 13..15), 4.0);
        assert_eq!(sum(process("nonsense"), 11..13), 0.0);
    }

    #[test]
    fn idle_time_is_nobodys() {
        let stat = "cpu  100 100 100 900 900 100 100 100 7 7\ncpu0 1 1 1\n";
        assert_eq!(everybody(stat), 6.0);
    }

    #[test]
    fn others_have_what_is_left() {
        let usage = Usage {
            client: 1.0,
            server: 0.5,
            all: 2.0,
        };
        assert_eq!(usage.others(), 0.5);
        assert_eq!(Usage { all: 1.0, ..usage }.others(), 0.0);
    }
}
