//! The client's end: request, stream, acknowledge, close.

use super::observer::Whole;
use super::receiver::Receiver;
use super::{End, Instant, Statistics};
use crate::decode::{Limits, Oversize, Step};
use crate::quirk::{Quirk, Quirks};
use crate::wire::{ErrorMessage, Expected, Message, Null, RecordLength, RecordReader};
use crate::{ConfigError, ResourceError};

/// How a client behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientConfig {
    /// Bytes of the window, at least [`MIN_WINDOW`](crate::decode::MIN_WINDOW).
    pub window: usize,
    /// What to accept.
    pub limits: Limits,
    /// What to do with messages larger than the window.
    pub oversize: Oversize,
    /// Units acknowledged before they are delivered; 0 is strict.
    pub ahead: u32,
    /// After so many milliseconds of silence a null message is sent, which is
    /// harmless and shows whether the connection still stands. 0: never.
    pub probe_after: u32,
    /// After so many milliseconds of silence the peer counts as dead. The
    /// server's keep-alive period is unpublished, so be generous. 0: never.
    pub dead_after: u32,
    /// What the server's record length counts, where that is known.
    pub record_length: RecordLength,
    /// What the request asked records to be: tells them apart, and counts those
    /// that are something else. `None` where the request is not known.
    pub expected: Option<Expected>,
    /// Deviations to show; see [`Quirk::CLIENT`].
    pub quirks: Quirks,
}

impl Default for ClientConfig {
    /// 64 KiB of window, 16 bundles ahead, a probe each minute of silence, dead
    /// after ten.
    fn default() -> Self {
        Self {
            window: 64 << 10,
            limits: Limits::DEFAULT,
            oversize: Oversize::Pieces,
            ahead: 16,
            probe_after: 60_000,
            dead_after: 600_000,
            record_length: RecordLength::Auto,
            expected: None,
            quirks: Quirks::NONE,
        }
    }
}

/// The client's end of one connection. The owner sends the request, see
/// [`crate::fqe`], before anything this session wants sent.
///
/// - Getters: [`end`](Self::end), [`received`](Self::received),
///   [`acknowledged`](Self::acknowledged), [`statistics`](Self::statistics).
/// - Inputs: [`step`](Self::step), [`handle_eof`](Self::handle_eof),
///   [`handle_timeout`](Self::handle_timeout).
/// - Commands: [`expect`](Self::expect), [`delivered`](Self::delivered),
///   [`set_reading`](Self::set_reading), [`close`](Self::close).
/// - Outputs: [`poll_transmit`](Self::poll_transmit),
///   [`poll_timeout`](Self::poll_timeout).
///
/// Acknowledgement counts *units*: a bundle is one, a top-level event is one.
///
/// Silence is counted from the last byte of the peer or the last
/// acknowledgement of ours, whichever is later. While acknowledgements are
/// withheld, the peer has no reason to speak, and a probe would be taken for one
/// of them: then no deadline runs.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientSession {
    receiver: Receiver,
    ahead: u32,
    probe_after: u32,
    dead_after: u32,
    quirks: Quirks,
    /// Units that arrived, were delivered, were acknowledged.
    received: u64,
    delivered: u64,
    acknowledged: u64,
    /// Nulls to send that acknowledge nothing: probes, answered keep-alives.
    surplus: u32,
    /// Since when silence counts.
    heard: Instant,
    reading: bool,
    probed: bool,
}

impl ClientSession {
    /// A session on a connection whose TLS handshake is complete.
    ///
    /// # Errors
    /// [`ConfigError`] when the window is too small.
    pub fn new(config: ClientConfig, now: Instant) -> Result<Self, ConfigError> {
        Ok(Self {
            receiver: Receiver::new(
                config.window,
                config.limits,
                config.oversize,
                RecordReader::new(config.record_length, config.expected),
            )?,
            ahead: config.ahead,
            probe_after: config.probe_after,
            dead_after: config.dead_after,
            quirks: config.quirks,
            received: 0,
            delivered: 0,
            acknowledged: 0,
            surplus: 0,
            heard: now,
            reading: true,
            probed: false,
        })
    }

    /// Why the session ended; `None` while it stands.
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

    /// What was counted so far.
    pub const fn statistics(&self) -> &Statistics {
        &self.receiver.observer.statistics
    }

    /// Looks at `input`, all unread bytes of the window, for the next frame.
    ///
    /// # Errors
    /// The reason the session ended; an error message of the peer ends it after
    /// its frame was returned.
    #[inline]
    pub fn step(&mut self, input: &[u8], now: Instant) -> Result<Step, End> {
        if self.receiver.is_news(input) {
            self.hear(now);
        }
        let step = self.receiver.decode(input)?;
        match self.receiver.note(&step, input) {
            Some(Whole::Bundle | Whole::Event { nested: false }) => self.received += 1,
            Some(Whole::Null { nested: false })
                if self.quirks.has(Quirk::AcknowledgeKeepAlives) =>
            {
                self.surplus = self.surplus.saturating_add(1);
            }
            // A server has nothing to request.
            Some(Whole::Request) => self.receiver.observer.count(Quirk::UnknownMessage),
            _ => {}
        }
        Ok(step)
    }

    /// The peer's stream ended.
    pub fn handle_eof(&mut self) -> End {
        self.receiver.eof()
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    ///
    /// # Errors
    /// [`End::PeerSilent`] past the deadline.
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

    /// What the request asked records to be, where it was made after the session.
    pub const fn expect(&mut self, expected: Expected) {
        self.receiver.decoder.expect(expected);
    }

    /// All units up to the number `units` of [`received`](Self::received) are
    /// where they belong; what was said before stands.
    pub fn delivered(&mut self, units: u64) {
        self.delivered = self.delivered.max(units.min(self.received));
    }

    /// Whether the owner reads. While it does not, for want of room, the peer's
    /// silence means nothing; afterwards its deadlines start anew.
    pub fn set_reading(&mut self, reading: bool, now: Instant) {
        if reading && !self.reading {
            self.hear(now);
        }
        self.reading = reading;
    }

    /// Ends the session and writes the error message that tells the peer why
    /// (FQE, Terminating Connections). Nothing is written if it has ended already.
    ///
    /// # Errors
    /// [`ResourceError`] when the message does not fit; the session has ended
    /// all the same.
    pub fn close(&mut self, reason: &str, out: &mut [u8]) -> Result<usize, ResourceError> {
        if self.end().is_some() {
            return Ok(0);
        }
        self.receiver.finish(End::Closed);
        let message = Message::Error(ErrorMessage {
            code: -1,
            text: reason.as_bytes(),
        });
        message.emit_with(self.quirks, out)
    }

    /// Writes the nulls that are owed, as many as fit, and returns their bytes.
    /// Ask again until it returns 0.
    pub fn poll_transmit(&mut self, out: &mut [u8], now: Instant) -> usize {
        if self.end().is_some() {
            return 0;
        }
        let mut written = 0;
        for null in out.as_chunks_mut::<{ Null::BYTES.len() }>().0 {
            if self.acknowledged < self.acknowledgeable() {
                self.acknowledged += 1;
                self.hear(now);
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

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
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

    /// Units that may be acknowledged by now.
    fn acknowledgeable(&self) -> u64 {
        let credit = self.delivered.saturating_add(u64::from(self.ahead));
        self.received.min(credit)
    }

    fn hear(&mut self, now: Instant) {
        self.heard = now;
        self.probed = false;
    }

    /// Whether acknowledgements wait for delivery.
    fn is_withheld(&self) -> bool {
        self.acknowledgeable() < self.received
    }

    fn deadline(&self, after: u32) -> Option<Instant> {
        let runs = self.reading && !self.is_withheld() && after > 0;
        runs.then(|| self.heard.after(after))
    }
}

// The budget of a microcontroller, beside the window and a transmit buffer.
#[cfg(not(target_pointer_width = "64"))]
const _: () = assert!(size_of::<ClientSession>() <= 288);
