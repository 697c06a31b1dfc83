//! What was delivered of one source, as far back as it may come again.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::high_water_mark::ResumePoint;
use super::replay_filter::ReplayFilter;
use crate::digest::Digest;

/// Digests by archival second. One that is alone in its second takes no memory of
/// its own: a server may give each event another second.
pub type Seconds = BTreeMap<u32, SmallVec<[Digest; 1]>>;

/// The digests of every record delivered with an archival second from
/// [`ResumePoint::remember_from`] on.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    point: Option<ResumePoint>,
    seconds: Seconds,
    /// How many digests those are.
    count: usize,
    /// Digests up to this second are of version 1 of the journal.
    version_1_until: u32,
    /// The server they came from, as far as it is known; 0 is none.
    server: u64,
    /// Digests up to this second may be of another server.
    mixed_until: u32,
    /// The memory of seconds that were forgotten, for the next ones.
    spare: Vec<SmallVec<[Digest; 1]>>,
}

/// Forgotten seconds whose memory is kept for others, and digests it may have room
/// for.
const SPARE: (usize, usize) = (8, 1 << 12);
/// It is given to others as long as there are no more seconds than that: with many,
/// each of them could hold the memory of a full one.
const SPARE_TO: usize = 32;

/// A second is memory, too, though it may have a single digest: so many digests go
/// with one, where there are as many as may be kept.
const DIGESTS_A_SECOND: usize = 4;
/// So many seconds may always be kept.
const FEW_SECONDS: usize = 16;

impl PartialEq for Delivered {
    fn eq(&self, other: &Self) -> bool {
        let all = |it: &Self| (it.point, it.server, it.mixed_until, it.version_1_until);
        all(self) == all(other) && self.seconds == other.seconds
    }
}

impl Eq for Delivered {}

impl Delivered {
    /// As it was written down.
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

    /// Nothing was delivered yet: the second that was asked for.
    pub fn anchored(second: u32) -> Self {
        Self::restore(
            Some(ResumePoint::anchor(second)),
            BTreeMap::new(),
            0,
            (0, 0),
        )
    }

    /// Where to go on from; `None` before it is known.
    pub fn point(&self) -> Option<ResumePoint> {
        self.point
    }

    /// Where to go on from is this second, or an earlier one that was asked for
    /// before; only for as long as nothing was delivered. Whether that changed.
    pub fn anchor(&mut self, second: u32) -> bool {
        let anchored = match self.point {
            Some(ResumePoint { high: Some(_), .. }) => self.point,
            Some(point) => Some(point.not_after(second)),
            None => Some(ResumePoint::anchor(second)),
        };
        std::mem::replace(&mut self.point, anchored) != anchored
    }

    /// The digests by archival second, the earliest first.
    pub fn seconds(&self) -> &Seconds {
        &self.seconds
    }

    /// All digests so far are of version 1 of the journal.
    pub fn is_of_version_1(&mut self) {
        self.version_1_until = self.seconds.last_key_value().map_or(0, |(&last, _)| last);
    }

    /// The digests up to this second are of version 1 of the journal.
    pub fn version_1_until(&self) -> u32 {
        self.version_1_until
    }

    /// The server that sent what was delivered last; 0 where it is not known.
    pub fn server(&self) -> u64 {
        self.server
    }

    /// Digests up to this second may be of another server, 0 if none is.
    pub fn mixed_until(&self) -> u32 {
        self.mixed_until
    }

    /// A batch of this server was delivered: these records of it, and the point
    /// after it.
    pub fn add(&mut self, records: &[(u32, Digest)], point: ResumePoint, server: u64) {
        if self.server != 0 && self.server != server {
            self.mixed_until = self.seconds.last_key_value().map_or(0, |(&last, _)| last);
        }
        for &(second, digest) in records {
            if second >= point.remember_from {
                let few = self.seconds.len() < SPARE_TO;
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

    /// Makes room for `more` digests, of which at most `most` are kept, in a part as
    /// many seconds: the earliest seconds are forgotten, but not the newest one. Returns the point
    /// that says so, how many of `more` there is room for, and how many digests
    /// were forgotten: if those come again, they are delivered again.
    pub fn make_room(
        &self,
        mut point: ResumePoint,
        more: usize,
        most: usize,
    ) -> (ResumePoint, usize, usize) {
        let high = point.high.unwrap_or(0);
        let most_seconds = (most / DIGESTS_A_SECOND).max(FEW_SECONDS);
        let (mut kept, mut seconds, mut forgotten) = (self.count, self.seconds.len(), 0);
        for (&second, digests) in &self.seconds {
            let is_full = kept + more > most || seconds > most_seconds;
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
        let room = match seconds > most_seconds {
            true => 0,
            false => most.saturating_sub(kept).min(more),
        };
        (point, room, forgotten)
    }

    /// What has to be removed of a stream that starts at the point.
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

    /// How many digests are kept.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    fn forget_before(&mut self, second: u32) {
        while let Some(first) = self.seconds.first_entry()
            && *first.key() < second
        {
            let mut digests = first.remove();
            self.count -= digests.len();
            let is_use = digests.spilled() && digests.capacity() <= SPARE.1;
            if self.spare.len() < SPARE.0 && is_use {
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
