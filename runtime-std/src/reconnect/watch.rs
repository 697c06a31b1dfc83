//! Whether a connection still works: whether the server has answered the request in time,
//! and whether it has not fallen silent.

use std::time::Duration;

use estreamer_core::session::{ClientSession, Instant};

use super::rhythm::NullRhythm;

/// One connection, as its owner sees it.
#[derive(Debug, Default)]
pub(crate) struct ConnectionWatch {
    /// Milliseconds to wait for an answer before another form of the request is tried.
    patience: Option<u32>,
    /// When the session started.
    since: Option<Instant>,
    /// Whether anything was received.
    has_bytes: bool,
    rhythm: NullRhythm,
    /// When null messages were first sent ahead of need.
    prepaid: Option<Instant>,
    health: Health,
}

/// What is known about the server of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Health {
    /// Nothing is wrong.
    #[default]
    Works,
    /// It did not answer the request in time.
    Silent,
    /// It sends no more null messages.
    Gone {
        /// The silence, and the usual one.
        silence: Duration,
        usual: Duration,
    },
}

/// A server that refuses this client closes the connection right after the handshake.
const STOOD: Duration = Duration::from_secs(1);

const OTHER_FORM: &str = "the client sends the request again in another form";
const GONE: &str = "the server sends no more null messages";

impl ConnectionWatch {
    /// Watches a new connection. With `patience`, the server has to answer the request
    /// within so many milliseconds.
    pub(crate) fn new(patience: Option<u32>) -> Self {
        Self {
            patience,
            ..Self::default()
        }
    }

    /// Records that the session has started.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// Records what the server has sent. `is_busy` says that it has to wait for this side.
    pub(crate) fn listen(&mut self, session: &ClientSession, is_busy: bool, now: Instant) {
        let statistics = session.statistics();
        let is_waiting = is_busy || session.poll_timeout().is_none();
        let (bytes, nulls) = (statistics.bytes, statistics.nulls);
        self.has_bytes |= bytes > 0;
        if session.prepaid() > 0 {
            self.prepaid.get_or_insert(now);
        }
        self.rhythm.received(bytes, nulls, is_waiting, now);
    }

    /// Returns how long ago null messages were first sent ahead of need, if any were.
    pub(crate) fn since_prepaid(&self, now: Instant) -> Option<Duration> {
        let sent = self.prepaid?;
        Some(Duration::from_millis(now.0.saturating_sub(sent.0)))
    }

    /// Returns the reason to close the connection now, if there is one.
    pub(crate) fn verdict(&mut self, now: Instant) -> Option<&'static str> {
        if self.health != Health::Works {
            return None;
        }
        if self.answer_due().is_some_and(|due| now >= due) {
            self.health = Health::Silent;
            return Some(OTHER_FORM);
        }
        if self.rhythm.gone_at().is_some_and(|due| now >= due) {
            let (silence, usual) = self.rhythm.silences(now);
            self.health = Health::Gone { silence, usual };
            return Some(GONE);
        }
        None
    }

    /// Returns when [`verdict`](Self::verdict) is due if nothing happens before.
    pub(crate) fn due(&self) -> Option<Instant> {
        let is_open = self.health == Health::Works;
        let answer = self.answer_due().into_iter();
        answer
            .chain(self.rhythm.gone_at())
            .filter(|_| is_open)
            .min()
    }

    /// Returns what is known about the server.
    pub(crate) fn health(&self) -> Health {
        self.health
    }

    /// Returns whether the session has started.
    pub(crate) fn is_connected(&self) -> bool {
        self.since.is_some()
    }

    /// Returns how long the session has existed.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        let since = self.since.unwrap_or(now);
        Duration::from_millis(now.0.saturating_sub(since.0))
    }

    /// Returns whether the connection is more than a handshake: the server has sent
    /// something, or it has not closed the connection at once.
    pub(crate) fn has_stood(&self, now: Instant) -> bool {
        self.is_connected() && (self.has_bytes || self.age(now) >= STOOD)
    }

    /// Returns when [`has_stood`](Self::has_stood) may change if nothing happens before.
    pub(crate) fn stands_at(&self) -> Option<Instant> {
        self.since
            .map(|since| since.after(STOOD.as_millis() as u32))
    }

    /// Returns when the answer to the request is due.
    fn answer_due(&self) -> Option<Instant> {
        let waits = self.patience.filter(|_| !self.has_bytes);
        Some(self.since?.after(waits?))
    }
}
