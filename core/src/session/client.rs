//! The client's session: receives events and acknowledges them.

use super::observer::Whole;
use super::receiver::Receiver;
use super::{End, Instant, Statistics};
use crate::decode::{Limits, Oversize, Step};
use crate::quirk::{Quirk, Quirks};
use crate::wire::{
    ERROR_FIXED_LEN, ErrorMessage, Expected, HEADER_LEN, Message, Null, RecordLength, RecordReader,
};
use crate::{ConfigError, ResourceError};

/// The settings of a client's session. Later versions may add fields, so start
/// with the default:
///
/// ```
/// use estreamer_core::session::ClientConfig;
/// let mut config = ClientConfig::default();
/// config.ahead = 0;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ClientConfig {
    /// The largest messages to accept.
    pub limits: Limits,
    /// How to handle messages that are larger than the window. Default: in pieces.
    pub oversize: Oversize,
    /// Units acknowledged before they are delivered. With 0, every acknowledgement
    /// follows delivery. Default: 16.
    pub ahead: u32,
    /// Nulls sent ahead of need, once, after the first unit is acknowledged. A server
    /// that counts them as credit sends so many more units without waiting, which makes
    /// up for a long round trip. Whether a server counts them is unpublished; one that
    /// does not may object to them. Default: 0.
    pub prepaid: u32,
    /// Milliseconds of silence after which a null message is sent to test the
    /// connection. 0: never. Default: one minute.
    pub probe_after: u32,
    /// Milliseconds of silence after which the session ends with
    /// [`End::PeerSilent`]. The keep-alive period of servers is unpublished, so
    /// choose a long time. 0: never. Default: ten minutes.
    pub dead_after: u32,
    /// Which bytes this server's record length counts, if known.
    pub record_length: RecordLength,
    /// The form of the records that the request asks for. It decides between
    /// possible layouts of a record, and records in another form are counted.
    /// `None` if the request is not known.
    pub expected: Option<Expected>,
    /// Deviations to produce; see [`Quirk::CLIENT`].
    pub quirks: Quirks,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            oversize: Oversize::Pieces,
            ahead: 16,
            prepaid: 0,
            probe_after: 60_000,
            dead_after: 600_000,
            record_length: RecordLength::Auto,
            expected: None,
            quirks: Quirks::NONE,
        }
    }
}

/// The client's end of one connection. The owner sends the request (see
/// [`crate::fqe`]) before any output of this session.
///
/// - Getters: [`end`](Self::end), [`received`](Self::received),
///   [`acknowledged`](Self::acknowledged), [`prepaid`](Self::prepaid),
///   [`statistics`](Self::statistics).
/// - Inputs: [`step`](Self::step), [`handle_eof`](Self::handle_eof),
///   [`handle_timeout`](Self::handle_timeout).
/// - Commands: [`expect`](Self::expect), [`delivered`](Self::delivered),
///   [`set_reading`](Self::set_reading), [`close`](Self::close).
/// - Outputs: [`poll_transmit`](Self::poll_transmit),
///   [`poll_timeout`](Self::poll_timeout).
///
/// Acknowledgements count *units*: a bundle, or an event outside a bundle.
///
/// Silence begins with the last byte from the peer or the last acknowledgement to
/// it, whichever is later. No deadline runs while acknowledgements are withheld:
/// the peer has nothing to send, and it would take a probe for an
/// acknowledgement.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientSession {
    receiver: Receiver,
    ahead: u32,
    /// Nulls still to send ahead of need.
    to_prepay: u32,
    prepaid: u32,
    probe_after: u32,
    dead_after: u32,
    quirks: Quirks,
    /// Units received, delivered and acknowledged.
    received: u64,
    delivered: u64,
    acknowledged: u64,
    /// Nulls to send that acknowledge nothing: probes and answers to keep-alives.
    surplus: u32,
    /// When the silence of the peer began.
    silent_since: Instant,
    reading: bool,
    probed: bool,
}

impl ClientSession {
    /// Creates a session for a connection whose TLS handshake is complete, with a
    /// window of `window` bytes.
    ///
    /// # Errors
    /// [`ConfigError::WindowTooSmall`] below
    /// [`MIN_WINDOW`](crate::decode::MIN_WINDOW).
    pub fn new(window: usize, config: ClientConfig, now: Instant) -> Result<Self, ConfigError> {
        Ok(Self {
            receiver: Receiver::new(
                window,
                config.limits,
                config.oversize,
                RecordReader::new(config.record_length, config.expected),
            )?,
            ahead: config.ahead,
            to_prepay: config.prepaid,
            prepaid: 0,
            probe_after: config.probe_after,
            dead_after: config.dead_after,
            quirks: config.quirks,
            received: 0,
            delivered: 0,
            acknowledged: 0,
            surplus: 0,
            silent_since: now,
            reading: true,
            probed: false,
        })
    }

    /// Why the session ended; `None` if it has not.
    pub const fn end(&self) -> Option<End> {
        self.receiver.end
    }

    /// Units received so far.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Units acknowledged so far.
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Nulls sent ahead of need so far; see [`ClientConfig::prepaid`].
    pub const fn prepaid(&self) -> u32 {
        self.prepaid
    }

    /// The counters since the start of the session.
    pub const fn statistics(&self) -> &Statistics {
        &self.receiver.observer.statistics
    }

    /// Decodes the next frame from `input`, all unread bytes of the window.
    ///
    /// # Errors
    /// The reason why the session ended. An error message of the peer ends the
    /// session after its frame was returned.
    #[inline]
    pub fn step(&mut self, input: &[u8], now: Instant) -> Result<Step, End> {
        if self.receiver.has_new_bytes(input) {
            self.restart_silence(now);
        }
        let step = self.receiver.decode(input)?;
        match self.receiver.count(&step, input) {
            Some(Whole::Bundle | Whole::Event { nested: false }) => self.received += 1,
            Some(Whole::Null { nested: false })
                if self.quirks.has(Quirk::AcknowledgeKeepAlives) =>
            {
                self.surplus = self.surplus.saturating_add(1);
            }
            // Servers send no requests.
            Some(Whole::Request) => self.receiver.observer.count(Quirk::UnknownMessage),
            _ => {}
        }
        Ok(step)
    }

    /// Ends the session because the peer's stream ended.
    pub fn handle_eof(&mut self) -> End {
        self.receiver.eof()
    }

    /// Handles the deadline of [`poll_timeout`](Self::poll_timeout).
    ///
    /// # Errors
    /// [`End::PeerSilent`] after [`ClientConfig::dead_after`], or why the session
    /// ended before.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), End> {
        if let Some(end) = self.end() {
            return Err(end);
        }
        if self.deadline(self.dead_after).is_some_and(|due| now >= due) {
            return Err(self.receiver.finish(End::PeerSilent));
        }
        let due = self.deadline(self.probe_after);
        if !self.probed && due.is_some_and(|due| now >= due) {
            self.probed = true;
            self.surplus = self.surplus.saturating_add(1);
        }
        Ok(())
    }

    /// Sets [`ClientConfig::expected`] when the request is built after the session.
    pub const fn expect(&mut self, expected: Expected) {
        self.receiver.decoder.expect(expected);
    }

    /// Marks the first `units` received units as delivered; smaller values than
    /// before are ignored.
    pub fn delivered(&mut self, units: u64) {
        self.delivered = self.delivered.max(units.min(self.received));
    }

    /// Tells whether the owner reads from the connection. The deadlines do not run
    /// while it does not, and restart when it reads again.
    pub fn set_reading(&mut self, reading: bool, now: Instant) {
        if reading && !self.reading {
            self.restart_silence(now);
        }
        self.reading = reading;
    }

    /// Ends the session and writes an error message with the reason (FQE,
    /// Terminating Connections). A reason that does not fit is truncated. Writes
    /// nothing if the session has ended already.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` cannot hold a message with an empty reason. The
    /// session ends nevertheless.
    pub fn close(&mut self, reason: &str, out: &mut [u8]) -> Result<usize, ResourceError> {
        if self.end().is_some() {
            return Ok(0);
        }
        self.receiver.finish(End::Closed);
        let fixed = HEADER_LEN + ERROR_FIXED_LEN + usize::from(self.quirks.has(Quirk::ErrorNul));
        let mut length = reason.len().min(out.len().saturating_sub(fixed));
        while !reason.is_char_boundary(length) {
            length -= 1;
        }
        let message = Message::Error(ErrorMessage {
            code: -1,
            text: &reason.as_bytes()[..length],
        });
        message.emit_with(self.quirks, out)
    }

    /// Writes the nulls to send, as many as fit, and returns their bytes. Call it
    /// until it returns 0.
    pub fn poll_transmit(&mut self, out: &mut [u8], now: Instant) -> usize {
        if self.end().is_some() {
            return 0;
        }
        let mut written = 0;
        for null in out.as_chunks_mut::<{ Null::BYTES.len() }>().0 {
            if self.acknowledged < self.acknowledgeable() {
                self.acknowledged += 1;
                self.restart_silence(now);
            } else if self.to_prepay > 0 && self.acknowledged > 0 {
                self.to_prepay -= 1;
                self.prepaid += 1;
            } else if self.surplus > 0 && !self.is_withheld() {
                self.surplus -= 1;
            } else {
                break;
            }
            *null = Null::BYTES;
            written += null.len();
        }
        written
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.end().is_some() {
            return None;
        }
        let probe = match self.probed {
            true => None,
            false => self.deadline(self.probe_after),
        };
        let dead = self.deadline(self.dead_after);
        probe.into_iter().chain(dead).min()
    }

    /// Units that may be acknowledged now.
    fn acknowledgeable(&self) -> u64 {
        let credit = self.delivered.saturating_add(u64::from(self.ahead));
        self.received.min(credit)
    }

    fn restart_silence(&mut self, now: Instant) {
        self.silent_since = now;
        self.probed = false;
    }

    /// Whether acknowledgements are withheld until delivery.
    fn is_withheld(&self) -> bool {
        self.acknowledgeable() < self.received
    }

    fn deadline(&self, after: u32) -> Option<Instant> {
        let runs = self.reading && !self.is_withheld() && after > 0;
        runs.then(|| self.silent_since.after(after))
    }
}

// The limit on microcontrollers, without window and transmit buffer.
#[cfg(not(target_pointer_width = "64"))]
const _: () = assert!(size_of::<ClientSession>() <= 288);
