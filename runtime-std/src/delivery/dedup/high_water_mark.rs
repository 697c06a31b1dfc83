//! How far a source has come, in its own archival seconds.

use serde::{Deserialize, Serialize};

/// The largest archival second that arrived lately.
///
/// Lately, because the clock of a server may be set back: a mark that only
/// rises would then ask for the future until that has come.
#[derive(Debug, Clone, Default)]
pub struct HighWaterMark {
    /// The half minute of the latest arrival, and its largest second.
    current: Option<(u64, u32)>,
    /// The largest second of the half minute before.
    previous: Option<u32>,
}

/// An archival second this much ahead of our clock is not believed.
const AHEAD: u64 = 3600;
/// Seconds in half of "lately".
const HALF: u64 = 30;

impl HighWaterMark {
    /// An archival second arrived at `now`, UNIX seconds by our clock. Returns
    /// whether it counts: one more than an hour ahead of our clock does not.
    pub fn arrive(&mut self, archival: u32, now: u64) -> bool {
        if u64::from(archival) > now + AHEAD {
            return false;
        }
        let half = now / HALF;
        match &mut self.current {
            Some((at, high)) if *at == half => *high = (*high).max(archival),
            current => {
                self.previous = match *current {
                    Some((at, high)) if at + 1 == half => Some(high),
                    _ => None,
                };
                *current = Some((half, archival));
            }
        }
        true
    }

    /// The mark; `None` before anything arrived.
    pub fn high(&self) -> Option<u32> {
        let (_, current) = self.current?;
        Some(
            self.previous
                .map_or(current, |previous| previous.max(current)),
        )
    }
}

/// Where a source is asked from after a restart, in its own archival seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The high-water mark; `None` as long as nothing with an archival second was
    /// delivered.
    pub high: Option<u32>,
    /// The second to ask from.
    pub resume_from: u32,
    /// The second from which on every record delivered is remembered; never
    /// after `resume_from`.
    pub remember_from: u32,
}

impl ResumePoint {
    /// Nothing was delivered yet: the second that was asked for first.
    pub const fn anchor(second: u32) -> Self {
        Self {
            high: None,
            resume_from: second,
            remember_from: second,
        }
    }

    /// Where to resume with this high-water mark: `overlap` seconds earlier,
    /// since an archive is not quite in order, but not before `beginning`.
    /// Records are remembered for `more` seconds beyond that.
    pub fn new(high: u32, overlap: u32, more: u32, beginning: u32) -> Self {
        let resume_from = high.saturating_sub(overlap).max(beginning);
        Self {
            high: Some(high),
            resume_from,
            remember_from: resume_from.saturating_sub(more),
        }
    }

    /// The same, but asked from `second` where that is earlier.
    #[must_use]
    pub fn not_after(self, second: u32) -> Self {
        Self {
            resume_from: self.resume_from.min(second),
            remember_from: self.remember_from.min(second),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    #[test]
    fn the_mark_is_the_largest_second_and_late_ones_do_not_lower_it() {
        let mut mark = HighWaterMark::default();
        assert_eq!(mark.high(), None);
        for second in [100, 103, 101] {
            assert!(mark.arrive(second, NOW));
        }
        assert_eq!(mark.high(), Some(103));
    }

    #[test]
    fn a_clock_set_back_frees_the_mark_within_a_minute() {
        let mut mark = HighWaterMark::default();
        mark.arrive(1000, NOW);
        mark.arrive(500, NOW + 30);
        assert_eq!(mark.high(), Some(1000));
        mark.arrive(501, NOW + 60);
        assert_eq!(mark.high(), Some(501));
    }

    #[test]
    fn silence_does_not_move_the_mark() {
        let mut mark = HighWaterMark::default();
        mark.arrive(1000, NOW);
        assert_eq!(mark.high(), Some(1000), "whatever the time");
    }

    #[test]
    fn a_second_far_ahead_of_our_clock_is_not_believed() {
        let mut mark = HighWaterMark::default();
        assert!(!mark.arrive(NOW as u32 + 3601, NOW));
        assert!(mark.arrive(NOW as u32 + 3600, NOW));
        assert_eq!(mark.high(), Some(NOW as u32 + 3600));
    }

    #[test]
    fn resuming_goes_back_by_the_overlap_but_not_before_the_beginning() {
        assert_eq!(ResumePoint::new(100, 5, 0, 0).resume_from, 95);
        assert_eq!(ResumePoint::new(100, 5, 0, 98).resume_from, 98);
        assert_eq!(ResumePoint::new(3, 5, 0, 0).resume_from, 0);
        let more = ResumePoint::new(100, 5, 3, 0);
        assert_eq!((more.resume_from, more.remember_from), (95, 92));
    }
}
