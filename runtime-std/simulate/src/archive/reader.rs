//! One client's way through the archive.

use std::sync::Arc;
use std::time::Duration;

use super::ring::Templates;
use super::{Archive, Due, EventSource};
use crate::generator::EventKind;
use crate::replay::LineView;

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// Which of the four, and with it the record type.
    pub kind: EventKind,
    /// When it was stored, UNIX seconds.
    pub archival: u32,
    /// The event as asked for, without line end.
    pub data: Vec<u8>,
}

/// A stored event, in the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRef<'a> {
    /// Which of the four.
    pub kind: EventKind,
    /// When it was stored, UNIX seconds.
    pub archival: u32,
    /// The event as asked for, without line end.
    pub data: &'a [u8],
}

/// What a reader has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextEvent<'a> {
    /// An event.
    Event(StoredRef<'a>),
    /// Many events were passed that the request does not ask for; ask again.
    Busy,
    /// Nothing before that time has passed.
    Later(Duration),
    /// Nothing until someone stores more.
    Unknown,
    /// Nothing more, ever.
    End,
}

/// Reads an archive in the order of storing, and follows it.
pub struct ArchiveReader {
    archive: Archive,
    view: View,
    /// The number of the next event to look at.
    next: u64,
    /// History older than this second is left out …
    from: u32,
    /// … and history ends here.
    past: u64,
    /// The event peeked at; its bytes are in `data`.
    current: Option<(EventKind, u32)>,
    data: Vec<u8>,
}

/// The archive's events as a request wants them.
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

    /// Leaves out those of the first `past` events that are older than `from`.
    pub(super) fn leave_out(&mut self, from: u32, past: u64) {
        self.from = from;
        self.past = past;
    }

    /// The number of the next event to look at.
    pub(super) fn position(&self) -> u64 {
        self.next
    }

    /// The next event, without taking it.
    pub fn peek(&mut self) -> NextEvent<'_> {
        // Where nothing is asked for, looking must end all the same.
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

    /// Goes past the event peeked at.
    pub fn take(&mut self) {
        if self.current.take().is_some() {
            self.step();
        }
    }

    fn step(&mut self) {
        self.next += 1;
        self.archive.passed(self.next);
    }

    /// Makes the event at `next` the current one, if it is wanted.
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
    /// A copy that outlives the reader.
    pub fn to_stored(&self) -> Stored {
        Stored {
            kind: self.kind,
            archival: self.archival,
            data: self.data.to_vec(),
        }
    }
}

/// Events looked at in one go.
const LOOK_AT_ONCE: u32 = 10_000;
