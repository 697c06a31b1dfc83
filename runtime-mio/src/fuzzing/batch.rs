//! A stream through few small arenas.

use std::collections::VecDeque;

use estreamer_core::decode::{Decoder, Frame, Head, Kind, Limits, Oversize};
use estreamer_core::fuzzing::Choices;

use super::receiver::LOOP;
use crate::buffer::{Batch, BatchBuilder, BundleStart, Pool, RecordKind};

/// Reads a stream into arenas and checks for the records that decoding it gives, in
/// order, within the budget.
///
/// Five bytes choose the size of an arena, the limit of a record, how much is
/// read at once, how many reads make a turn and how many batches are
/// held; the rest is the stream.
pub fn batch(data: &[u8]) {
    let mut choices = Choices::new(data);
    let size = 64 + choices.size();
    // What is left of a bundle that cannot be read on is handed out like a
    // record, and is held to the limit of other messages.
    let limit = 16 * (1 + choices.size() as u32);
    let mut limits = Limits::DEFAULT;
    limits.record = limit;
    limits.message = limit;
    let shape = ReadPlan {
        size,
        // The least that does not lock up.
        budget: limit as usize + 2 * size,
        limits,
        read: 1 + choices.size(),
        turn: 1 + usize::from(choices.below(8)),
        keep: usize::from(choices.below(4)),
    };
    let stream = choices.rest();
    let (expected, units) = decoded(stream, limits);
    let mut found = FoundRecords::default();
    shape.read(stream, &mut found);
    assert_eq!(found.records, expected, "{shape:?}");
    assert_eq!(found.units, units, "every unit is handed over");
}

/// The parts of a record that are checked.
#[derive(Debug, PartialEq)]
struct SeenRecord {
    kind: RecordKind,
    archival: Option<u32>,
    bundle: Option<BundleStart>,
    data: Vec<u8>,
}

#[derive(Default)]
struct FoundRecords {
    records: Vec<SeenRecord>,
    units: u64,
}

impl FoundRecords {
    /// Takes the batches that are ready.
    fn take(&mut self, builder: &mut BatchBuilder, held: &mut VecDeque<Batch>) {
        while let Some(batch) = builder.poll_batch() {
            self.batch(&batch);
            held.push_back(batch);
        }
    }

    fn batch(&mut self, batch: &Batch) {
        assert!(batch.units() >= self.units, "units only grow");
        self.units = batch.units();
        for record in batch.records() {
            let whole = match record.kind {
                RecordKind::Oversize => 0,
                _ => record.length as usize,
            };
            assert_eq!(record.data.len(), whole, "every byte of it");
            self.records.push(SeenRecord {
                kind: record.kind,
                archival: record.archival,
                bundle: record.bundle,
                data: record.data.to_vec(),
            });
        }
    }
}

#[derive(Debug)]
struct ReadPlan {
    size: usize,
    budget: usize,
    limits: Limits,
    read: usize,
    turn: usize,
    keep: usize,
}

impl ReadPlan {
    fn read(&self, stream: &[u8], found: &mut FoundRecords) {
        let pool = Pool::new(self.size, self.budget, LOOP.clone());
        let mut builder = BatchBuilder::new(pool.clone());
        let mut decoder = decoder(self.size, self.limits);
        let mut held: VecDeque<Batch> = VecDeque::new();
        let (mut rest, mut units) = (stream, 0);
        let mut steps = 64 + 16 * stream.len();
        for turn in 1.. {
            let mut lost = false;
            let mut open = builder.is_open();
            while open {
                steps = steps.checked_sub(1).expect("steps are bounded");
                let Ok(step) = decoder.step(builder.unread()) else {
                    lost = true;
                    break;
                };
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
            let over = lost || (rest.is_empty() && open);
            if turn % self.turn == 0 || over || !open {
                builder.end_turn(false);
            }
            found.take(&mut builder, &mut held);
            if over {
                // What is half there needs an arena before the rest can go.
                held.clear();
                builder.end_turn(false);
                found.take(&mut builder, &mut held);
            }
            assert!(pool.used() <= self.budget, "the budget is never exceeded");
            if over {
                break;
            }
            steps = steps.checked_sub(1).expect("steps are bounded");
            let room = if open { builder.room() } else { None };
            let Some(room) = room else {
                // What was handed over to make room.
                found.take(&mut builder, &mut held);
                held.pop_front().expect("a batch holds the budget");
                continue;
            };
            let count = self.read.min(room.len()).min(rest.len());
            let (now, later) = rest.split_at(count);
            room[..count].copy_from_slice(now);
            builder.filled(count);
            rest = later;
            while held.len() > self.keep {
                held.pop_front();
            }
        }
        drop((builder, held));
        assert_eq!(pool.used(), 0, "all of it comes back");
    }
}

fn decoder(window: usize, limits: Limits) -> Decoder {
    Decoder::new(window, limits, Oversize::Pieces).expect("at least 64")
}

/// The records of a stream, by the decoder alone, and the units it has.
fn decoded(stream: &[u8], limits: Limits) -> (Vec<SeenRecord>, u64) {
    let mut decoder = decoder(stream.len().max(64), limits);
    let (mut rest, mut units) = (stream, 0);
    let mut seen = Vec::new();
    let (mut bundle, mut last) = (None, None);
    while let Ok(step) = decoder.step(rest) {
        let mut add = |head: &Head, over: bool, data: &[u8]| {
            let (kind, archival) = match head.kind {
                Kind::Event { record, .. } => (RecordKind::Event, record.archival()),
                Kind::Malformed(malformed) => (RecordKind::Malformed(malformed), None),
                _ => return,
            };
            seen.push(SeenRecord {
                kind: if over { RecordKind::Oversize } else { kind },
                archival,
                bundle: match head.nested {
                    true => bundle.take(),
                    false => Some(BundleStart::Next),
                },
                data: data.to_vec(),
            });
        };
        match &step.frame {
            None if step.consumed == 0 => break,
            Some(Frame::BundleBegin {
                bundle: header,
                length,
            }) => {
                bundle = Some(match last {
                    Some((sequence, last)) if sequence == header.sequence => {
                        BundleStart::SameNumber {
                            same_length: last == *length,
                        }
                    }
                    _ => BundleStart::Next,
                });
                last = Some((header.sequence, *length));
            }
            Some(Frame::BundleEnd) => units += 1,
            Some(Frame::Message { head, body }) => add(head, false, body.of(rest)),
            Some(Frame::Skipped { head, .. }) => add(head, true, b""),
            // A message that is not there whole.
            Some(Frame::Begin { .. }) => break,
            _ => {}
        }
        rest = &rest[step.consumed..];
    }
    (seen, units)
}
