//! What the simulator sends to one client.

use std::sync::Arc;

use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{Instant, Statistics};
use estreamer_core::wire::{
    ESTREAMER_SERVICE, EventStreamRequest, InitialTimestamp, RequestFlags, Services,
};
use estreamer_mio::server::{
    Answer, Feed, Outgoing, RequestRefusal, ServerEnd, SuppliedRecord, Supply, Tampered,
};

use super::archive::{Archive, ArchiveReader, NextEvent};
use super::count::counted;
use super::generator::EventKind;
use super::not_json::not_json;
use super::opaque::OPAQUE;
use super::request_length::RequestLength;
use super::selection::{RenderFormat, Selection, SelectionError};
use super::served::ConnectionEntry;
use super::tamper::Tamper;

/// The settings that all connections of a service share.
pub(super) struct Common {
    pub(super) archive: Archive,
    /// The maximum number of events a second for each client.
    pub(super) rate: Option<u32>,
    /// A transform that is served as bytes.
    pub(super) opaque: Option<String>,
    /// The enabled event types; the others are never sent.
    pub(super) enabled: Vec<EventKind>,
    pub(super) request_length: RequestLength,
    pub(super) quirks: Quirks,
    pub(super) log: Option<fn(&str)>,
}

/// The feed of one connection.
pub(super) struct ConnectionFeed {
    common: Arc<Common>,
    entry: ConnectionEntry,
    tamper: Option<Tamper>,
    stream: Option<FeedStream>,
    /// The time of the first request for a record.
    start: Option<Instant>,
    served: u64,
    bundles: u64,
    /// Whether there was nothing more to send at the last check.
    sent_all: bool,
    /// Set after an extended request, until the streaming request arrives.
    extended: bool,
    /// Whether it closes instead of sending its error message.
    closes: bool,
}

/// The state of an accepted request.
struct FeedStream {
    /// Whether records have an archival timestamp.
    extended: bool,
    reader: ArchiveReader,
    format: RenderFormat,
    /// The data of the next record, if it differs from that of the archive.
    changed: Vec<u8>,
}

impl ConnectionFeed {
    pub(super) fn new(common: Arc<Common>, entry: ConnectionEntry, tamper: Option<Tamper>) -> Self {
        Self {
            common,
            entry,
            tamper,
            stream: None,
            start: None,
            served: 0,
            bundles: 0,
            sent_all: false,
            extended: false,
            closes: false,
        }
    }

    /// Returns the time of the next record.
    fn due(&mut self, now: Instant) -> Instant {
        let start = *self.start.get_or_insert(now);
        match self.common.rate {
            None => start,
            Some(rate) => {
                let span = self.served * 1000 / u64::from(rate.max(1));
                // A pause is not made up for.
                let start = start.0.max(now.0.saturating_sub(span + BURST));
                self.start = Some(Instant(start));
                Instant(start + span)
            }
        }
    }

    /// Returns the reaction to a request that the own interpretation of its length truncated.
    fn cut(&mut self, request: &EventStreamRequest<'_>) -> Option<Answer> {
        if request.parse_json() != Err(estreamer_core::fqe::RequestError::NotJson) {
            return None;
        }
        match self.common.request_length {
            RequestLength::InclusiveSilent => Some(Answer::Silence),
            RequestLength::InclusiveClose => {
                self.closes = true;
                None
            }
            _ => None,
        }
    }

    fn answer(&mut self, request: &EventStreamRequest<'_>) -> Result<Answer, RequestRefusal> {
        let extended = request.flags.contains(RequestFlags::EXTENDED_HEADER);
        if request.json().is_empty() {
            if request.flags.contains(RequestFlags::EXTENDED_REQUEST) {
                self.extended = extended;
                return Ok(Answer::Offer);
            }
            return Err(RequestRefusal {
                code: FLAGS,
                text: "append a JSON block for fully-qualified events, or set bit 30 (extended \
                       request) for binary packet records"
                    .into(),
            });
        }
        let mut asked = self.fully_qualified(request)?;
        asked.keep(&self.common.enabled);
        // As a Management Center whose event types are not enabled: it accepts the request.
        if asked.is_empty() {
            return Ok(Answer::Stream);
        }
        self.stream = Some(FeedStream {
            extended,
            format: asked.format(),
            changed: Vec::new(),
            reader: self.common.archive.read(asked, request.from),
        });
        Ok(Answer::Stream)
    }

    /// Handles a request with a JSON block.
    fn fully_qualified(
        &self,
        request: &EventStreamRequest<'_>,
    ) -> Result<Selection, RequestRefusal> {
        let checked = request.parse_json();
        let refusal = |code, text| RequestRefusal { code, text };
        match checked {
            Err(error) if error.code() == FLAGS => {
                return Err(refusal(FLAGS, error.to_string()));
            }
            _ => {}
        }
        let opaque = self.common.opaque.as_deref();
        // The error of the archive is more specific.
        match (self.common.archive.parse(request.json(), opaque), checked) {
            (Ok(parsed), Ok(_)) => Ok(parsed),
            (Ok(_), Err(error)) => Err(refusal(error.code(), error.to_string())),
            (Err(error), Err(checked)) => Err(refusal(checked.code(), error.to_string())),
            (Err(error @ SelectionError::RenderFormat { .. }), Ok(_)) => {
                Err(refusal(FORMAT, error.to_string()))
            }
            (Err(error), Ok(_)) => Err(refusal(FIELDS, error.to_string())),
        }
    }
}

impl Feed for ConnectionFeed {
    fn request(&mut self, request: &EventStreamRequest<'_>) -> Result<Answer, RequestRefusal> {
        let answer = match self.cut(request) {
            Some(answer) => Ok(answer),
            None => self.answer(request),
        };
        // Reported after it has taken effect, because tests wait for it.
        self.entry.asked(request);
        answer
    }

    fn choice(&mut self, chosen: &Services<'_>) -> Result<(), RequestRefusal> {
        let mut entries = chosen.entries();
        let Some(entry) = entries.find(|entry| entry.service == ESTREAMER_SERVICE) else {
            return Err(RequestRefusal {
                code: SERVICE,
                text: "only the service 6667 is offered; request it".into(),
            });
        };
        let flags = RequestFlags(entry.flags);
        let from = InitialTimestamp(entry.timestamp);
        let mut records = Selection::packet_records();
        records.keep(&self.common.enabled);
        if records.is_empty() {
            return Ok(());
        }
        let reader = self.common.archive.read(records, from);
        self.stream = Some(FeedStream {
            extended: self.extended || flags.contains(RequestFlags::EXTENDED_HEADER),
            format: RenderFormat::Packets,
            changed: Vec::new(),
            reader,
        });
        Ok(())
    }

    fn peek(&mut self, now: Instant) -> Supply<'_> {
        let due = self.due(now);
        let Some(stream) = &mut self.stream else {
            return Supply::Finished;
        };
        // The same on each connection.
        let number = match self.common.quirks.has(Quirk::DataNotJson) {
            true => stream.reader.number(),
            false => 0,
        };
        let found = stream.reader.peek();
        self.sent_all = !matches!(found, NextEvent::Event(_) | NextEvent::Busy);
        match found {
            NextEvent::Event(_) if now < due => Supply::Later(due),
            NextEvent::Event(event) => Supply::Record(SuppliedRecord {
                record_type: event.kind.record_type(),
                archival: stream.extended.then_some(event.archival),
                data: match stream.format {
                    RenderFormat::Opaque => {
                        stream.changed.clear();
                        let bytes = event.data.iter().map(|byte| byte ^ OPAQUE);
                        stream.changed.extend(bytes);
                        &stream.changed
                    }
                    RenderFormat::Json if self.common.quirks.has(Quirk::DataNotJson) => {
                        stream.changed = not_json(event.data, number);
                        &stream.changed
                    }
                    _ => event.data,
                },
            }),
            NextEvent::Busy => Supply::Later(now),
            // Rounded up, so that the next call is not too early.
            NextEvent::Later(wait) => {
                let milliseconds = u32::try_from(wait.as_millis() + 1).unwrap_or(u32::MAX);
                Supply::Later(now.after(milliseconds))
            }
            NextEvent::Unknown => Supply::Later(now.after(LOOK_AGAIN)),
            NextEvent::End => Supply::Finished,
        }
    }

    fn take(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.reader.take();
            self.served += 1;
        }
    }

    fn tamper(&mut self, outgoing: Outgoing, message: &[u8]) -> Option<Tampered> {
        if outgoing == Outgoing::Error && self.closes {
            let close = true;
            return Some(Tampered {
                close,
                ..Tampered::default()
            });
        }
        if let Outgoing::Bundle(_) = outgoing {
            self.bundles += 1;
        }
        let tampered = self.tamper.as_mut()?.message(outgoing, message)?;
        if tampered.close {
            self.entry.update(|served| served.is_cut = true);
        }
        Some(tampered)
    }

    fn progress(&mut self, statistics: &Statistics) {
        self.entry.update(|served| {
            served.events = self.served;
            served.bundles = self.bundles;
            served.nulls = statistics.nulls;
            served.sent_all = self.sent_all;
            served.statistics = *statistics;
        });
    }

    fn ended(&mut self, end: &ServerEnd, statistics: Option<&Statistics>) {
        if let Some(statistics) = statistics {
            self.progress(statistics);
        }
        self.entry
            .update(|served| served.end = Some(end.to_string()));
        if let Some(log) = self.common.log {
            let Some(served) = self.entry.get() else {
                return;
            };
            log(&format!(
                "{}: {} served, {} received; {end}",
                served.peer,
                counted(served.events, "event"),
                counted(served.nulls, "null")
            ));
        }
    }
}

/// What a pause may be made up for, in milliseconds, where events have a rate.
const BURST: u64 = 1000;
/// The interval of checks of an archive that is filled by hand, in milliseconds.
const LOOK_AGAIN: u32 = 5;
/// The error code for an unknown field in a valid request.
const FIELDS: i32 = 3;
/// The error code for an unknown format.
const FORMAT: i32 = 4;
/// The error code for flags that do not match the JSON block.
const FLAGS: i32 = 5;
/// The error code for a service that was not offered.
const SERVICE: i32 = 8;
