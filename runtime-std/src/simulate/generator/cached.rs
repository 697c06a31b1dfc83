//! A ring of events rendered once, for when the server must not be the
//! bottleneck.

use super::{EventKind, Generator, Options, archival};
use crate::simulate::selection::Request;
use std::ops::Range;
use std::sync::Arc;

/// An event ready to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendered<'a> {
    /// Which of the four, and with it the record type.
    pub kind: EventKind,
    /// Archival timestamp for the record header, UNIX seconds.
    pub archival: u32,
    /// JSON or CSV, without line end.
    pub data: &'a [u8],
}

/// The first events of a [`Generator`], rendered for one request, again and
/// again. Deterministic like the generator itself.
///
/// The bytes repeat but the archival second goes on, so two rounds of the ring
/// differ in their record headers only. A ring shorter than
/// [`Options::per_second`] repeats events within one second.
///
/// Clones share the ring, each at its own place: one per connection.
#[derive(Debug, Clone)]
pub struct Cached {
    ring: Arc<Ring>,
    at: usize,
    served: u64,
}

#[derive(Debug)]
struct Ring {
    options: Options,
    bytes: Vec<u8>,
    events: Vec<(EventKind, Range<usize>)>,
}

impl Cached {
    /// Renders the next `n` events of `generator`. Those of types the request
    /// does not ask for are left out, so that the ring may be shorter, even
    /// empty.
    pub fn new(mut generator: Generator, n: usize, request: &Request) -> Self {
        let mut bytes = Vec::new();
        let mut events = Vec::with_capacity(n);
        for _ in 0..n {
            let event = generator.next_event();
            let start = bytes.len();
            if request.render(&event, &mut bytes) {
                events.push((event.kind, start..bytes.len()));
            }
        }
        let options = generator.options().clone();
        Self {
            ring: Arc::new(Ring {
                options,
                bytes,
                events,
            }),
            at: 0,
            served: 0,
        }
    }

    /// Events in the ring.
    pub fn len(&self) -> usize {
        self.ring.events.len()
    }

    /// Whether there is nothing to serve.
    pub fn is_empty(&self) -> bool {
        self.ring.events.is_empty()
    }

    /// The next event; `None` only if the ring is empty. Counting starts at
    /// [`Options::start`].
    pub fn next_event(&mut self) -> Option<Rendered<'_>> {
        let ring = &*self.ring;
        let (kind, range) = ring.events.get(self.at)?;
        self.at += 1;
        if self.at == ring.events.len() {
            self.at = 0;
        }
        let archival = archival(&ring.options, self.served);
        self.served += 1;
        Some(Rendered {
            kind: *kind,
            archival,
            data: &ring.bytes[range.clone()],
        })
    }
}
