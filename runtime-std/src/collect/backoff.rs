//! How long to wait before a server is tried again: that depends on the cause.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

/// Waits that double until there is progress, with a fifth of chance in them: a
/// fleet that was cut off together does not come back in one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    /// Tries in a row without progress.
    tries: u32,
    /// New records of the source when it was last looked at.
    records: u64,
}

/// The first wait and the longest.
type Bounds = (Duration, Duration);

/// The server went away and may be back at once.
const AWAY: Bounds = (Duration::from_millis(100), Duration::from_secs(30));
/// It cannot be reached.
const UNREACHABLE: Bounds = (Duration::from_secs(1), Duration::from_secs(60));
/// It does not want us, or we do not want it: a person has to act first.
const REFUSED: Bounds = (Duration::from_secs(30), Duration::from_secs(300));

/// A connection that stood so long is progress, even when no event came.
const STOOD: Duration = Duration::from_secs(60);

impl Backoff {
    /// A connection has ended that had stood for some time; its source has brought
    /// so many new records by now. Returns whether that is progress: then the next
    /// wait is a first one. A handshake is none, and neither is a null message: a
    /// server that closes right behind it would be asked ten times a second.
    pub(super) fn connection_ended(&mut self, stood: Duration, records: u64) -> bool {
        // What is still on its way counts the next time.
        let progress = records > self.records || stood >= STOOD;
        if progress {
            self.tries = 0;
        }
        self.records = records;
        progress
    }

    /// How long to wait after these ends, one of each server that was tried: as
    /// long as the first of them asks for.
    pub(super) fn after(&mut self, ends: &[ClientEnd]) -> Duration {
        let chance = RandomState::new().hash_one(self.tries) % 1024;
        let shortest = ends.iter().map(bounds).min();
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
        assert!(backoff.clone().after(&ends) > Duration::from_secs(20));
        ends.push(ClientEnd::Session(End::Idle, String::new()));
        assert!(backoff.after(&ends) <= AWAY.0);
    }
}
