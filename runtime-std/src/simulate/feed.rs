//! What one client of the simulator is served.

use std::net::SocketAddr;
use std::sync::Arc;

use estreamer_core::fqe::EventKind;
use estreamer_core::session::{Instant, Statistics};
use estreamer_core::wire::{EventStreamRequest, RequestFlags};
use estreamer_mio::server::{Feed, Record, ServerEnd, Supply};

use super::generator::{Generator, Options};
use super::replay::Replay;
use super::selection::Request;
use crate::catalog::Catalog;

/// The events each client gets.
pub enum Content {
    /// Generated ones, the same for everyone who asks for the same.
    Generated {
        /// Seed and shapes.
        options: Options,
        /// How many in all; `None`: without end.
        count: Option<u64>,
    },
    /// The lines of a file, byte for byte.
    Replay(Replay),
}

/// The feed of one connection.
pub(super) struct ConnectionFeed {
    content: Arc<Content>,
    rate: Option<u32>,
    peer: SocketAddr,
    log: Option<fn(&str)>,
    stream: Option<Stream>,
    /// When the first record was asked for.
    start: Option<Instant>,
    served: u64,
}

/// What a granted request became.
struct Stream {
    /// Whether records carry their archival timestamp.
    extended: bool,
    source: Source,
    /// The next record, once it is known; its bytes are in `data`.
    next: Option<(EventKind, u32)>,
    data: Vec<u8>,
}

enum Source {
    Generator {
        generator: Box<Generator>,
        request: Request,
        left: Option<u64>,
    },
    Lines {
        asked: [bool; 4],
        next: usize,
    },
}

impl ConnectionFeed {
    pub(super) fn new(
        content: Arc<Content>,
        rate: Option<u32>,
        peer: SocketAddr,
        log: Option<fn(&str)>,
    ) -> Self {
        Self {
            content,
            rate,
            peer,
            log,
            stream: None,
            start: None,
            served: 0,
        }
    }

    /// When the next record may go out.
    fn due(&mut self, now: Instant) -> Instant {
        let start = *self.start.get_or_insert(now);
        match self.rate {
            None => start,
            Some(rate) => Instant(start.0 + self.served * 1000 / u64::from(rate.max(1))),
        }
    }
}

impl Stream {
    /// Makes the next record known; false if there is none.
    fn advance(&mut self, content: &Content) -> bool {
        if self.next.is_some() {
            return true;
        }
        self.data.clear();
        self.next = match (&mut self.source, content) {
            (
                Source::Generator {
                    generator,
                    request,
                    left,
                },
                _,
            ) => loop {
                match left {
                    Some(0) => break None,
                    Some(left) => *left -= 1,
                    None => {}
                }
                let event = generator.next_event();
                if request.render(&event, &mut self.data) {
                    break Some((event.kind, event.archival));
                }
            },
            (Source::Lines { asked, next }, Content::Replay(replay)) => loop {
                let Some(line) = replay.line(*next) else {
                    break None;
                };
                *next += 1;
                if asked[line.kind as usize] {
                    self.data.extend_from_slice(line.data);
                    break Some((line.kind, line.archival));
                }
            },
            (Source::Lines { .. }, Content::Generated { .. }) => None,
        };
        self.next.is_some()
    }
}

impl Feed for ConnectionFeed {
    fn request(&mut self, request: &EventStreamRequest<'_>) -> Result<(), (i32, String)> {
        let asked = request
            .check()
            .map_err(|error| (error.code(), error.to_string()))?;
        let source = match &*self.content {
            Content::Generated { options, count } => Source::Generator {
                generator: Box::new(Generator::new(options.clone())),
                request: Request::parse(request.json(), &Catalog::built_in())
                    .map_err(|error| (3, error.to_string()))?,
                left: *count,
            },
            Content::Replay(_) => Source::Lines {
                asked: EventKind::ALL.map(|kind| asked.has(kind)),
                next: 0,
            },
        };
        self.stream = Some(Stream {
            extended: request.flags.contains(RequestFlags::EXTENDED_HEADER),
            source,
            next: None,
            data: Vec::new(),
        });
        Ok(())
    }

    fn peek(&mut self, now: Instant) -> Supply<'_> {
        let due = self.due(now);
        let Some(stream) = &mut self.stream else {
            return Supply::Finished;
        };
        if !stream.advance(&self.content) {
            return Supply::Finished;
        }
        if now < due {
            return Supply::Later(due);
        }
        match stream.next {
            Some((kind, archival)) => Supply::Record(Record {
                record_type: kind.record_type(),
                archival: stream.extended.then_some(archival),
                data: &stream.data,
            }),
            None => Supply::Finished,
        }
    }

    fn take(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.next = None;
            self.served += 1;
        }
    }

    fn ended(&mut self, end: ServerEnd, statistics: Option<&Statistics>) {
        if let Some(log) = self.log {
            let nulls = statistics.map_or(0, |statistics| statistics.nulls);
            log(&format!(
                "{}: {} events served, {nulls} nulls received; {end}",
                self.peer, self.served
            ));
        }
    }
}
