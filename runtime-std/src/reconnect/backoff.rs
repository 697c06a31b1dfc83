//! The wait before the next attempt to connect. It depends on the cause of the last
//! failure.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

/// Waits that double until there is progress. Each wait has a random part of a fifth, so
/// that many clients of one server do not reconnect at the same moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff {
    /// Consecutive attempts without progress.
    tries: u32,
    /// New records of the source at the last check.
    records: u64,
}

/// The first and the longest wait.
type Bounds = (Duration, Duration);

/// The server ended the connection and may be available again at once.
const AWAY: Bounds = (Duration::from_millis(100), Duration::from_secs(30));
/// The server cannot be reached.
const UNREACHABLE: Bounds = (Duration::from_secs(1), Duration::from_secs(60));
/// One side refuses the other. A person has to change something first.
const REFUSED: Bounds = (Duration::from_secs(30), Duration::from_secs(300));

/// A connection of this duration counts as progress, even without events.
const STOOD: Duration = Duration::from_secs(60);

impl Backoff {
    /// Records the end of an established connection, with the number of new records of
    /// its source so far. Returns whether there was progress; the next wait is then the
    /// first one. A handshake or a null message is not progress: a server that closes
    /// right after it would be contacted ten times a second.
    pub(crate) fn connection_ended(&mut self, stood: Duration, records: u64) -> bool {
        // Records in flight count at the next call.
        let progress = records > self.records || stood >= STOOD;
        if progress {
            self.tries = 0;
        }
        self.records = records;
        progress
    }

    /// Returns the wait after these ends, one for each server that was tried: the
    /// shortest of their waits.
    pub(crate) fn after<'a>(&mut self, ends: impl Iterator<Item = &'a ClientEnd>) -> Duration {
        let chance = RandomState::new().hash_one(self.tries) % 1024;
        let shortest = ends.map(bounds).min();
        self.next(shortest.unwrap_or(UNREACHABLE), chance as u32)
    }

    /// `chance` is less than 1024.
    fn next(&mut self, (first, longest): Bounds, chance: u32) -> Duration {
        let wait = first.saturating_mul(1 << self.tries.min(16)).min(longest);
        self.tries += 1;
        wait - wait * chance / 1024 / 5
    }
}

fn bounds(end: &ClientEnd) -> Bounds {
    match end {
        ClientEnd::Connect(_) | ClientEnd::ConnectTimeout(_) | ClientEnd::HandshakeTimeout(_) => {
            UNREACHABLE
        }
        ClientEnd::Tls(_) | ClientEnd::Session(End::BeforeFirstByte, _) => REFUSED,
        ClientEnd::Session(End::PeerError { .. }, _) => UNREACHABLE,
        _ => AWAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew_after_progress() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..4)
            .map(|_| backoff.next(UNREACHABLE, 0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        for _ in 0..100 {
            backoff.next(UNREACHABLE, 0);
        }
        assert_eq!(backoff.next(UNREACHABLE, 0), UNREACHABLE.1);
        let second = Duration::from_secs(1);
        backoff.connection_ended(second, 0);
        assert_eq!(backoff.next(UNREACHABLE, 0), UNREACHABLE.1);
        for (stood, records) in [(second, 1), (STOOD, 1), (second, 2)] {
            backoff.connection_ended(stood, records);
            assert_eq!(backoff.next(UNREACHABLE, 0), UNREACHABLE.0);
            assert_eq!(backoff.next(UNREACHABLE, 0), UNREACHABLE.0 * 2);
        }
    }

    #[test]
    fn chance_shortens_a_wait_by_a_fifth_at_most() {
        let mut backoff = Backoff::default();
        let least = backoff.next(REFUSED, 1023);
        assert!(least >= REFUSED.0 * 4 / 5 && least < REFUSED.0);
    }

    #[test]
    fn a_refusal_is_given_time_and_a_shutdown_none() {
        let mut backoff = Backoff::default();
        let refused = ClientEnd::Session(End::BeforeFirstByte, String::new());
        let mut ends = vec![refused];
        assert!(backoff.clone().after(ends.iter()) > Duration::from_secs(20));
        ends.push(ClientEnd::Session(End::Idle, String::new()));
        assert!(backoff.after(ends.iter()) <= AWAY.0);
    }
}
