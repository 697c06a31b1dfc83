//! Records as they were received, many at a time.

use std::collections::VecDeque;

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::wire::RecordType;

use crate::arena::{Arena, Pool};
use crate::record::Received;
pub use crate::record::{BundleStart, Record, RecordKind};

/// Records of one connection, in the memory they were received into.
#[derive(Debug)]
pub struct Batch {
    /// None where there is no record.
    arena: Option<Arena>,
    /// Units of the session received with its last record; see
    /// [`ClientSession`](estreamer_core::session::ClientSession).
    pub units: u64,
}

impl Batch {
    /// The records, in the order they came.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.received().iter().map(|received| self.look(received))
    }

    /// The record at this place.
    pub fn record(&self, index: usize) -> Option<Record<'_>> {
        Some(self.look(self.received().get(index)?))
    }

    fn received(&self) -> &[Received] {
        self.arena.as_ref().map_or(&[], |arena| &arena.records)
    }

    fn look(&self, received: &Received) -> Record<'_> {
        let bytes = self.arena.as_deref().unwrap_or_default();
        Record {
            kind: received.kind,
            record_type: received.record_type,
            archival: received.archival,
            bundle: received.bundle,
            length: received.length,
            data: received.span().of(bytes),
        }
    }
}

/// The receive window of a client, and the batches cut from it: the window is
/// the free tail of the current batch's arena, so that received bytes stay where
/// they are.
pub(crate) struct Assembler {
    pool: Pool,
    arena: Option<Arena>,
    /// Bytes of the arena the session is done with, and bytes filled.
    read: usize,
    end: usize,
    /// The marker for the next record.
    bundle: Option<BundleStart>,
    /// Sequence number and length of the last bundle.
    last: Option<(u32, u32)>,
    large: Large,
    ready: VecDeque<Batch>,
    /// Units the session has received, and those handed over with a batch.
    units: u64,
    handed_over: u64,
}

/// A record larger than an arena.
enum Large {
    None,
    /// Its room is not there yet.
    Waiting(Received, usize),
    /// In the making.
    Filling(Received, Arena, usize),
}

/// Of an arena, for each record noted in it: smaller records end a batch before
/// its arena is full, so that the notes on them stay small beside it.
const BYTES_A_RECORD: usize = 128;

impl Assembler {
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            pool,
            arena: None,
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

    /// The unread bytes.
    pub(crate) fn unread(&self) -> &[u8] {
        self.arena
            .as_deref()
            .and_then(|arena| arena.get(self.read..self.end))
            .unwrap_or_default()
    }

    /// Room to read into; `None` while the budget is used up.
    pub(crate) fn room(&mut self) -> Option<&mut [u8]> {
        let full = self
            .arena
            .as_ref()
            .is_some_and(|arena| self.end == arena.len());
        if full && !self.cut() {
            return None;
        }
        if self.arena.is_none() {
            self.arena = Some(self.pool.arena()?);
        }
        let end = self.end;
        self.arena.as_mut().and_then(|arena| arena.get_mut(end..))
    }

    /// So many bytes of the room hold data now.
    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// The session is done with `bytes` at the front of the unread ones.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.read = (self.read + bytes).min(self.end);
    }

    /// Whether the next frames can be taken: a large record has its room.
    pub(crate) fn is_open(&mut self) -> bool {
        // What is noted of records is memory, too.
        if self.noted() >= self.pool.size() / BYTES_A_RECORD && !self.cut() {
            return false;
        }
        if let Large::Waiting(_, length) = self.large {
            // What came before it goes before it.
            if self.noted() > 0 && !self.cut() {
                return false;
            }
            let Some(arena) = self.pool.large(length) else {
                return false;
            };
            if let Large::Waiting(received, _) = std::mem::replace(&mut self.large, Large::None) {
                self.large = Large::Filling(received, arena, 0);
            }
        }
        true
    }

    /// Takes note of a frame found in the unread bytes, before they are consumed.
    /// `units` is what the session has received with it.
    pub(crate) fn frame(&mut self, frame: &Frame, units: u64) {
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
                if let Some(mut received) = self.received(head, body.len) {
                    received.start = (self.read + body.start) as u32;
                    received.size = body.len as u32;
                    self.note(received);
                }
            }
            Frame::Skipped { head, length } => {
                if let Some(mut received) = self.received(head, *length as usize) {
                    received.kind = RecordKind::Oversize;
                    self.note(received);
                }
            }
            Frame::Begin { head, length } => {
                let length = *length as usize;
                if let Some(mut received) = self.received(head, length) {
                    received.size = length as u32;
                    self.large = Large::Waiting(received, length);
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
                if let Large::Filling(received, mut arena, _) =
                    std::mem::replace(&mut self.large, Large::None)
                {
                    arena.records.push(received);
                    self.hand_over(Some(arena));
                }
            }
            // The end of a bundle, and frames of later versions.
            _ => {}
        }
    }

    /// The turn ends: hands over the batch, if there is room for a record that is
    /// only half received. While earlier batches are under way, `busy`, keeps
    /// accumulating.
    pub(crate) fn turn_ends(&mut self, busy: bool) {
        if busy {
            return;
        }
        if self.noted() == 0 {
            if self.read == self.end {
                // An idle connection owns no arena.
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

    /// Whether records wait in it, for room or for earlier batches.
    pub(crate) fn is_waiting(&self) -> bool {
        self.noted() > 0
    }

    /// Units handed over so far.
    pub(crate) fn handed_over(&self) -> u64 {
        self.handed_over
    }

    /// The next batch that is complete.
    pub(crate) fn ready(&mut self) -> Option<Batch> {
        self.ready.pop_front()
    }

    /// Ends the batch in the current arena; only a message that is half there
    /// moves on. False if there is no arena for it.
    fn cut(&mut self) -> bool {
        let half = self.end - self.read;
        if self.noted() == 0 {
            // Nothing stays behind, so the arena itself goes on.
            if let Some(arena) = &mut self.arena {
                arena.copy_within(self.read..self.end, 0);
            }
        } else {
            let mut next = None;
            if half > 0 {
                let Some(mut arena) = self.pool.arena() else {
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

    fn hand_over(&mut self, mut arena: Option<Arena>) {
        if let Some(arena) = &mut arena {
            arena.seal();
        }
        self.ready.push_back(Batch {
            arena,
            units: self.units,
        });
        self.handed_over = self.units;
    }

    /// Records in the current arena.
    fn noted(&self) -> usize {
        self.arena.as_ref().map_or(0, |arena| arena.records.len())
    }

    /// Notes a record found in the current arena.
    fn note(&mut self, received: Received) {
        if let Some(arena) = &mut self.arena {
            arena.records.push(received);
        }
    }

    /// What is to be noted of a message; `None` if it is no record.
    fn received(&mut self, head: &Head, length: usize) -> Option<Received> {
        let (kind, record_type, archival) = match head.kind {
            Kind::Event { record, .. } => {
                (RecordKind::Event, record.record_type, record.archival())
            }
            Kind::Malformed(malformed) => (RecordKind::Malformed(malformed), RecordType(0), None),
            _ => return None,
        };
        Some(Received {
            kind,
            record_type,
            archival,
            // An event by itself repeats nothing.
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

    /// Reads the stream `step` bytes at a time, ends a turn each `turn` reads,
    /// and keeps at most `keep` batches before it lets the oldest go.
    fn read(
        stream: &[u8],
        step: usize,
        turn: usize,
        keep: usize,
    ) -> Vec<(usize, Option<BundleStart>)> {
        let budget = 400 + 3 * SIZE;
        let pool = Pool::new(SIZE, budget, EventLoop::new().unwrap().handle());
        let mut assembler = Assembler::new(pool.clone());
        let mut decoder = Decoder::new(SIZE, Limits::DEFAULT, Oversize::Pieces).unwrap();
        let (mut rest, mut units, mut reads) = (stream, 0, 0);
        let mut held: VecDeque<Batch> = VecDeque::new();
        let mut seen = Vec::new();
        let mut delivered = 0;
        loop {
            let mut open = assembler.is_open();
            while open {
                let step = decoder.step(assembler.unread()).unwrap();
                if let Some(frame) = &step.frame {
                    units += u64::from(*frame == Frame::BundleEnd);
                    assembler.frame(frame, units);
                }
                assembler.consume(step.consumed);
                if step.consumed == 0 && step.frame.is_none() {
                    break;
                }
                open = assembler.is_open();
            }
            reads += 1;
            if reads % turn == 0 || rest.is_empty() || !open {
                assembler.turn_ends(false);
            }
            while let Some(batch) = assembler.ready() {
                for record in batch.records() {
                    let letter = b'a' + (record.data.len() % 26) as u8;
                    assert!(record.data.iter().all(|&byte| byte == letter));
                    seen.push((record.data.len(), record.bundle));
                }
                delivered = batch.units;
                held.push_back(batch);
            }
            assert!(pool.used() <= budget);
            let room = if open { assembler.room() } else { None };
            let Some(room) = room else {
                held.pop_front().expect("somebody holds the budget");
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
            assembler.filled(count);
            rest = &rest[count..];
        }
        assert_eq!(delivered, 2);
        seen
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
