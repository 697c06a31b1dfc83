//! A client session with its memory: received bytes in, records and bytes to send
//! out.

use core::fmt;
use core::ptr;

use estreamer_core::decode::{Frame, Head, Kind, Limits, Oversize};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{ClientConfig, ClientSession, End, Instant};
use estreamer_core::wire::{Lossy, trim_nul};

use super::est_status::{self, *};
use super::memory::{Allocation, Buffer};
use super::request::{Request, RequestFailure, record_length};
use super::types::*;
use super::{Detail, of_end};

/// The state behind an est_session.
pub(crate) struct Session {
    pub(crate) protocol: ClientSession,
    window: Buffer,
    /// The unread bytes of the window are `start..end`.
    start: usize,
    end: usize,
    output: Buffer,
    /// The unsent bytes of the output are `sent..queued`.
    sent: usize,
    queued: usize,
    pub(crate) requested: bool,
    /// No record was returned since the last acknowledgement.
    acknowledged: bool,
    /// The record that is being returned in pieces, with its last piece.
    piece: Option<est_event>,
    malformed: u64,
    skipped: u64,
    pub(crate) detail: Detail,
    /// The memory to free with the session.
    pub(crate) allocation: Allocation,
}

impl Session {
    /// The protocol state for these settings. Returns `None` if a setting is out
    /// of range.
    pub(crate) fn protocol(config: &est_config, now: Instant) -> Option<ClientSession> {
        if config.output < 128 || config.pieces > 1 || config.reserved != [0; 3] {
            return None;
        }
        let mut limits = Limits::DEFAULT;
        limits.record = config.record_limit;
        let mut client = ClientConfig::default();
        client.limits = limits;
        client.oversize = match config.pieces {
            0 => Oversize::Skip,
            _ => Oversize::Pieces,
        };
        client.ahead = config.ahead;
        client.prepaid = config.prepaid;
        client.probe_after = config.probe_after;
        client.dead_after = config.dead_after;
        client.record_length = record_length(config.record_length)?;
        ClientSession::new(config.window, client, now).ok()
    }

    pub(crate) const fn new(
        protocol: ClientSession,
        window: Buffer,
        output: Buffer,
        allocation: Allocation,
    ) -> Self {
        Self {
            protocol,
            window,
            start: 0,
            end: 0,
            output,
            sent: 0,
            queued: 0,
            requested: false,
            acknowledged: true,
            piece: None,
            malformed: 0,
            skipped: 0,
            detail: Detail::new(),
            allocation,
        }
    }

    /// Stores the detail of a failure.
    pub(crate) fn fail(&mut self, status: est_status, detail: impl fmt::Display) -> est_status {
        self.detail.set(detail);
        status
    }

    /// The status of a session that has ended, with its detail. The text of a
    /// server's error message was stored when the message came.
    pub(crate) fn ended(&mut self, end: End) -> est_status {
        match end {
            End::PeerError { .. } => EST_PEER_ERROR,
            end => self.fail(of_end(end), end),
        }
    }

    pub(crate) fn request(&mut self, request: &Request<'_>) -> est_status {
        match self.queue(request) {
            Ok(()) => EST_OK,
            Err(failure @ RequestFailure::Arguments) => self.fail(EST_INVALID, failure),
            Err(failure @ RequestFailure::TooLarge(_)) => self.fail(EST_NO_MEMORY, failure),
            Err(failure @ RequestFailure::Request(_)) => self.fail(EST_REQUEST, failure),
        }
    }

    fn queue(&mut self, request: &Request<'_>) -> Result<(), RequestFailure> {
        let request = request.build()?;
        let room = self.output.bytes_mut().get_mut(self.queued..);
        let message = request.emit(Quirks::NONE, room.unwrap_or_default())?;
        self.queued += message.len();
        self.requested = true;
        self.protocol.expect(request.expected());
        Ok(())
    }

    /// Moves the unread bytes to the front of the window and returns the free
    /// room behind them.
    pub(crate) fn room(&mut self) -> Result<(*mut u8, usize), est_status> {
        if let Some(end) = self.protocol.end() {
            return Err(self.ended(end));
        }
        if self.start > 0 {
            let unread = self.start..self.end;
            self.window.bytes_mut().copy_within(unread, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.window.len() - self.end {
            0 => Err(self.fail(EST_FULL, "take events out with est_next() first")),
            room => Ok((self.window.address(self.end), room)),
        }
    }

    /// Adds the first `length` bytes of the room to the unread bytes.
    pub(crate) fn commit(&mut self, length: usize) -> est_status {
        if let Some(end) = self.protocol.end() {
            return self.ended(end);
        }
        if length > self.window.len() - self.end {
            return self.fail(EST_INVALID, "more bytes than est_buffer() gave room for");
        }
        self.end += length;
        EST_OK
    }

    /// Removes bytes from the output.
    pub(crate) fn sent(&mut self, length: usize) -> est_status {
        if length > self.queued - self.sent {
            return self.fail(EST_INVALID, "more bytes than est_output() gave");
        }
        self.sent += length;
        EST_OK
    }

    /// # Safety
    /// `event` can be written.
    #[inline]
    pub(crate) unsafe fn next(&mut self, now: Instant, event: *mut est_event) -> est_status {
        // Time that the application spent is not silence of the server.
        self.protocol.set_reading(true, now);
        loop {
            let unread = self.window.bytes().get(self.start..self.end);
            let result = self.protocol.step(unread.unwrap_or_default(), now);
            // Matched by reference: a copy of the step costs as much as the rest
            // of this loop.
            let step = match &result {
                Ok(step) => step,
                Err(end) => return self.ended(*end),
            };
            let from = self.start;
            self.start += step.consumed;
            let found = match &step.frame {
                // First, because nearly every frame is one.
                Some(Frame::Message { head, body }) if matches!(head.kind, Kind::Event { .. }) => {
                    view(head, self.window.address(from), body.start, body.len)
                }
                Some(frame) => match self.other_frame(frame, from) {
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

    /// Handles a frame that is not a whole event. Its input began at `from`.
    /// Returns the record in it, if any.
    #[cold]
    fn other_frame(&mut self, frame: &Frame, from: usize) -> Option<est_event> {
        match frame {
            Frame::Message { head, body } if is_record(head) => {
                self.malformed += 1;
                return Some(view(head, self.window.address(from), body.start, body.len));
            }
            Frame::Message { head, body } => {
                let input = self.window.bytes().get(from..self.end);
                store_error(&mut self.detail, head, body.of(input.unwrap_or_default()));
            }
            Frame::Skipped { head, length } if is_record(head) => {
                self.skipped += 1;
                let mut event = without_data(head, *length);
                event.kind = est_kind::EST_SKIPPED;
                return Some(event);
            }
            Frame::Begin { head, length } if is_record(head) => {
                self.piece = Some(without_data(head, *length));
            }
            // An error message with a text longer than the window.
            Frame::Skipped { head, .. } | Frame::Begin { head, .. } => {
                store_error(&mut self.detail, head, b"");
            }
            Frame::Chunk { body } => {
                let piece = self.piece.as_mut()?;
                piece.offset += piece.data_length as u32;
                piece.data = self.window.address(from + body.start);
                piece.data_length = body.len;
                return Some(*piece);
            }
            Frame::End | Frame::BundleEnd => {
                let whole = self.piece.take();
                self.malformed +=
                    u64::from(whole.is_some_and(|event| event.kind == est_kind::EST_MALFORMED));
                // The caller acknowledged all records before this end came.
                if self.acknowledged {
                    self.acknowledge();
                }
            }
            _ => {}
        }
        None
    }

    /// Marks everything that was received as delivered.
    pub(crate) fn acknowledge(&mut self) {
        self.acknowledged = true;
        self.protocol.delivered(self.protocol.received());
    }

    /// The bytes to send.
    pub(crate) fn output(&mut self, now: Instant) -> &[u8] {
        if self.sent == self.queued {
            let queued = self.protocol.poll_transmit(self.output.bytes_mut(), now);
            (self.sent, self.queued) = (0, queued);
        }
        let unsent = self.output.bytes().get(self.sent..self.queued);
        unsent.unwrap_or_default()
    }

    pub(crate) fn close(&mut self, reason: &str) {
        // Unsent bytes stay: a message that is sent in part must be completed.
        let unsent = self.sent..self.queued;
        self.output.bytes_mut().copy_within(unsent, 0);
        (self.sent, self.queued) = (0, self.queued - self.sent);
        let room = self.output.bytes_mut().get_mut(self.queued..);
        // Without room for an error message, none is sent.
        let closed = self.protocol.close(reason, room.unwrap_or_default());
        self.queued += closed.unwrap_or(0);
    }

    pub(crate) fn statistics(&self) -> est_statistics {
        let counters = self.protocol.statistics();
        let quirk = |quirk| counters.deviations.of(quirk).into();
        est_statistics {
            bytes: counters.bytes,
            records: counters.events,
            malformed: self.malformed,
            skipped: self.skipped,
            bundles: self.protocol.received(),
            acknowledged: self.protocol.acknowledged(),
            record_covers_extension: quirk(Quirk::RecordCoversExtension),
            record_covers_header: quirk(Quirk::RecordCoversHeader),
            no_extension: quirk(Quirk::NoExtension),
            data_not_json: quirk(Quirk::DataNotJson),
            ..est_statistics::default()
        }
    }
}

/// Stores the text of a server's error message as the detail.
fn store_error(detail: &mut Detail, head: &Head, text: &[u8]) {
    if let Kind::Error { code, .. } = head.kind {
        let text = Lossy(trim_nul(text));
        detail.set(format_args!("the server sent error {code}: {text}"));
    }
}

const fn is_record(head: &Head) -> bool {
    matches!(head.kind, Kind::Event { .. } | Kind::Malformed(_))
}

/// The C structure for a whole record. Its data begins `start` bytes after
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

/// The C structure for a record of `length` bytes without its data.
fn without_data(head: &Head, length: u32) -> est_event {
    est_event {
        data: ptr::null(),
        length,
        ..view(head, ptr::null(), 0, 0)
    }
}
