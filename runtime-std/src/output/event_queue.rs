//! The events that wait for their requests, and for the answers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::output::options::BatchLimits;
use crate::output::{AcceptedBatch, OutputPart, RecordInfo};

/// Batches in order: those that were sent, then those that were not.
#[derive(Default)]
pub(in crate::output) struct EventQueue {
    batches: VecDeque<WaitingBatch>,
    /// The position of the first batch.
    first: u64,
    /// The next event to send.
    next: EventId,
    /// Events and bytes that were not sent.
    unsent: (usize, usize),
    accepted: VecDeque<AcceptedBatch>,
}

/// The place of an event: the position of its batch, and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::output) struct EventId {
    batch: u64,
    index: usize,
}

/// An event and what is known of it.
#[derive(Clone, Copy)]
pub(in crate::output) struct QueuedEvent<'q> {
    pub(in crate::output) record: &'q RecordInfo,
    /// The formatted event without line end.
    pub(in crate::output) line: &'q [u8],
}

struct WaitingBatch {
    n: u64,
    /// The length of the batch in bytes, for the counts.
    length: u64,
    parts: Vec<OutputPart>,
    /// Where the events of each part end, counted over all parts.
    ends: Vec<usize>,
    /// The number of events that were accepted or refused.
    done: usize,
    since: Instant,
}

impl EventQueue {
    /// Returns the number of the last batch.
    pub(in crate::output) fn last(&self) -> Option<u64> {
        self.batches.back().map(|batch| batch.n)
    }

    /// Adds a batch.
    pub(in crate::output) fn push(&mut self, n: u64, parts: &[OutputPart]) {
        let mut count = 0;
        let ends = parts.iter().map(|part| {
            count += part.records.len();
            count
        });
        let ends = ends.collect();
        let length: u64 = parts.iter().map(OutputPart::length).sum();
        self.unsent.0 += count;
        self.unsent.1 += length as usize;
        self.batches.push_back(WaitingBatch {
            n,
            length,
            parts: parts.to_vec(),
            ends,
            done: 0,
            since: Instant::now(),
        });
        self.settle();
    }

    /// Returns whether nothing waits, neither for its request nor for an answer.
    pub(in crate::output) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Returns whether every event was sent.
    pub(in crate::output) fn is_sent(&self) -> bool {
        self.unsent.0 == 0
    }

    /// Returns whether the events make a whole request.
    pub(in crate::output) fn is_full(&self, limits: BatchLimits) -> bool {
        self.unsent.0 >= limits.events || self.unsent.1 >= limits.bytes
    }

    /// Returns the time until the next events are due; `None` if all were sent.
    pub(in crate::output) fn due_in(&self, limits: BatchLimits) -> Option<Duration> {
        if self.is_sent() {
            return None;
        }
        let from = (self.next.batch - self.first) as usize;
        let mut index = self.next.index;
        let has_more = |batch: &&WaitingBatch| std::mem::take(&mut index) < batch.count();
        let next = self.batches.iter().skip(from).find(has_more);
        let waited = next.map_or(Duration::MAX, |batch| batch.since.elapsed());
        Some(match self.is_full(limits) {
            true => Duration::ZERO,
            false => limits.time.saturating_sub(waited),
        })
    }

    /// Takes the events of the next request, at least one if there is one.
    pub(in crate::output) fn take(&mut self, limits: BatchLimits) -> Vec<EventId> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = self.batches.get((self.next.batch - self.first) as usize) {
            let Some(event) = batch.event(self.next.index) else {
                self.next = EventId {
                    batch: self.next.batch + 1,
                    index: 0,
                };
                continue;
            };
            bytes += event.line.len();
            if taken.len() >= limits.events || bytes > limits.bytes && !taken.is_empty() {
                break;
            }
            self.unsent.0 -= 1;
            self.unsent.1 = self.unsent.1.saturating_sub(event.line.len() + 1);
            taken.push(self.next);
            self.next.index += 1;
        }
        if self.is_sent() {
            self.unsent.1 = 0;
        }
        taken
    }

    /// Returns an event that waits.
    pub(in crate::output) fn event(&self, id: EventId) -> Option<QueuedEvent<'_>> {
        let batch = id.batch.checked_sub(self.first)?;
        self.batches.get(batch as usize)?.event(id.index)
    }

    /// Records that the first `count` events were accepted or refused.
    pub(in crate::output) fn done(&mut self, mut count: usize) {
        for batch in &mut self.batches {
            let more = count.min(batch.count() - batch.done);
            batch.done += more;
            count -= more;
            if count == 0 {
                break;
            }
        }
        self.settle();
    }

    /// Forgets which events were sent: all that wait are sent again.
    pub(in crate::output) fn rewind(&mut self) {
        let Some(batch) = self.batches.front() else {
            return;
        };
        self.next = EventId {
            batch: self.first,
            index: batch.done,
        };
        let events = |batch: &WaitingBatch| batch.count() - batch.done;
        self.unsent.0 = self.batches.iter().map(events).sum();
        let bytes = |batch: &WaitingBatch| batch.length as usize;
        self.unsent.1 = self.batches.iter().map(bytes).sum();
    }

    /// Returns the next batch whose events are all accepted or refused.
    pub(in crate::output) fn accepted(&mut self) -> Option<AcceptedBatch> {
        self.accepted.pop_front()
    }

    fn settle(&mut self) {
        while let Some(batch) = self.batches.front().filter(|of| of.done == of.count()) {
            self.accepted.push_back(AcceptedBatch {
                n: batch.n,
                bytes: batch.length,
            });
            self.batches.pop_front();
            self.first += 1;
            if self.next.batch < self.first {
                self.next = EventId {
                    batch: self.first,
                    index: 0,
                };
            }
        }
    }
}

impl WaitingBatch {
    fn count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn event(&self, index: usize) -> Option<QueuedEvent<'_>> {
        let part = self.ends.partition_point(|&end| end <= index);
        let before = part.checked_sub(1).map_or(0, |before| self.ends[before]);
        let part = self.parts.get(part)?;
        let index = index - before;
        let start = index.checked_sub(1).map_or(0, |of| part.records[of].end);
        let record = part.records.get(index)?;
        let line = part.bytes.get(start..record.end)?;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(QueuedEvent { record, line })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::digest::Digest;
    use std::path::Path;

    pub(in crate::output) fn part(lines: &[&str]) -> OutputPart {
        let mut part = OutputPart::new(Path::new("").into(), "", "fmc".into(), 0);
        for line in lines {
            part.bytes.extend_from_slice(line.as_bytes());
            part.bytes.push(b'\n');
            part.records.push(RecordInfo {
                end: part.bytes.len(),
                kind: None,
                source: "fmc".into(),
                device: None,
                connection: None,
                archival: None,
                time: None,
                digest: Digest::new(0),
                ordinal: 0,
            });
        }
        part
    }

    const LIMITS: BatchLimits = BatchLimits {
        events: 3,
        bytes: 100,
        time: Duration::from_secs(3600),
    };

    fn lines(queue: &EventQueue, ids: &[EventId]) -> Vec<String> {
        let text = |id: &EventId| String::from_utf8_lossy(queue.event(*id).unwrap().line).into();
        ids.iter().map(text).collect()
    }

    fn accepted(queue: &mut EventQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.accepted().map(|batch| batch.n)).collect()
    }

    #[test]
    fn a_request_takes_events_over_the_bounds_of_batches_up_to_its_limits() {
        let mut queue = EventQueue::default();
        queue.push(4, &[part(&["a"]), part(&["b"])]);
        assert!(!queue.is_full(LIMITS));
        queue.push(5, &[]);
        queue.push(6, &[part(&["c", "d"])]);
        assert!(queue.is_full(LIMITS));
        let first = queue.take(LIMITS);
        assert_eq!(lines(&queue, &first), ["a", "b", "c"]);
        let second = queue.take(LIMITS);
        assert_eq!(lines(&queue, &second), ["d"]);
        assert!(queue.is_sent() && !queue.is_empty());
        queue.done(1);
        assert_eq!(accepted(&mut queue), [0; 0]);
        queue.done(2);
        assert_eq!(accepted(&mut queue), [4, 5]);
        queue.rewind();
        let again = queue.take(LIMITS);
        assert_eq!(lines(&queue, &again), ["d"]);
        queue.done(1);
        assert_eq!(accepted(&mut queue), [6]);
        queue.push(7, &[]);
        assert_eq!(accepted(&mut queue), [7], "an empty batch");
        assert!(queue.is_empty());
    }

    #[test]
    fn a_request_may_have_exactly_as_many_bytes_as_its_limit() {
        let mut queue = EventQueue::default();
        let [first, second] = ["x".repeat(60), "y".repeat(40)];
        queue.push(1, &[part(&[&first, &second, ""])]);
        queue.push(2, &[part(&["z"])]);
        let ids = queue.take(LIMITS);
        assert_eq!(lines(&queue, &ids), [&first, &second, ""]);
        let ids = queue.take(LIMITS);
        assert_eq!(lines(&queue, &ids), ["z"]);
    }

    #[test]
    fn a_request_has_as_many_bytes_as_fit_and_at_least_one_event() {
        let mut queue = EventQueue::default();
        let long = "x".repeat(90);
        queue.push(1, &[part(&[&"y".repeat(200), &long, "a", "b"])]);
        assert!(queue.is_full(LIMITS));
        let counts = [(); 3].map(|()| queue.take(LIMITS).len());
        assert_eq!(counts, [1, 3, 0]);
    }
}
