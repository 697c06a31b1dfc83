//! From received bytes to batches.

use std::collections::VecDeque;

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::wire::RecordType;

use super::batch::Batch;
use super::pool::{Arena, Claim, Pool, Waiting};
use super::record::{BundleStart, RecordKind, RecordPlace};

/// Builds the batches of one connection. The decoder's window is the free tail
/// of the current arena: plaintext is read there, decoded there, and stays there.
pub(crate) struct BatchBuilder {
    pool: Pool,
    arena: Option<Arena>,
    /// The position in the queue for arenas, and the claim for a large record.
    waiting: Option<Waiting>,
    claim: Option<Claim>,
    /// Bytes of the arena that are decoded, and bytes that are filled.
    read: usize,
    end: usize,
    /// The start of a bundle whose first record has not come yet.
    bundle: Option<BundleStart>,
    /// Sequence number and length of the last bundle.
    last: Option<(u32, u32)>,
    large: Large,
    ready: VecDeque<Batch>,
    /// Units that the session has received, and those handed over with a batch.
    units: u64,
    handed_over: u64,
}

/// A record larger than an arena.
enum Large {
    None,
    /// It waits for an arena of this many bytes.
    Waiting(RecordPlace, usize),
    /// So many bytes of it are in its arena.
    Filling(RecordPlace, Arena, usize),
}

/// The smallest average record, in bytes: a batch of smaller records is handed
/// over before its arena is full, so that bookkeeping stays a fraction of it.
const MIN_BYTES_PER_RECORD: usize = 128;

impl BatchBuilder {
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            pool,
            arena: None,
            waiting: None,
            claim: None,
            read: 0,
            end: 0,
            bundle: None,
            last: None,
            large: Large::None,
            ready: VecDeque::new(),
            units: 0,
            handed_over: 0,
        }
    }

    /// Returns the bytes that are not decoded yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.arena
            .as_deref()
            .and_then(|arena| arena.get(self.read..self.end))
            .unwrap_or_default()
    }

    /// Returns room to read into; `None` while the budget is used up.
    pub(crate) fn room(&mut self) -> Option<&mut [u8]> {
        let full = self
            .arena
            .as_ref()
            .is_some_and(|arena| self.end == arena.len());
        if full && !self.cut() {
            return None;
        }
        if self.arena.is_none() {
            self.arena = Some(self.next_arena()?);
        }
        let end = self.end;
        self.arena.as_mut().and_then(|arena| arena.get_mut(end..))
    }

    /// Takes an arena, or a position in the queue for them.
    fn next_arena(&mut self) -> Option<Arena> {
        match self.pool.arena(self.waiting.take()) {
            Ok(arena) => Some(arena),
            Err(waiting) => {
                self.waiting = Some(waiting);
                None
            }
        }
    }

    /// Leaves the queue for memory, because none is needed now.
    pub(crate) fn stop_waiting(&mut self) {
        self.waiting = None;
        self.claim = None;
    }

    /// Says that the first `bytes` of the room are filled.
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// Says that the first `bytes` of the unread ones are decoded.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.read = (self.read + bytes).min(self.end);
    }

    /// Whether frames can be taken now: there is memory for the next record.
    pub(crate) fn is_open(&mut self) -> bool {
        if self.records() >= self.pool.arena_size() / MIN_BYTES_PER_RECORD && !self.cut() {
            return false;
        }
        if let Large::Waiting(_, length) = self.large {
            // Earlier records are handed over first.
            if self.records() > 0 && !self.cut() {
                return false;
            }
            let Some(arena) = self.pool.large(length, &mut self.claim) else {
                return false;
            };
            if let Large::Waiting(place, _) = std::mem::replace(&mut self.large, Large::None) {
                self.large = Large::Filling(place, arena, 0);
            }
        }
        true
    }

    /// Takes a frame found in the unread bytes, before they are consumed. `units`
    /// counts those received by the session, this frame included.
    pub(crate) fn take_frame(&mut self, frame: &Frame, units: u64) {
        self.units = units;
        match frame {
            Frame::BundleBegin { bundle, length } => {
                let last = self.last.replace((bundle.sequence, *length));
                self.bundle = Some(match last {
                    Some((sequence, last)) if sequence == bundle.sequence => {
                        BundleStart::SameNumber {
                            same_length: last == *length,
                        }
                    }
                    _ => BundleStart::Next,
                });
            }
            Frame::Message { head, body } => {
                if let Some(mut place) = self.place(head, body.len) {
                    place.start = (self.read + body.start) as u32;
                    place.size = body.len as u32;
                    self.add(place);
                }
            }
            Frame::Skipped { head, length } => {
                if let Some(mut place) = self.place(head, *length as usize) {
                    place.kind = RecordKind::Oversize;
                    self.add(place);
                }
            }
            Frame::Begin { head, length } => {
                let length = *length as usize;
                if let Some(mut place) = self.place(head, length) {
                    place.size = length as u32;
                    self.large = Large::Waiting(place, length);
                }
            }
            Frame::Chunk { body } => {
                let arena = self.arena.as_deref().unwrap_or_default();
                let unread = arena.get(self.read..).unwrap_or_default();
                if let Large::Filling(_, arena, filled) = &mut self.large
                    && let Some(room) = arena.get_mut(*filled..*filled + body.len)
                {
                    room.copy_from_slice(body.of(unread));
                    *filled += body.len;
                }
            }
            Frame::End => {
                if let Large::Filling(place, mut arena, _) =
                    std::mem::replace(&mut self.large, Large::None)
                {
                    arena.records.push(place);
                    self.hand_over(Some(arena));
                }
            }
            // The end of a bundle, and frames of later versions.
            _ => {}
        }
    }

    /// Says that nothing more comes. What is only half received never becomes a message, and needs
    /// no memory to wait in.
    pub(crate) fn ended(&mut self) {
        self.end = self.read;
    }

    /// Ends a turn: hands over the batch, if there is memory for a record that is
    /// only half received. With `keep`, goes on to fill it.
    pub(crate) fn end_turn(&mut self, keep: bool) {
        if keep && self.has_records() {
            return;
        }
        if self.records() == 0 {
            if self.read == self.end {
                // An idle connection holds no arena.
                self.arena = None;
                (self.read, self.end) = (0, 0);
            }
            if self.units > self.handed_over {
                self.hand_over(None);
            }
        } else {
            self.cut();
        }
    }

    /// Whether it holds records that are not handed over.
    pub(crate) fn has_records(&self) -> bool {
        self.records() > 0
    }

    /// Returns the units handed over so far.
    pub(crate) fn handed_over(&self) -> u64 {
        self.handed_over
    }

    /// Returns the next batch that is handed over.
    pub(crate) fn poll_batch(&mut self) -> Option<Batch> {
        self.ready.pop_front()
    }

    /// Hands over the records in the current arena. A message that is only half
    /// received moves to the next one; returns false if there is none.
    fn cut(&mut self) -> bool {
        let half = self.end - self.read;
        if self.records() == 0 {
            // No record holds the arena, so it is used again.
            if let Some(arena) = &mut self.arena {
                arena.copy_within(self.read..self.end, 0);
            }
        } else {
            let mut next = None;
            if half > 0 {
                let Some(mut arena) = self.next_arena() else {
                    return false;
                };
                arena[..half].copy_from_slice(self.unread());
                next = Some(arena);
            }
            let arena = std::mem::replace(&mut self.arena, next);
            self.hand_over(arena);
        }
        (self.read, self.end) = (0, half);
        true
    }

    fn hand_over(&mut self, arena: Option<Arena>) {
        self.ready.push_back(Batch::new(arena, self.units));
        self.handed_over = self.units;
    }

    /// Returns how many records are in the current arena.
    fn records(&self) -> usize {
        self.arena.as_ref().map_or(0, |arena| arena.records.len())
    }

    /// Adds a record whose data is in the current arena.
    fn add(&mut self, place: RecordPlace) {
        if let Some(arena) = &mut self.arena {
            arena.records.push(place);
        }
    }

    /// Returns what the header of a record says; `None` of another message.
    fn place(&mut self, head: &Head, length: usize) -> Option<RecordPlace> {
        let (kind, record_type, archival) = match head.kind {
            Kind::Event { record, .. } => {
                (RecordKind::Event, record.record_type, record.archival())
            }
            Kind::Malformed(malformed) => (RecordKind::Malformed(malformed), RecordType(0), None),
            _ => return None,
        };
        Some(RecordPlace {
            kind,
            record_type,
            archival,
            // An event outside of a bundle has no sequence number.
            bundle: match head.nested {
                true => self.bundle.take(),
                false => Some(BundleStart::Next),
            },
            length: u32::try_from(length).unwrap_or(u32::MAX),
            start: 0,
            size: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::EventLoop;
    use estreamer_core::decode::{Decoder, Limits, Oversize};
    use estreamer_core::quirk::Quirks;
    use estreamer_core::wire::{BundleHeader, BundleWriter, Event};

    const SIZE: usize = 128;

    /// Two bundles of events of these lengths.
    fn stream(lengths: &[usize]) -> Vec<u8> {
        let mut stream = Vec::new();
        for sequence in [1, 2] {
            let mut buffer = vec![0; 4096];
            let header = BundleHeader {
                connection_id: 1,
                sequence,
            };
            let mut bundle = BundleWriter::new(&mut buffer, header, Quirks::NONE).unwrap();
            for &length in lengths {
                let data = vec![b'a' + (length % 26) as u8; length];
                let event = Event::new(RecordType::FILE, Some(9), &data);
                bundle.push(&event).unwrap();
            }
            stream.extend_from_slice(bundle.finish());
        }
        stream
    }

    /// Reads the stream `step` bytes at a time, ends a turn every `turn` reads, and
    /// holds at most `keep` batches.
    fn read(
        stream: &[u8],
        step: usize,
        turn: usize,
        keep: usize,
    ) -> Vec<(usize, Option<BundleStart>)> {
        let budget = 400 + 3 * SIZE;
        let pool = Pool::new(SIZE, budget, EventLoop::<()>::new().unwrap().handle());
        let mut builder = BatchBuilder::new(pool.clone());
        let mut decoder = Decoder::new(SIZE, Limits::DEFAULT, Oversize::Pieces).unwrap();
        let (mut rest, mut units, mut reads) = (stream, 0, 0);
        let mut held: VecDeque<Batch> = VecDeque::new();
        let mut seen = Vec::new();
        let mut delivered = 0;
        loop {
            let mut open = builder.is_open();
            while open {
                let step = decoder.step(builder.unread()).unwrap();
                if let Some(frame) = &step.frame {
                    units += u64::from(*frame == Frame::BundleEnd);
                    builder.take_frame(frame, units);
                }
                builder.consume(step.consumed);
                if step.consumed == 0 && step.frame.is_none() {
                    break;
                }
                open = builder.is_open();
            }
            reads += 1;
            if reads % turn == 0 || rest.is_empty() || !open {
                builder.end_turn(false);
            }
            while let Some(batch) = builder.poll_batch() {
                for record in batch.records() {
                    let letter = b'a' + (record.data.len() % 26) as u8;
                    assert!(record.data.iter().all(|&byte| byte == letter));
                    seen.push((record.data.len(), record.bundle));
                }
                delivered = batch.units();
                held.push_back(batch);
            }
            assert!(pool.used() <= budget);
            let room = if open { builder.room() } else { None };
            let Some(room) = room else {
                held.pop_front().expect("a batch holds the budget");
                continue;
            };
            while held.len() > keep {
                held.pop_front();
            }
            let count = step.min(room.len()).min(rest.len());
            if count == 0 {
                break;
            }
            room[..count].copy_from_slice(&rest[..count]);
            builder.filled(count);
            rest = &rest[count..];
        }
        assert_eq!(delivered, 2);
        seen
    }

    #[test]
    fn what_came_before_an_end_is_handed_over_without_memory_for_the_rest() {
        let pool = Pool::new(SIZE, 2 * SIZE, EventLoop::<()>::new().unwrap().handle());
        let mut builder = BatchBuilder::new(pool.clone());
        let mut decoder = Decoder::new(SIZE, Limits::DEFAULT, Oversize::Pieces).unwrap();
        let stream = stream(&[10, 20]);
        builder.room().unwrap()[..70].copy_from_slice(&stream[..70]);
        builder.filled(70);
        loop {
            let step = decoder.step(builder.unread()).unwrap();
            if let Some(frame) = &step.frame {
                builder.take_frame(frame, 0);
            }
            builder.consume(step.consumed);
            if step.consumed == 0 && step.frame.is_none() {
                break;
            }
        }
        assert!(builder.has_records() && !builder.unread().is_empty());
        let _all_that_is_left = pool.arena(None).unwrap();
        builder.end_turn(false);
        assert!(builder.poll_batch().is_none(), "the rest has no place");
        builder.ended();
        builder.end_turn(false);
        assert_eq!(builder.poll_batch().unwrap().records().len(), 1);
    }

    #[test]
    fn records_of_any_size_come_out_in_order_whatever_the_reads_and_the_budget() {
        let lengths = [10, 60, 90, 104, 105, 300, 0, 1, 350, 20];
        let stream = stream(&lengths);
        let mut expected: Vec<_> = lengths.map(|length| (length, None)).to_vec();
        expected[0].1 = Some(BundleStart::Next);
        let expected = [expected.clone(), expected].concat();
        for step in [1, 7, 64, 127, 128, 1000] {
            for (turn, keep) in [(1, 0), (3, 1), (1000, 9)] {
                let seen = read(&stream, step, turn, keep);
                assert_eq!(seen, expected, "{step} {turn} {keep}");
            }
        }
    }
}
