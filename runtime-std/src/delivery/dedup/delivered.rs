//! What was handed on of one source, as far back as it may come again.

use std::collections::BTreeMap;

use super::high_water_mark::Marks;
use super::replay_filter::Seam;
use crate::digest::Digest;

/// The digests of every record handed on with an archival second from
/// [`Marks::resume_from`] on.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    marks: Option<Marks>,
    seconds: BTreeMap<u32, Vec<Digest>>,
    /// The memory of seconds that were forgotten, for the next ones.
    spare: Vec<Vec<Digest>>,
}

/// Seconds whose memory is kept for others, at most.
const SPARE: usize = 8;

impl PartialEq for Delivered {
    fn eq(&self, other: &Self) -> bool {
        (self.marks, &self.seconds) == (other.marks, &other.seconds)
    }
}

impl Eq for Delivered {}

impl Delivered {
    /// As it was written down.
    pub fn restore(marks: Option<Marks>, seconds: BTreeMap<u32, Vec<Digest>>) -> Self {
        Self {
            marks,
            seconds,
            spare: Vec::new(),
        }
    }

    /// How far the source has come; `None` before its first record.
    pub fn marks(&self) -> Option<Marks> {
        self.marks
    }

    /// The digests by archival second, the earliest first.
    pub fn seconds(&self) -> &BTreeMap<u32, Vec<Digest>> {
        &self.seconds
    }

    /// A batch was handed on: these records of it, and the marks after it.
    pub fn add(&mut self, records: &[(u32, Digest)], marks: Marks) {
        for &(second, digest) in records {
            if second >= marks.resume_from {
                let spare = || self.spare.pop().unwrap_or_default();
                let of_second = self.seconds.entry(second).or_insert_with(spare);
                of_second.push(digest);
            }
        }
        self.marks = Some(marks);
        self.forget_before(marks.resume_from);
    }

    /// Forgets the earliest seconds as long as more than `most` digests are kept,
    /// but never the latest one. Where that moves the second to resume from, the
    /// marks are returned: what is stored late before it will be missed.
    pub fn bound(&mut self, most: usize) -> Option<Marks> {
        let mut moved = None;
        while self.seconds.len() > 1 && self.len() > most {
            let high = self.marks.map_or(0, |marks| marks.high);
            // Those of the future first: the bookmark does not stand for them.
            if self
                .seconds
                .last_key_value()
                .is_some_and(|(&last, _)| last > high)
            {
                self.seconds.pop_last();
                continue;
            }
            self.seconds.pop_first();
            let (&first, _) = self.seconds.first_key_value()?;
            let marks = self.marks.as_mut()?;
            marks.resume_from = marks.resume_from.max(first);
            moved = Some(*marks);
        }
        moved
    }

    /// What has to be removed of a stream that starts at the marks.
    pub fn seam(&self) -> Seam {
        let digests = self.seconds.values().flatten().copied();
        Seam::new(digests, self.marks.map(|marks| marks.high))
    }

    /// How many digests are kept.
    pub fn len(&self) -> usize {
        self.seconds.values().map(Vec::len).sum()
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
            if self.spare.len() < SPARE {
                digests.clear();
                self.spare.push(digests);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_what_cannot_come_again_and_nothing_else() {
        let mut delivered = Delivered::default();
        delivered.add(
            &[(10, Digest::new(1)), (12, Digest::new(2))],
            Marks::new(12, 5, 0),
        );
        delivered.add(
            &[(15, Digest::new(3)), (9, Digest::new(4))],
            Marks::new(15, 5, 0),
        );
        let kept: Vec<_> = delivered.seconds().iter().collect();
        assert_eq!(
            kept,
            [
                (&10, &vec![Digest::new(1)]),
                (&12, &vec![Digest::new(2)]),
                (&15, &vec![Digest::new(3)])
            ],
            "9 is before 15 - 5"
        );
    }

    #[test]
    fn too_many_digests_move_the_resume_second_up_by_whole_seconds() {
        let mut delivered = Delivered::default();
        let records: Vec<_> = (0..9)
            .map(|n| (10 + n / 3, Digest::new(n.into())))
            .collect();
        delivered.add(&records, Marks::new(12, 5, 0));
        assert_eq!(delivered.bound(9), None);
        let marks = delivered.bound(5).unwrap();
        assert_eq!((marks.high, marks.resume_from), (12, 12));
        assert_eq!(delivered.len(), 3);
        assert_eq!(delivered.bound(1), None, "the latest second stays whole");
    }

    #[test]
    fn two_identical_records_stay_two() {
        let mut delivered = Delivered::default();
        let twins = [(10, Digest::new(1)), (10, Digest::new(1))];
        delivered.add(&twins, Marks::new(10, 5, 0));
        assert_eq!(delivered.len(), 2);
    }
}
