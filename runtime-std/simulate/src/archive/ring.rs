//! A large archive in little memory: events rendered once, shifted each round.
//!
//! Event `n` is event `n mod 4096` of the generator, with its connection and
//! event numbers, and its times, moved on by as much as the rounds before it
//! took. So no two rounds hold the same bytes, related events stay related,
//! and what is kept is the text of 4096 events with the places of those numbers.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::shape::ArchiveShape;
use crate::generator::{EventKind, GeneratedEvent, Generator, GeneratorOptions, push_integer};
use crate::selection::{RenderFormat, Selection};

/// Events of a round.
pub(super) const ROUND: u64 = 4096;

/// The end of 32-bit time.
const LAST: i64 = u32::MAX as i64;

/// The generator's events of the first round, made when they are first needed.
pub(super) struct Ring {
    shape: ArchiveShape,
    made: Mutex<Made>,
}

struct Made {
    generator: Generator,
    events: Vec<GeneratedEvent>,
}

/// The events of a ring as one request wants them.
pub(super) struct Templates {
    pub(super) request: Selection,
    slots: Box<[OnceLock<Option<Template>>]>,
}

/// One event's text, and the numbers in it that move on.
struct Template {
    kind: EventKind,
    text: Box<[u8]>,
    moving: Box<[Moving]>,
}

struct Moving {
    start: usize,
    end: usize,
    value: u64,
    by: Shift,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift {
    Time,
    Number,
}

impl Ring {
    pub(super) fn new(options: GeneratorOptions, shape: ArchiveShape) -> Self {
        Self {
            shape,
            made: Mutex::new(Made {
                generator: Generator::new(options),
                events: Vec::new(),
            }),
        }
    }

    pub(super) fn shape(&self) -> &ArchiveShape {
        &self.shape
    }

    /// Appends event `origin`, which is no twin, as the request wants it. `None`,
    /// and nothing appended, if it does not want such events.
    pub(super) fn render(
        &self,
        templates: &Templates,
        origin: u64,
        out: &mut Vec<u8>,
    ) -> Option<EventKind> {
        let (round, slot) = (origin / ROUND, (origin % ROUND) as usize);
        let template = templates.slots[slot]
            .get_or_init(|| self.compile(&templates.request, slot))
            .as_ref()?;
        if round == 0 {
            out.extend_from_slice(&template.text);
            return Some(template.kind);
        }
        let [turn, first] = [round * ROUND, 0].map(|index| i64::from(self.shape.turn(index)));
        let mut at = 0;
        for moving in &template.moving {
            out.extend_from_slice(&template.text[at..moving.start]);
            // All of them are 32 bits wide, as in binary records.
            let value = match moving.by {
                Shift::Time => (moving.value as i64 + turn - first).clamp(0, LAST) as u32,
                Shift::Number => (moving.value as u32).wrapping_add((round * ROUND) as u32),
            };
            match templates.request.format() {
                RenderFormat::Packets => out.extend_from_slice(&value.to_be_bytes()),
                RenderFormat::Json | RenderFormat::Csv | RenderFormat::Opaque => {
                    push_integer(value.into(), out)
                }
            }
            at = moving.end;
        }
        out.extend_from_slice(&template.text[at..]);
        Some(template.kind)
    }

    fn compile(&self, request: &Selection, slot: usize) -> Option<Template> {
        // A panic while it was held is no reason to have another.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.events.len() <= slot {
            let now = self.shape.turn(made.events.len() as u64);
            let event = made.generator.next_event_at(now);
            made.events.push(event);
        }
        let event = &made.events[slot];
        let (mut text, mut moving) = (Vec::new(), Vec::new());
        let binary = request.format() == RenderFormat::Packets;
        let rendered = request.render_noting(event, &mut text, |name, value, start| {
            let by = match name {
                "ConnectionID" | "EventID" => Shift::Number,
                "EventSecond" | "FirstPacketSecond" | "LastPacketSecond" | "PacketSecond" => {
                    Shift::Time
                }
                _ => return,
            };
            let length = match binary {
                true => 4,
                false => value.checked_ilog10().map_or(1, |last| last as usize + 1),
            };
            moving.push(Moving {
                start,
                end: start + length,
                value,
                by,
            });
        });
        rendered.then(|| Template {
            kind: event.kind,
            text: text.into(),
            moving: moving.into(),
        })
    }
}

impl Templates {
    pub(super) fn new(request: Selection) -> Self {
        Self {
            request,
            slots: (0..ROUND).map(|_| OnceLock::new()).collect(),
        }
    }
}
