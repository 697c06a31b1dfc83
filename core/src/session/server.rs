//! The server's end: wait for the request, send bundles as far as they are
//! acknowledged, keep the connection alive.

use super::observer::Whole;
use super::receiver::Receiver;
use super::{End, Instant, Statistics};
use crate::decode::{Frame, Head, Kind, Limits, Oversize, Span, Step};
use crate::fqe::is_complete;
use crate::quirk::{Quirk, Quirks};
use crate::wire::{
    BundleHeader, ErrorMessage, EventStreamRequest, HEADER_LEN, Header, Message, MessageType, Null,
    RecordReader,
};
use crate::{ConfigError, ResourceError};

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerConfig {
    /// Bytes of the window, at least [`MIN_WINDOW`](crate::decode::MIN_WINDOW).
    /// Larger requests come in pieces, without grace for the inclusive length.
    pub window: usize,
    /// What to accept.
    pub limits: Limits,
    /// Sent back in every bundle, opaque to the client.
    pub connection_id: u32,
    /// Bundles sent before the first of them is acknowledged; 0 counts as 1.
    pub unacknowledged: u32,
    /// Milliseconds without sending after which a null goes out (FQE, Accepting
    /// Data). 0: never.
    pub keep_alive: u32,
    /// Milliseconds to wait for the 8 bytes that a client with the inclusive
    /// reading of the request's length never sends (FQE, Requesting
    /// Fully-qualified Events: "must include the length of the binary header").
    pub grace: u32,
    /// Deviations to show; see [`Quirk::SERVER`].
    pub quirks: Quirks,
}

impl Default for ServerConfig {
    /// One bundle at a time, a keep-alive each 30 s, a quarter of a second of grace.
    fn default() -> Self {
        Self {
            window: 64 << 10,
            limits: Limits::DEFAULT,
            connection_id: 1,
            unacknowledged: 1,
            keep_alive: 30_000,
            grace: 250,
            quirks: Quirks::NONE,
        }
    }
}

/// The server's end of one connection.
///
/// - Getters: [`end`](Self::end), [`is_streaming`](Self::is_streaming),
///   [`credit`](Self::credit), [`statistics`](Self::statistics).
/// - Inputs: [`step`](Self::step), [`handle_eof`](Self::handle_eof),
///   [`handle_timeout`](Self::handle_timeout).
/// - Commands: [`accept`](Self::accept), [`next_bundle`](Self::next_bundle),
///   [`close`](Self::close).
/// - Outputs: [`poll_transmit`](Self::poll_transmit),
///   [`poll_timeout`](Self::poll_timeout).
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerSession {
    receiver: Receiver,
    config: ServerConfig,
    streaming: bool,
    /// Bundles sent and not acknowledged.
    unacknowledged: u32,
    sequence: u32,
    /// When the last byte went out.
    sent: Instant,
    keep_alive_due: bool,
    /// Keep-alives sent that a client might wrongly acknowledge.
    kept_alive: u32,
    /// When a request 8 bytes short counts as complete.
    grace: Option<Instant>,
}

impl ServerSession {
    /// A session on a connection whose TLS handshake is complete.
    ///
    /// # Errors
    /// [`ConfigError`] when the window is too small.
    pub fn new(mut config: ServerConfig, now: Instant) -> Result<Self, ConfigError> {
        config.unacknowledged = config.unacknowledged.max(1);
        Ok(Self {
            receiver: Receiver::new(
                config.window,
                config.limits,
                Oversize::Pieces,
                RecordReader::default(),
            )?,
            config,
            streaming: false,
            unacknowledged: 0,
            sequence: 0,
            sent: now,
            keep_alive_due: false,
            kept_alive: 0,
            grace: None,
        })
    }

    /// Why the session ended; `None` while it stands.
    pub const fn end(&self) -> Option<End> {
        self.receiver.end
    }

    /// Whether a request was accepted.
    pub const fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// Bundles that may be sent now.
    pub const fn credit(&self) -> u32 {
        if self.streaming && self.end().is_none() {
            self.config
                .unacknowledged
                .saturating_sub(self.unacknowledged)
        } else {
            0
        }
    }

    /// What was counted so far.
    pub const fn statistics(&self) -> &Statistics {
        &self.receiver.observer.statistics
    }

    /// Looks at `input`, all unread bytes of the window, for the next frame. The
    /// request comes as a message of [`Kind::Request`]; the owner judges it and
    /// answers with [`accept`](Self::accept) or [`close`](Self::close).
    ///
    /// # Errors
    /// The reason the session ended.
    pub fn step(&mut self, input: &[u8], now: Instant) -> Result<Step, End> {
        let mut step = self.receiver.decode(input)?;
        if step.consumed == 0 && step.frame.is_none() {
            step = self.inclusive_request(input, now).unwrap_or(step);
        } else {
            self.grace = None;
        }
        if let Some(Frame::Message { head, body }) = &mut step.frame {
            self.surplus_in_request(head, body, input);
        }
        if let Some(Whole::Null { nested: false }) = self.receiver.note(&step, input) {
            self.acknowledge();
        }
        Ok(step)
    }

    /// The peer's stream ended.
    pub fn handle_eof(&mut self) -> End {
        self.receiver.eof()
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. After it,
    /// [`step`](Self::step) may return a request it was waiting for.
    ///
    /// # Errors
    /// The reason the session ended.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), End> {
        if let Some(end) = self.end() {
            return Err(end);
        }
        if self.keep_alive().is_some_and(|due| now >= due) {
            self.keep_alive_due = true;
        }
        Ok(())
    }

    /// The request is granted: bundles may go out.
    pub fn accept(&mut self, now: Instant) {
        self.streaming = true;
        self.sent = now;
    }

    /// Takes the credit for one bundle and returns its header; `None` without
    /// credit. The owner builds the bundle with a
    /// [`BundleWriter`](crate::wire::BundleWriter) and sends it before anything else.
    pub fn next_bundle(&mut self, now: Instant) -> Option<BundleHeader> {
        if self.credit() == 0 {
            return None;
        }
        self.unacknowledged += 1;
        if self.sequence == 0 || !self.config.quirks.has(Quirk::SequenceStanding) {
            self.sequence = self.sequence.wrapping_add(1);
        }
        self.sent = now;
        self.keep_alive_due = false;
        Some(BundleHeader {
            connection_id: self.config.connection_id,
            sequence: self.sequence,
        })
    }

    /// Ends the session and writes the error message that tells why (FQE,
    /// Terminating Connections). A shutdown sends none: just drop the session.
    ///
    /// # Errors
    /// [`ResourceError`] when the message does not fit; the session has ended
    /// all the same.
    pub fn close(
        &mut self,
        message: &ErrorMessage<'_>,
        out: &mut [u8],
    ) -> Result<usize, ResourceError> {
        if self.end().is_some() {
            return Ok(0);
        }
        self.receiver.finish(End::Closed);
        Message::Error(*message).emit_with(self.config.quirks, out)
    }

    /// Writes a keep-alive when one is due, and returns its bytes.
    pub fn poll_transmit(&mut self, out: &mut [u8], now: Instant) -> usize {
        if self.end().is_some() || !self.keep_alive_due {
            return 0;
        }
        let Some((null, _)) = out.split_first_chunk_mut() else {
            return 0;
        };
        *null = Null::BYTES;
        self.keep_alive_due = false;
        self.kept_alive = self.kept_alive.saturating_add(1);
        self.sent = now;
        Null::BYTES.len()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.end().is_some() {
            return None;
        }
        self.grace.into_iter().chain(self.keep_alive()).min()
    }

    fn keep_alive(&self) -> Option<Instant> {
        let due = self.sent.after(self.config.keep_alive);
        (self.streaming && self.config.keep_alive > 0 && !self.keep_alive_due).then_some(due)
    }

    /// A request whose length counts its own header is 8 bytes short for ever.
    /// Complete JSON and nothing more within the grace makes it whole.
    fn inclusive_request(&mut self, input: &[u8], now: Instant) -> Option<Step> {
        let Ok((header, body)) = Header::parse(input) else {
            return None;
        };
        let looks_so = !self.streaming
            && self.receiver.decoder.at_boundary()
            && header.message_type == MessageType::EVENT_STREAM_REQUEST
            && header.length as usize == input.len()
            && EventStreamRequest::parse(body).is_ok_and(|request| is_complete(request.json()));
        if !looks_so {
            self.grace = None;
            return None;
        }
        let due = *self.grace.get_or_insert(now.after(self.config.grace));
        if now < due {
            return None;
        }
        self.grace = None;
        self.receiver.observer.count(Quirk::RequestInclusive);
        self.receiver.decoder.advance(input.len());
        let request = EventStreamRequest::parse(body).ok()?;
        let head = Head {
            header,
            nested: false,
            kind: Kind::Request {
                from: request.from,
                flags: request.flags,
            },
        };
        let start = input.len() - request.block.len();
        let body = Span {
            start,
            len: request.block.len(),
        };
        Some(Step {
            consumed: input.len(),
            frame: Some(Frame::Message { head, body }),
        })
    }

    /// A null message filled the gap: [`RequestForm::Both`](crate::fqe::RequestForm::Both).
    fn surplus_in_request(&mut self, head: &Head, body: &mut Span, input: &[u8]) {
        let is_request = matches!(head.kind, Kind::Request { .. });
        let inclusive = head.header.length as usize == body.len + 2 * HEADER_LEN;
        if is_request && !inclusive && body.of(input).ends_with(&Null::BYTES) {
            body.len -= Null::BYTES.len();
            self.receiver.observer.statistics.nulls += 1;
            self.receiver.observer.count(Quirk::RequestBoth);
        }
    }

    /// A null acknowledges a bundle if one waits for that; otherwise it is
    /// surplus, most likely the answer to a keep-alive.
    fn acknowledge(&mut self) {
        if let Some(left) = self.unacknowledged.checked_sub(1) {
            self.unacknowledged = left;
        } else if let Some(left) = self.kept_alive.checked_sub(1) {
            self.kept_alive = left;
            self.receiver.observer.count(Quirk::AcknowledgeKeepAlives);
        } else {
            self.receiver.observer.count(Quirk::SurplusNull);
        }
    }
}
