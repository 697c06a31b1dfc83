//! A client's session with its memory: bytes in, records out, bytes to send out.

use core::ptr;

use estreamer_core::decode::{Frame, Head, Kind, Limits, Oversize};
use estreamer_core::quirk::Quirk;
use estreamer_core::session::{ClientConfig, ClientSession, End, Instant};
use estreamer_core::wire::{Lossy, trim_nul};

use super::est_status::{self, *};
use super::memory::{Memory, Region};
use super::request::{Mistake, Request, record_length};
use super::types::*;
use super::{Detail, of_end};

/// What is behind an est_session.
pub(super) struct Session {
    pub(super) protocol: ClientSession,
    window: Region,
    /// Unread bytes of the window.
    start: usize,
    end: usize,
    output: Region,
    /// Bytes of the output that are gone, and that are there.
    sent: usize,
    queued: usize,
    pub(super) asked: bool,
    /// Nothing was handed out since the last acknowledgement.
    acknowledged: bool,
    /// The record that comes in pieces: the next piece of it.
    piece: Option<est_event>,
    malformed: u64,
    skipped: u64,
    pub(super) detail: Detail,
    pub(super) memory: Memory,
}

impl Session {
    /// The settings, checked; `None` if one is out of its range.
    pub(super) fn protocol(config: &est_config, now: Instant) -> Option<ClientSession> {
        let fits = config.output >= 128 && config.pieces <= 1 && config.reserved == [0; 4];
        let record_length = record_length(config.record_length)?;
        let config = ClientConfig {
            window: config.window,
            limits: Limits {
                record: config.record_limit,
                ..Limits::DEFAULT
            },
            oversize: match config.pieces {
                0 => Oversize::Skip,
                _ => Oversize::Pieces,
            },
            ahead: config.ahead,
            probe_after: config.probe_after,
            dead_after: config.dead_after,
            record_length,
            ..ClientConfig::default()
        };
        let session = ClientSession::new(config, now).ok();
        session.filter(|_| fits)
    }

    pub(super) const fn new(
        protocol: ClientSession,
        window: Region,
        output: Region,
        memory: Memory,
    ) -> Self {
        Self {
            protocol,
            window,
            start: 0,
            end: 0,
            output,
            sent: 0,
            queued: 0,
            asked: false,
            acknowledged: true,
            piece: None,
            malformed: 0,
            skipped: 0,
            detail: Detail::new(),
            memory,
        }
    }

    /// Keeps what was wrong, for a person.
    pub(super) fn fail(
        &mut self,
        status: est_status,
        detail: impl core::fmt::Display,
    ) -> est_status {
        self.detail.set(detail);
        status
    }

    /// What to say of a session that has ended. The text of the server's error
    /// message is there since it came.
    pub(super) fn ended(&mut self, end: End) -> est_status {
        match end {
            End::PeerError { .. } => EST_PEER_ERROR,
            end => self.fail(of_end(end), end),
        }
    }

    pub(super) fn request(&mut self, request: &Request<'_>) -> est_status {
        let room = self.output.filled(self.queued..self.output.length());
        match request.emit(room) {
            Ok(length) => {
                self.queued += length;
                self.asked = true;
                if let Some(expected) = request.expected() {
                    self.protocol.expect(expected);
                }
                EST_OK
            }
            Err(mistake @ Mistake::Arguments) => self.fail(EST_INVALID, mistake),
            Err(mistake @ Mistake::TooLarge(_)) => self.fail(EST_NO_MEMORY, mistake),
            Err(mistake @ Mistake::Request(_)) => self.fail(EST_REQUEST, mistake),
        }
    }

    /// The free end of the window, with what is unread moved to its front.
    pub(super) fn room(&mut self) -> Result<(*mut u8, usize), est_status> {
        if let Some(end) = self.protocol.end() {
            return Err(self.ended(end));
        }
        if self.start > 0 {
            self.window.move_to_front(self.start..self.end);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.window.length() - self.end {
            0 => Err(self.fail(EST_FULL, "take events out with est_next() first")),
            room => Ok((self.window.at(self.end), room)),
        }
    }

    /// The first bytes of the room were filled.
    pub(super) fn commit(&mut self, length: usize) -> est_status {
        if let Some(end) = self.protocol.end() {
            return self.ended(end);
        }
        if length > self.window.length() - self.end {
            return self.fail(EST_INVALID, "more bytes than est_buffer() gave room for");
        }
        self.end += length;
        EST_OK
    }

    /// Bytes of the output were sent.
    pub(super) fn sent(&mut self, length: usize) -> est_status {
        if length > self.queued - self.sent {
            return self.fail(EST_INVALID, "more bytes than est_output() gave");
        }
        self.sent += length;
        EST_OK
    }

    /// # Safety
    /// The event can be written.
    #[inline]
    pub(super) unsafe fn next(&mut self, now: Instant, event: *mut est_event) -> est_status {
        // Time spent by the application is no silence of the server's.
        self.protocol.set_reading(true, now);
        loop {
            let unread = self.window.filled(self.start..self.end);
            // Looked at where it is: a copy costs as much as all the rest here.
            let result = self.protocol.step(unread, now);
            let step = match &result {
                Ok(step) => step,
                Err(end) => return self.ended(*end),
            };
            let from = self.start;
            self.start += step.consumed;
            let found = match &step.frame {
                // Nearly always, so it comes first.
                Some(Frame::Message { head, body }) if matches!(head.kind, Kind::Event { .. }) => {
                    view(head, self.window.at(from), body.start, body.len)
                }
                Some(frame) => match self.look(frame, from) {
                    Some(found) => found,
                    None => continue,
                },
                None if step.consumed == 0 => return EST_AGAIN,
                None => continue,
            };
            self.protocol.set_reading(false, now);
            self.acknowledged = false;
            // SAFETY: the caller's contract.
            unsafe { event.write(found) };
            return EST_OK;
        }
    }

    /// The record in a frame whose input began at `from`, if there is one. Events
    /// that are whole were taken before.
    #[cold]
    fn look(&mut self, frame: &Frame, from: usize) -> Option<est_event> {
        match frame {
            Frame::Message { head, body } if is_record(head) => {
                self.malformed += 1;
                return Some(view(head, self.window.at(from), body.start, body.len));
            }
            Frame::Message { head, body } => {
                let text = body.of(self.window.filled(from..self.end));
                self.keep_error(head, text);
            }
            Frame::Skipped { head, length } if is_record(head) => {
                self.skipped += 1;
                let mut event = nothing_yet(head, *length);
                event.kind = est_kind::EST_SKIPPED;
                return Some(event);
            }
            Frame::Begin { head, length } if is_record(head) => {
                self.piece = Some(nothing_yet(head, *length));
            }
            // Its text is longer than the window.
            Frame::Skipped { head, .. } | Frame::Begin { head, .. } => self.keep_error(head, b""),
            Frame::Chunk { body } => {
                let piece = self.piece.as_mut()?;
                piece.offset += piece.data_length as u32;
                piece.data = self.window.at(from + body.start);
                piece.data_length = body.len;
                return Some(*piece);
            }
            Frame::End | Frame::BundleEnd => {
                let whole = self.piece.take();
                self.malformed +=
                    u64::from(whole.is_some_and(|event| event.kind == est_kind::EST_MALFORMED));
                // All of it was acknowledged before its end had come.
                if self.acknowledged {
                    self.acknowledge();
                }
            }
            Frame::BundleBegin { .. } => {}
        }
        None
    }

    /// Keeps what the server says before it closes.
    fn keep_error(&mut self, head: &Head, text: &[u8]) {
        if let Kind::Error { code, .. } = head.kind {
            let text = Lossy(trim_nul(text));
            self.detail
                .set(format_args!("the server sent error {code}: {text}"));
        }
    }

    pub(super) fn acknowledge(&mut self) {
        self.acknowledged = true;
        self.protocol.delivered(self.protocol.received());
    }

    /// What there is to send.
    pub(super) fn output(&mut self, now: Instant) -> &[u8] {
        if self.sent == self.queued {
            let room = self.output.filled(0..self.output.length());
            (self.sent, self.queued) = (0, self.protocol.poll_transmit(room, now));
        }
        self.output.filled(self.sent..self.queued)
    }

    pub(super) fn close(&mut self, reason: &str) {
        // What is gone makes room; a message that is half gone stays whole.
        self.output.move_to_front(self.sent..self.queued);
        (self.sent, self.queued) = (0, self.queued - self.sent);
        let room = self.output.filled(self.queued..self.output.length());
        // Header, code, text length.
        let mut length = room.len().saturating_sub(14).min(reason.len());
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        let reason = reason.get(..length).unwrap_or_default();
        // Where not even that fits, the session ends without a word.
        self.queued += self.protocol.close(reason, room).unwrap_or(0);
    }

    pub(super) fn statistics(&self) -> est_statistics {
        let counted = self.protocol.statistics();
        let showed = |quirk| counted.deviations.of(quirk).into();
        est_statistics {
            bytes: counted.bytes,
            records: counted.events,
            malformed: self.malformed,
            skipped: self.skipped,
            bundles: self.protocol.received(),
            acknowledged: self.protocol.acknowledged(),
            record_covers_extension: showed(Quirk::RecordCoversExtension),
            record_covers_header: showed(Quirk::RecordCoversHeader),
            no_extension: showed(Quirk::NoExtension),
            data_not_json: showed(Quirk::DataNotJson),
            ..est_statistics::default()
        }
    }
}

const fn is_record(head: &Head) -> bool {
    matches!(head.kind, Kind::Event { .. } | Kind::Malformed(_))
}

/// What C sees of a record that is whole: its data lies `start` bytes behind
/// `input`.
#[inline]
fn view(head: &Head, input: *const u8, start: usize, length: usize) -> est_event {
    let event = est_event {
        data: input.wrapping_add(start),
        data_length: length,
        length: length as u32,
        offset: 0,
        archival: 0,
        record_type: 0,
        netmap: 0,
        kind: est_kind::EST_EVENT,
    };
    match head.kind {
        Kind::Event { record, .. } => est_event {
            archival: record.archival().unwrap_or(0),
            record_type: record.record_type.0,
            netmap: record.netmap,
            ..event
        },
        _ => est_event {
            kind: est_kind::EST_MALFORMED,
            ..event
        },
    }
}

/// The same of one whose data is not there, or not yet.
fn nothing_yet(head: &Head, length: u32) -> est_event {
    est_event {
        data: ptr::null(),
        length,
        ..view(head, ptr::null(), 0, 0)
    }
}
