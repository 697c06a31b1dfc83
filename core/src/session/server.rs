//! The server's session: receives the request, sends bundles as they are
//! acknowledged, and sends keep-alives.

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

/// The settings of a server's session. Later versions may add fields, so start with
/// the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ServerConfig {
    /// The largest messages to accept.
    pub limits: Limits,
    /// The connection id in every bundle; opaque to the client. Default: 1.
    pub connection_id: u32,
    /// Bundles sent before the first of them is acknowledged. Default: 1. 0 has
    /// the effect of 1.
    pub unacknowledged: u32,
    /// Surplus nulls that count as credit for later bundles, at most this many. Others
    /// have no effect. Default: 0.
    pub prepaid: u32,
    /// Milliseconds without output after which a null is sent (FQE, Accepting
    /// Data). 0: never. Default: 30 seconds.
    pub keep_alive: u32,
    /// Milliseconds to wait for the last 8 bytes of a request. A client whose
    /// length counts the header never sends them (FQE, Requesting Fully-qualified
    /// Events: "must include the length of the binary header"). Default: 250.
    pub grace: u32,
    /// Deviations to produce; see [`Quirk::SERVER`].
    pub quirks: Quirks,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            connection_id: 1,
            unacknowledged: 1,
            prepaid: 0,
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
    /// Bundles sent and not yet acknowledged.
    unacknowledged: u32,
    /// Nulls that came ahead of need.
    prepaid: u32,
    sequence: u32,
    /// When the last byte was sent.
    sent: Instant,
    keep_alive_due: bool,
    /// Keep-alives sent, which some clients acknowledge by mistake.
    kept_alive: u32,
    /// When a request that is 8 bytes short counts as complete.
    grace: Option<Instant>,
}

impl ServerSession {
    /// Creates a session for a connection whose TLS handshake is complete, with a
    /// window of `window` bytes. Requests that do not fit are returned in pieces,
    /// and [`ServerConfig::grace`] does not apply to them.
    ///
    /// # Errors
    /// [`ConfigError::WindowTooSmall`] below
    /// [`MIN_WINDOW`](crate::decode::MIN_WINDOW).
    pub fn new(window: usize, config: ServerConfig, now: Instant) -> Result<Self, ConfigError> {
        Ok(Self {
            receiver: Receiver::new(
                window,
                config.limits,
                Oversize::Pieces,
                RecordReader::default(),
            )?,
            config,
            streaming: false,
            unacknowledged: 0,
            prepaid: 0,
            sequence: 0,
            sent: now,
            keep_alive_due: false,
            kept_alive: 0,
            grace: None,
        })
    }

    /// Why the session ended; `None` if it has not.
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
            let limit = self.config.unacknowledged;
            // `max` is not const.
            let limit = if limit == 0 { 1 } else { limit };
            let free = limit.saturating_sub(self.unacknowledged);
            free.saturating_add(self.prepaid)
        } else {
            0
        }
    }

    /// The counters since the start of the session.
    pub const fn statistics(&self) -> &Statistics {
        &self.receiver.observer.statistics
    }

    /// Decodes the next frame from `input`, all unread bytes of the window. The
    /// request is a message of [`Kind::Request`]. The owner checks it and answers
    /// with [`accept`](Self::accept) or [`close`](Self::close).
    ///
    /// # Errors
    /// Why the session ended.
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
        if let Some(Whole::Null { nested: false }) = self.receiver.count(&step, input) {
            self.acknowledge();
        }
        Ok(step)
    }

    /// Ends the session because the peer's stream ended.
    pub fn handle_eof(&mut self) -> End {
        self.receiver.eof()
    }

    /// Handles the deadline of [`poll_timeout`](Self::poll_timeout). Call
    /// [`step`](Self::step) afterwards: it may return a request that was 8 bytes
    /// short.
    ///
    /// # Errors
    /// Why the session ended.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), End> {
        if let Some(end) = self.end() {
            return Err(end);
        }
        if self.keep_alive().is_some_and(|due| now >= due) {
            self.keep_alive_due = true;
        }
        Ok(())
    }

    /// Accepts the request: bundles may be sent from now on.
    pub fn accept(&mut self, now: Instant) {
        self.streaming = true;
        self.sent = now;
    }

    /// Returns the header of the next bundle and uses up the credit for it; `None`
    /// without credit. The owner builds the bundle with a
    /// [`BundleWriter`](crate::wire::BundleWriter) and sends it before any other
    /// output.
    pub fn next_bundle(&mut self, now: Instant) -> Option<BundleHeader> {
        if self.credit() == 0 {
            return None;
        }
        match self.prepaid.checked_sub(1) {
            Some(left) => self.prepaid = left,
            None => self.unacknowledged += 1,
        }
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

    /// Ends the session and writes an error message (FQE, Terminating
    /// Connections). A server that shuts down sends none and drops the session.
    ///
    /// # Errors
    /// [`ResourceError`] if the message does not fit. The session ends
    /// nevertheless.
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

    /// Writes a keep-alive if one is due, and returns its bytes.
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

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
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

    /// A request whose length counts its own header stays 8 bytes short. It counts
    /// as complete if its JSON is complete and no byte follows within the grace.
    fn inclusive_request(&mut self, input: &[u8], now: Instant) -> Option<Step> {
        let Ok((header, body)) = Header::parse(input) else {
            return None;
        };
        let is_short = !self.streaming
            && self.receiver.decoder.at_boundary()
            && header.message_type == MessageType::EVENT_STREAM_REQUEST
            && header.length as usize == input.len()
            && EventStreamRequest::parse(body).is_ok_and(|request| is_complete(request.json()));
        if !is_short {
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

    /// Removes the null message that the length of a request counts; see
    /// [`RequestForm::Both`](crate::fqe::RequestForm::Both).
    fn surplus_in_request(&mut self, head: &Head, body: &mut Span, input: &[u8]) {
        let is_request = matches!(head.kind, Kind::Request { .. });
        let inclusive = head.header.length as usize == body.len + 2 * HEADER_LEN;
        if is_request && !inclusive && body.of(input).ends_with(&Null::BYTES) {
            body.len -= Null::BYTES.len();
            self.receiver.observer.statistics.nulls += 1;
            self.receiver.observer.count(Quirk::RequestBoth);
        }
    }

    /// Counts a null as the acknowledgement of a bundle. If every bundle is
    /// acknowledged, it is credit for a later one, or answers a keep-alive, or is surplus.
    fn acknowledge(&mut self) {
        if let Some(left) = self.unacknowledged.checked_sub(1) {
            self.unacknowledged = left;
        } else if self.prepaid < self.config.prepaid {
            self.prepaid += 1;
        } else if let Some(left) = self.kept_alive.checked_sub(1) {
            self.kept_alive = left;
            self.receiver.observer.count(Quirk::AcknowledgeKeepAlives);
        } else {
            self.receiver.observer.count(Quirk::SurplusNull);
        }
    }
}
