//! What one client of the simulator is served.

use std::net::SocketAddr;

use estreamer_core::session::{Instant, Statistics};
use estreamer_core::wire::{EventStreamRequest, RequestFlags};
use estreamer_mio::server::{Feed, Record, ServerEnd, Supply};

use super::archive::{Archive, Found, Reader};

/// The feed of one connection.
pub(super) struct ConnectionFeed {
    archive: Archive,
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
    reader: Reader,
}

impl ConnectionFeed {
    pub(super) fn new(
        archive: Archive,
        rate: Option<u32>,
        peer: SocketAddr,
        log: Option<fn(&str)>,
    ) -> Self {
        Self {
            archive,
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

impl Feed for ConnectionFeed {
    fn request(&mut self, request: &EventStreamRequest<'_>) -> Result<(), (i32, String)> {
        let checked = request.check();
        let code = checked.map_or_else(|error| error.code(), |_| FIELDS);
        // What the archive says is closer to what was asked, the flags apart.
        let asked = match checked {
            Err(error) if code == FLAGS => return Err((code, error.to_string())),
            _ => self
                .archive
                .parse(request.json())
                .map_err(|error| (code, error.to_string()))?,
        };
        checked.map_err(|error| (code, error.to_string()))?;
        self.stream = Some(Stream {
            extended: request.flags.contains(RequestFlags::EXTENDED_HEADER),
            reader: self.archive.read(asked, request.from),
        });
        Ok(())
    }

    fn peek(&mut self, now: Instant) -> Supply<'_> {
        let due = self.due(now);
        let Some(stream) = &mut self.stream else {
            return Supply::Finished;
        };
        match stream.reader.peek() {
            Found::Event(_) if now < due => Supply::Later(due),
            Found::Event(event) => Supply::Record(Record {
                record_type: event.kind.record_type(),
                archival: stream.extended.then_some(event.archival),
                data: event.data,
            }),
            Found::Busy => Supply::Later(now),
            // Rounded up, so that it is not asked again too early.
            Found::Later(wait) => {
                let milliseconds = u32::try_from(wait.as_millis() + 1).unwrap_or(u32::MAX);
                Supply::Later(now.after(milliseconds))
            }
            Found::Unknown => Supply::Later(now.after(LOOK_AGAIN)),
            Found::End => Supply::Finished,
        }
    }

    fn take(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.reader.take();
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

/// Milliseconds until an archive filled by hand is looked at again.
const LOOK_AGAIN: u32 = 5;
/// Answered where the shape is right but a field is not known.
const FIELDS: i32 = 3;
/// Answered where flags do not go with a JSON block.
const FLAGS: i32 = 5;
