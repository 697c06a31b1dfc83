//! Reads the archive for one client.

use std::sync::Arc;
use std::time::Duration;

use super::ring::Templates;
use super::{Archive, Due, EventSource};
use crate::generator::EventKind;
use crate::replay::LineView;

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// The event type, which decides the record type.
    pub kind: EventKind,
    /// The archival second (UNIX seconds).
    pub archival: u32,
    /// The rendered event without line end.
    pub data: Vec<u8>,
}

/// A stored event in the buffer of the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRef<'a> {
    /// The event type.
    pub kind: EventKind,
    /// The archival second (UNIX seconds).
    pub archival: u32,
    /// The rendered event without line end.
    pub data: &'a [u8],
}

/// The result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextEvent<'a> {
    /// An event.
    Event(StoredRef<'a>),
    /// Many events were skipped because the request does not select them; read again.
    Busy,
    /// No event before this time.
    Later(Duration),
    /// No event until more are stored.
    Unknown,
    /// No more events.
    End,
}

/// Reads an archive in the order of storage and follows live events.
pub struct ArchiveReader {
    archive: Archive,
    view: View,
    /// The number of the next event.
    next: u64,
    /// Skips history older than this second …
    from: u32,
    /// … up to this event.
    past: u64,
    /// The current event; its bytes are in `data`.
    current: Option<(EventKind, u32)>,
    data: Vec<u8>,
}

/// The events of the archive, rendered for a request.
pub(super) enum View {
    Templates(Arc<Templates>),
    Lines(LineView),
}

impl ArchiveReader {
    pub(super) fn new(archive: Archive, view: View, start: u64) -> Self {
        Self {
            archive,
            view,
            next: start,
            from: 0,
            past: 0,
            current: None,
            data: Vec::new(),
        }
    }

    /// Skips those of the first `past` events that are older than `from`.
    pub(super) fn leave_out(&mut self, from: u32, past: u64) {
        self.from = from;
        self.past = past;
    }

    /// Returns the number of the next event.
    pub(super) fn position(&self) -> u64 {
        self.next
    }

    /// Returns the number of the event that [`peek`](Self::peek) finds now.
    pub(crate) fn number(&mut self) -> u64 {
        self.peek();
        self.next
    }

    /// Returns the next event without consuming it.
    pub fn peek(&mut self) -> NextEvent<'_> {
        // Bounds the search if the request selects no event.
        for _ in 0..LOOK_AT_ONCE {
            if self.current.is_some() {
                break;
            }
            match self.archive.due(self.next) {
                Due::Now => {}
                Due::In(time) => return NextEvent::Later(time),
                Due::Unknown => return NextEvent::Unknown,
                Due::Never => return NextEvent::End,
            }
            self.look();
            if self.current.is_none() {
                self.step();
            }
        }
        match self.current {
            Some((kind, archival)) => NextEvent::Event(StoredRef {
                kind,
                archival,
                data: &self.data,
            }),
            None => NextEvent::Busy,
        }
    }

    /// Consumes the current event.
    pub fn take(&mut self) {
        if self.current.take().is_some() {
            self.step();
        }
    }

    fn step(&mut self) {
        self.next += 1;
        self.archive.passed(self.next);
    }

    /// Makes event `next` the current one if the request selects it.
    fn look(&mut self) {
        self.data.clear();
        let old = |archival| self.next < self.past && archival < self.from;
        self.current = match (&self.archive.0.source, &self.view) {
            (EventSource::Generated(ring), View::Templates(templates)) => {
                let shape = ring.shape();
                let origin = shape.origin(self.next);
                let archival = shape.archival(origin);
                if old(archival) {
                    return;
                }
                ring.render(templates, origin, &mut self.data)
                    .map(|kind| (kind, archival.saturating_add(shape.clock_ahead)))
            }
            (EventSource::Lines(lines), View::Lines(view)) => lines
                .line(self.next as usize)
                .filter(|line| !old(line.archival) && view.render(line, &mut self.data))
                .map(|line| (line.kind, line.archival)),
            _ => None,
        };
    }
}

impl StoredRef<'_> {
    /// Returns a copy of the event.
    pub fn to_stored(&self) -> Stored {
        Stored {
            kind: self.kind,
            archival: self.archival,
            data: self.data.to_vec(),
        }
    }
}

/// The maximum number of events to check in one call.
const LOOK_AT_ONCE: u32 = 10_000;
