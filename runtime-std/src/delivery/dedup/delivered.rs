//! The delivered records of a source, as far back as the server may send them again.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::high_water_mark::ResumePoint;
use super::replay_filter::ReplayFilter;
use crate::digest::Digest;

/// Digests by archival second. A single digest of a second needs no allocation, since a
/// server may give each event its own second.
pub type Seconds = BTreeMap<u32, SmallVec<[Digest; 1]>>;

/// The digests of every record delivered with an archival second from
/// [`ResumePoint::remember_from`] on.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    point: Option<ResumePoint>,
    seconds: Seconds,
    /// The number of digests.
    count: usize,
    /// Digests up to this second are those of version 1; 0 if none is.
    version_1_until: u32,
    /// The number of the server that sent the last delivery; 0 if unknown.
    server: u64,
    /// Digests up to this second may be of another server; 0 if none is.
    mixed_until: u32,
    /// Buffers of removed seconds, for reuse.
    spare: Vec<SmallVec<[Digest; 1]>>,
}

/// The maximum number of buffers to keep for reuse.
const MAX_SPARE: usize = 8;
/// The maximum capacity of such a buffer in digests.
const MAX_SPARE_CAPACITY: usize = 1 << 12;
/// Buffers are reused while there are fewer seconds than this: with more, each second
/// could hold a large buffer.
const MAX_REUSE_SECONDS: usize = 32;

/// The memory of a second itself counts as this many digests.
const DIGESTS_A_SECOND: usize = 4;
/// The minimum number of seconds to keep.
const MIN_SECONDS: usize = 16;

impl PartialEq for Delivered {
    fn eq(&self, other: &Self) -> bool {
        let all = |it: &Self| (it.point, it.server, it.mixed_until, it.version_1_until);
        all(self) == all(other) && self.seconds == other.seconds
    }
}

impl Eq for Delivered {}

impl Delivered {
    /// Restores the state from a snapshot.
    pub fn restore(
        point: Option<ResumePoint>,
        seconds: Seconds,
        version_1_until: u32,
        (server, mixed_until): (u64, u32),
    ) -> Self {
        Self {
            point,
            count: seconds.values().map(SmallVec::len).sum(),
            seconds,
            version_1_until,
            server,
            mixed_until,
            spare: Vec::new(),
        }
    }

    /// Returns the state before the first delivery, requested from this second.
    pub fn anchored(second: u32) -> Self {
        Self::restore(
            Some(ResumePoint::anchor(second)),
            BTreeMap::new(),
            0,
            (0, 0),
        )
    }

    /// Returns the resume point; `None` if not known yet.
    pub fn point(&self) -> Option<ResumePoint> {
        self.point
    }

    /// Before the first delivery: moves the resume point to `second` if that is earlier.
    /// Returns whether it changed.
    pub fn anchor(&mut self, second: u32) -> bool {
        let anchored = match self.point {
            Some(ResumePoint { high: Some(_), .. }) => self.point,
            Some(point) => Some(point.not_after(second)),
            None => Some(ResumePoint::anchor(second)),
        };
        std::mem::replace(&mut self.point, anchored) != anchored
    }

    /// Returns the digests by archival second, the earliest first.
    pub fn seconds(&self) -> &Seconds {
        &self.seconds
    }

    /// Marks all digests as those of version 1.
    pub fn mark_version_1(&mut self) {
        self.version_1_until = self.seconds.last_key_value().map_or(0, |(&last, _)| last);
    }

    /// Returns the last second with digests of version 1; 0 if there is none.
    pub fn version_1_until(&self) -> u32 {
        self.version_1_until
    }

    /// Returns the number of the server that sent the last delivery; 0 if unknown.
    pub fn server(&self) -> u64 {
        self.server
    }

    /// Returns the last second whose digests may be of another server; 0 if there is none.
    pub fn mixed_until(&self) -> u32 {
        self.mixed_until
    }

    /// Adds a delivered batch of this server: its records and the resume point after it.
    pub fn add(&mut self, records: &[(u32, Digest)], point: ResumePoint, server: u64) {
        if self.server != 0 && self.server != server {
            self.mixed_until = self.seconds.last_key_value().map_or(0, |(&last, _)| last);
        }
        for &(second, digest) in records {
            if second >= point.remember_from {
                let few = self.seconds.len() < MAX_REUSE_SECONDS;
                let spare = || self.spare.pop().filter(|_| few).unwrap_or_default();
                self.seconds
                    .entry(second)
                    .or_insert_with(spare)
                    .push(digest);
                self.count += 1;
            }
        }
        self.server = server;
        self.point = Some(point);
        self.forget_before(point.remember_from);
    }

    /// Computes room for `more` digests with at most `max` in total. The earliest seconds
    /// are removed first; the newest second stays. Returns the resume point without them,
    /// the number of digests that fit, and the number of removed digests. Records with a
    /// removed digest are delivered again if the server repeats them.
    pub fn make_room(
        &self,
        mut point: ResumePoint,
        more: usize,
        max: usize,
    ) -> (ResumePoint, usize, usize) {
        let high = point.high.unwrap_or(0);
        let max_seconds = (max / DIGESTS_A_SECOND).max(MIN_SECONDS);
        let (mut kept, mut seconds, mut forgotten) = (self.count, self.seconds.len(), 0);
        for (&second, digests) in &self.seconds {
            let is_full = kept + more > max || seconds > max_seconds;
            if second >= point.remember_from {
                if !is_full || second >= high {
                    break;
                }
                point.remember_from = second + 1;
                forgotten += digests.len();
            }
            kept -= digests.len();
            seconds -= 1;
        }
        let room = match seconds > max_seconds {
            true => 0,
            false => max.saturating_sub(kept).min(more),
        };
        (point, room, forgotten)
    }

    /// Returns the replay filter for a stream that starts at the resume point.
    pub fn replay_filter(&self) -> ReplayFilter {
        let high = self.point.and_then(|point| point.high);
        let mut filter = ReplayFilter::new(self.count, high);
        for (&second, digests) in &self.seconds {
            digests
                .iter()
                .for_each(|&digest| filter.expect(second, digest));
        }
        if self.mixed_until > 0 {
            filter.compare_content_alone();
        }
        filter
    }

    /// Returns the number of digests.
    pub fn len(&self) -> usize {
        self.count
    }

    fn forget_before(&mut self, second: u32) {
        while let Some(first) = self.seconds.first_entry()
            && *first.key() < second
        {
            let mut digests = first.remove();
            self.count -= digests.len();
            let is_use = digests.spilled() && digests.capacity() <= MAX_SPARE_CAPACITY;
            if self.spare.len() < MAX_SPARE && is_use {
                digests.clear();
                self.spare.push(digests);
            }
        }
        for until in [&mut self.version_1_until, &mut self.mixed_until] {
            if second > *until {
                *until = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    fn point(high: u32) -> ResumePoint {
        ResumePoint::new(high, 5, 0, 0)
    }

    #[test]
    fn it_forgets_what_cannot_come_again_and_nothing_else() {
        let mut delivered = Delivered::default();
        let records = [(10, Digest::new(1)), (12, Digest::new(2))];
        delivered.add(&records, point(12), 0);
        let records = [(15, Digest::new(3)), (9, Digest::new(4))];
        delivered.add(&records, point(15), 0);
        let kept: Vec<_> = delivered.seconds().iter().collect();
        assert_eq!(
            kept,
            [
                (&10, &smallvec![Digest::new(1)]),
                (&12, &smallvec![Digest::new(2)]),
                (&15, &smallvec![Digest::new(3)])
            ],
            "9 is before 15 - 5"
        );
        assert_eq!(delivered.len(), 3);
    }

    #[test]
    fn room_is_made_by_whole_seconds_and_the_newest_stays() {
        let mut delivered = Delivered::default();
        let records: Vec<_> = (0..9)
            .map(|n| (10 + n / 3, Digest::new(n.into())))
            .collect();
        delivered.add(&records, point(12), 0);
        assert_eq!(delivered.make_room(point(12), 1, 10), (point(12), 1, 0));
        let (shorter, room, forgotten) = delivered.make_room(point(12), 1, 9);
        assert_eq!((shorter.remember_from, room, forgotten), (11, 1, 3));
        assert_eq!(shorter.resume_from, 7, "nothing is skipped");
        let (shorter, room, forgotten) = delivered.make_room(point(12), 5, 4);
        assert_eq!((shorter.remember_from, room, forgotten), (12, 1, 6));
        delivered.add(&[(12, Digest::new(9))], shorter, 0);
        assert_eq!(delivered.len(), 4);
    }

    #[test]
    fn a_second_counts_though_it_has_a_single_digest() {
        let mut delivered = Delivered::default();
        let records: Vec<_> = (0..40).map(|n| (10 + n, Digest::new(n.into()))).collect();
        delivered.add(&records, point(49).not_after(10), 0);
        let (shorter, room, forgotten) = delivered.make_room(point(49).not_after(10), 1, 80);
        assert_eq!((shorter.remember_from, room, forgotten), (30, 1, 20));
        // Where none can be forgotten, there is no room.
        let (shorter, room, forgotten) = delivered.make_room(point(10).not_after(10), 1, 80);
        assert_eq!((shorter.remember_from, room, forgotten), (5, 0, 0));
    }

    #[test]
    fn what_is_remembered_is_mixed_from_another_server_on_until_it_is_forgotten() {
        let mut delivered = Delivered::default();
        delivered.add(&[(10, Digest::new(1))], point(10), 0);
        delivered.add(&[(11, Digest::new(2))], point(11), 7);
        assert_eq!(delivered.mixed_until(), 0, "the first one that is known");
        delivered.add(&[(12, Digest::new(3))], point(12), 7);
        assert_eq!(delivered.mixed_until(), 0, "the same");
        delivered.add(&[(13, Digest::new(4))], point(13), 8);
        assert_eq!(delivered.mixed_until(), 12, "the last of the old one");
        assert!(delivered.replay_filter().compares_content_alone());
        delivered.add(&[], point(17), 8);
        assert_eq!(delivered.mixed_until(), 12, "it is remembered");
        delivered.add(&[], point(18), 8);
        assert_eq!(delivered.mixed_until(), 0);
        assert!(!delivered.replay_filter().compares_content_alone());
    }

    #[test]
    fn two_identical_records_stay_two() {
        let mut delivered = Delivered::default();
        let twins = [(10, Digest::new(1)), (10, Digest::new(1))];
        delivered.add(&twins, point(10), 0);
        assert_eq!(delivered.len(), 2);
    }

    #[test]
    fn the_earliest_second_asked_for_stays_until_something_is_delivered() {
        let mut delivered = Delivered::default();
        assert!(delivered.anchor(50));
        assert!(!delivered.anchor(60));
        assert!(delivered.anchor(0));
        assert_eq!(delivered.point(), Some(ResumePoint::anchor(0)));
        delivered.add(&[], point(12), 0);
        assert!(!delivered.anchor(0));
    }
}
