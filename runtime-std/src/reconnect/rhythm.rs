//! Detects a server that died without closing the connection: it has sent null messages at
//! regular times, and sends nothing more.

use std::time::Duration;

use estreamer_core::session::Instant;

/// The null messages of one connection, and the silence before each.
#[derive(Debug, Default)]
pub(crate) struct NullRhythm {
    /// When the silence began: the last byte, or the last time that the server had to wait.
    since: Instant,
    bytes: u64,
    nulls: u64,
    /// Null messages that ended a silence of a second or more.
    seen: u32,
    /// The longest of these silences, milliseconds.
    longest: u32,
}

/// So many null messages make a rhythm.
const SEEN: u32 = 3;
/// A silence that is shorter is not that of an idle server.
const SHORT: u32 = 1000;
/// A server is gone after this many times its longest silence, and after a minute.
const TIMES: u32 = 4;
const LEAST: u32 = 60_000;

impl NullRhythm {
    /// Records the bytes and the null messages received so far. `is_waiting` says that the
    /// server has to wait for this client.
    pub(crate) fn received(&mut self, bytes: u64, nulls: u64, is_waiting: bool, now: Instant) {
        if bytes > self.bytes {
            let silence = u32::try_from(now.0.saturating_sub(self.since.0)).unwrap_or(u32::MAX);
            if nulls > self.nulls && self.bytes > 0 && silence >= SHORT {
                self.seen += 1;
                self.longest = self.longest.max(silence);
            }
            (self.bytes, self.nulls) = (bytes, nulls);
            self.since = now;
        } else if is_waiting {
            self.since = now;
        }
    }

    /// Returns when the server is gone if nothing arrives before; `None` without a rhythm.
    pub(crate) fn gone_at(&self) -> Option<Instant> {
        let silence = self.longest.saturating_mul(TIMES).max(LEAST);
        (self.seen >= SEEN).then(|| self.since.after(silence))
    }

    /// Returns the silence that has lasted until `now`, and the usual one.
    pub(crate) fn silences(&self, now: Instant) -> (Duration, Duration) {
        let silence = now.0.saturating_sub(self.since.0);
        (
            Duration::from_millis(silence),
            Duration::from_millis(self.longest.into()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that has sent so many null messages, one each so many milliseconds.
    fn server(nulls: u64, every: u64) -> NullRhythm {
        let mut rhythm = NullRhythm::default();
        rhythm.received(500, 0, false, Instant(0));
        for null in 1..=nulls {
            rhythm.received(500 + 8 * null, null, false, Instant(null * every));
        }
        rhythm
    }

    #[test]
    fn a_server_with_a_rhythm_is_gone_after_a_minute_or_four_times_its_silence() {
        assert_eq!(server(3, 5_000).gone_at(), Some(Instant(75_000)));
        assert_eq!(server(10, 30_000).gone_at(), Some(Instant(420_000)));
    }

    #[test]
    fn a_server_without_a_rhythm_may_be_silent() {
        assert_eq!(server(2, 5_000).gone_at(), None);
        assert_eq!(server(50, 100).gone_at(), None, "nulls between events");
        assert_eq!(NullRhythm::default().gone_at(), None);
    }

    #[test]
    fn a_server_that_has_to_wait_is_not_silent() {
        let mut rhythm = server(3, 5_000);
        rhythm.received(524, 3, true, Instant(70_000));
        assert_eq!(rhythm.gone_at(), Some(Instant(130_000)));
        let silences = rhythm.silences(Instant(130_000)).0;
        assert_eq!(silences, Duration::from_secs(60));
    }
}
