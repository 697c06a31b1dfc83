//! When the events of a generated archive were stored: functions of an event's
//! number alone, so that any part of any archive is the same each time it is read.

use crate::generator::rng::Rng;

/// How the numbers 0, 1, 2 … are spread over archival seconds.
#[derive(Debug, Clone)]
pub(super) struct ArchiveShape {
    pub(super) seed: u64,
    /// Archival second of the first event.
    pub(super) start: u32,
    /// Events in an archival second of the history.
    pub(super) per_second: u64,
    /// Events in the second archival second, if not as many as in the others.
    pub(super) crowd: Option<u64>,
    /// Events of the history; live ones follow.
    pub(super) history: u64,
    /// Events in an archival second of live ones.
    pub(super) live_per_second: u64,
    /// Seconds by which an event may be older than its turn.
    pub(super) disorder: u32,
    /// Seconds by which one event in a hundred is older still.
    pub(super) late: u32,
    /// Events, of 100, that repeat one shortly before them in the same second.
    pub(super) twins: u8,
    /// Seconds by which the clock is set back after the history.
    pub(super) clock_back: u32,
    /// Seconds that are added to what a client is told.
    pub(super) clock_ahead: u32,
}

impl ArchiveShape {
    /// The archival second whose turn it is at event `index`. Never goes back but
    /// once, after the history.
    pub(super) fn turn(&self, index: u64) -> u32 {
        let passed = if index < self.history {
            self.passed(index)
        } else {
            let end = self
                .history
                .checked_sub(1)
                .map_or(0, |n| self.passed(n) + 1);
            let live = end + (index - self.history) / self.live_per_second;
            return self.second(live).saturating_sub(self.clock_back).max(1);
        };
        self.second(passed)
    }

    /// The archival second so many seconds after the first.
    fn second(&self, passed: u64) -> u32 {
        // The end of 32-bit time is far; standing still there beats going back.
        // One before it, since the very last second means “now” in a request.
        u32::try_from(u64::from(self.start).saturating_add(passed)).map_or(LAST, |s| s.min(LAST))
    }

    fn passed(&self, index: u64) -> u64 {
        let per = self.per_second;
        match self.crowd {
            None => index / per,
            Some(_) if index < per => 0,
            Some(crowd) if index - per < crowd => 1,
            Some(crowd) => 2 + (index - per - crowd) / per,
        }
    }

    /// The event whose bytes and archival second `index` has: itself, or the one
    /// it is a twin of.
    pub(super) fn origin(&self, index: u64) -> u64 {
        let mut origin = index;
        while let Some(earlier) = self.twin_of(origin) {
            origin = earlier;
        }
        origin
    }

    fn twin_of(&self, index: u64) -> Option<u64> {
        if self.twins == 0 {
            return None;
        }
        let hash = self.hash(index, TWIN);
        if hash % 100 >= u64::from(self.twins) {
            return None;
        }
        let earlier = index.checked_sub(1 + hash / 100 % TWIN_DISTANCE)?;
        (self.turn(earlier) == self.turn(index)).then_some(earlier)
    }

    /// The archival second of an event that is no twin.
    pub(super) fn archival(&self, origin: u64) -> u32 {
        let turn = self.turn(origin);
        if self.disorder == 0 && self.late == 0 {
            return turn;
        }
        let hash = self.hash(origin, DISORDER);
        let mut back = (hash % (u64::from(self.disorder) + 1)) as u32;
        if (hash >> 32).is_multiple_of(100) {
            back = back.saturating_add(self.late);
        }
        // 0 would mean metadata.
        turn.saturating_sub(back).max(1)
    }

    /// The first of the events 0 … `end` whose turn is `second` or later, or
    /// `end`. Events before it are older than `second`; some behind it may be too.
    pub(super) fn first(&self, second: u32, end: u64) -> u64 {
        let history = self.history.min(end);
        match self.first_between(0, history, second) {
            first if first < history => first,
            _ => self.first_between(history, end, second),
        }
    }

    /// The same among events between which the clock is not set back.
    fn first_between(&self, mut low: u64, mut high: u64, second: u32) -> u64 {
        while low < high {
            let middle = low + (high - low) / 2;
            match self.turn(middle) < second {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    fn hash(&self, index: u64, salt: u64) -> u64 {
        Rng::new(self.seed ^ salt ^ index.wrapping_mul(STRIDE)).next()
    }
}

const LAST: u32 = u32::MAX - 1;
/// A twin is at most so many events behind the other.
const TWIN_DISTANCE: u64 = 8;
const TWIN: u64 = 0x7477_696e;
const DISORDER: u64 = 0x6f72_6465;
/// Odd, so that no two numbers share a hash by construction.
const STRIDE: u64 = 0xd134_2543_de82_ef95;

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> ArchiveShape {
        ArchiveShape {
            seed: 1,
            start: 1000,
            per_second: 10,
            crowd: None,
            history: 100,
            live_per_second: 5,
            disorder: 0,
            late: 0,
            twins: 0,
            clock_back: 0,
            clock_ahead: 0,
        }
    }

    #[test]
    fn history_and_live_events_come_at_their_own_pace() {
        let shape = shape();
        let turns: Vec<_> = [0, 9, 10, 99, 100, 104, 105].map(|n| shape.turn(n)).into();
        assert_eq!(turns, [1000, 1000, 1001, 1009, 1010, 1010, 1011]);
        let live_only = ArchiveShape {
            history: 0,
            ..shape
        };
        assert_eq!(live_only.turn(0), 1000);
        assert_eq!(live_only.turn(u64::MAX), LAST);
    }

    #[test]
    fn the_second_second_is_the_crowded_one() {
        let shape = ArchiveShape {
            crowd: Some(50),
            ..shape()
        };
        for second in 1000..1005 {
            let count = (0..100).filter(|&n| shape.turn(n) == second).count();
            let expected = if second == 1001 { 50 } else { 10 };
            assert_eq!(count, expected, "second {second}");
        }
    }

    #[test]
    fn the_first_event_of_a_second_is_found_without_looking_at_all() {
        for crowd in [None, Some(50), Some(0)] {
            let shape = ArchiveShape { crowd, ..shape() };
            for second in 998..1015 {
                let expected = (0..100).find(|&n| shape.turn(n) >= second).unwrap_or(100);
                assert_eq!(shape.first(second, 100), expected, "{second}");
            }
        }
    }

    #[test]
    fn the_clock_is_set_back_once_after_the_history() {
        let shape = ArchiveShape {
            clock_back: 60,
            ..shape()
        };
        let turns: Vec<_> = [0, 99, 100, 105].map(|n| shape.turn(n)).into();
        assert_eq!(turns, [1000, 1009, 950, 951]);
        for second in 945..1015 {
            let expected = (0..200).find(|&n| shape.turn(n) >= second).unwrap_or(200);
            assert_eq!(shape.first(second, 200), expected, "{second}");
        }
    }

    #[test]
    fn disorder_stays_within_its_bound_and_late_events_are_few() {
        let disorder = ArchiveShape {
            disorder: 3,
            ..shape()
        };
        let late = ArchiveShape {
            late: 60,
            ..shape()
        };
        let back = |shape: &ArchiveShape, n| shape.turn(n) - shape.archival(n);
        for n in 0..1000 {
            assert!(back(&disorder, n) <= 3);
            assert!([0, 60].contains(&back(&late, n)));
        }
        let count = (0..10_000).filter(|&n| back(&late, n) > 0).count();
        assert!((50..200).contains(&count), "{count} of 10000 are late");
    }

    #[test]
    fn twins_repeat_an_event_of_their_own_second() {
        let shape = ArchiveShape {
            twins: 20,
            per_second: 100,
            history: 1000,
            ..shape()
        };
        let mut twins = 0;
        for n in 0..1000 {
            let origin = shape.origin(n);
            assert_eq!(shape.origin(origin), origin, "an origin is no twin");
            assert_eq!(shape.turn(origin), shape.turn(n));
            twins += u32::from(origin != n);
        }
        assert!((100..200).contains(&twins), "{twins} of 1000");
    }
}
