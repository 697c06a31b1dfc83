//! The position of a source in the archive of its server, in archival seconds.

use estreamer_core::wire::InitialTimestamp;
use serde::{Deserialize, Serialize};

/// The maximum archival second of the last minute.
///
/// It is limited to the last minute because the clock of a server may be set back. A mark
/// that only increases would then request events from the future.
#[derive(Debug, Clone, Default)]
pub struct HighWaterMark {
    /// The half minute of the last record, and its maximum archival second.
    current: Option<(u64, u32)>,
    /// The maximum archival second of the half minute before.
    previous: Option<u32>,
}

/// An archival second further ahead of the local clock is ignored, in seconds.
const MAX_AHEAD: u64 = 3600;
/// Half of the time window, in seconds.
const HALF: u64 = 30;

impl HighWaterMark {
    /// Records an archival second that arrived at `now` (UNIX seconds, local clock).
    /// Returns false if it is more than an hour ahead of `now` and therefore ignored.
    pub fn observe(&mut self, archival: u32, now: u64) -> bool {
        if u64::from(archival) > now + MAX_AHEAD {
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

    /// Returns the mark; `None` before the first record.
    pub fn high(&self) -> Option<u32> {
        let (_, current) = self.current?;
        Some(
            self.previous
                .map_or(current, |previous| previous.max(current)),
        )
    }
}

/// Where to resume a source after a restart, in archival seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The high-water mark; `None` until a record with an archival second is delivered.
    pub high: Option<u32>,
    /// The second to request from.
    pub resume_from: u32,
    /// The digests of records from this second on are kept. It is after `resume_from` only
    /// if more records came than can be remembered.
    pub remember_from: u32,
}

impl ResumePoint {
    /// Returns the point before the first delivery, requested from this second.
    pub const fn anchor(second: u32) -> Self {
        Self {
            high: None,
            resume_from: second,
            remember_from: second,
        }
    }

    /// Returns the point for this high-water mark: `overlap` seconds earlier, because an
    /// archive may be out of order, but not before `beginning`. Digests are kept for
    /// `more` seconds before that.
    pub fn new(high: u32, overlap: u32, more: u32, beginning: u32) -> Self {
        let resume_from = high.saturating_sub(overlap).max(beginning);
        Self {
            high: Some(high),
            resume_from,
            remember_from: resume_from.saturating_sub(more),
        }
    }

    /// Moves the resume second to `second` if that is earlier.
    #[must_use]
    pub fn not_after(self, second: u32) -> Self {
        Self {
            resume_from: self.resume_from.min(second),
            remember_from: self.remember_from.min(second),
            ..self
        }
    }
}

/// Returns the second before which a source that is asked from `from` on is never asked: 0 if
/// from now on, because events that are stored late may be older than all received ones.
pub fn beginning(from: InitialTimestamp) -> u32 {
    match from {
        InitialTimestamp::NOW => 0,
        from => from.0,
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
            assert!(mark.observe(second, NOW));
        }
        assert_eq!(mark.high(), Some(103));
    }

    #[test]
    fn a_clock_set_back_frees_the_mark_within_a_minute() {
        let mut mark = HighWaterMark::default();
        mark.observe(1000, NOW);
        mark.observe(500, NOW + 30);
        assert_eq!(mark.high(), Some(1000));
        mark.observe(501, NOW + 60);
        assert_eq!(mark.high(), Some(501));
    }

    #[test]
    fn silence_does_not_move_the_mark() {
        let mut mark = HighWaterMark::default();
        mark.observe(1000, NOW);
        assert_eq!(mark.high(), Some(1000), "whatever the time");
    }

    #[test]
    fn a_second_far_ahead_of_our_clock_is_not_believed() {
        let mut mark = HighWaterMark::default();
        assert!(!mark.observe(NOW as u32 + 3601, NOW));
        assert!(mark.observe(NOW as u32 + 3600, NOW));
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
