//! Selects the next of a source's servers.

/// Tries the servers one after the other, in rounds. A round starts with the server that
/// worked last.
#[derive(Debug)]
pub(crate) struct ServerRotation {
    count: usize,
    /// The first server of a round.
    first: usize,
    /// The current server.
    current: usize,
}

impl ServerRotation {
    /// Creates a rotation of this number of servers, starting with the first.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            first: 0,
            current: 0,
        }
    }

    /// Returns the index of the current server, from 0.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// Records that the current server works: rounds start with it from now on.
    pub(crate) fn works(&mut self) {
        self.first = self.current;
    }

    /// Selects the next server. Returns false if all were tried and a new round starts.
    pub(crate) fn next(&mut self) -> bool {
        self.current = (self.current + 1) % self.count.max(1);
        self.current != self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_begins_with_the_server_that_worked_last_and_tries_each_once() {
        let mut turn = ServerRotation::new(3);
        let round = |turn: &mut ServerRotation| {
            let mut tried = vec![turn.current()];
            while turn.next() {
                tried.push(turn.current());
            }
            tried
        };
        assert_eq!(round(&mut turn), [0, 1, 2]);
        assert_eq!(round(&mut turn), [0, 1, 2]);
        assert!(turn.next());
        turn.works();
        assert_eq!(round(&mut turn), [1, 2, 0]);
        assert_eq!(round(&mut turn), [1, 2, 0]);
        assert_eq!(round(&mut ServerRotation::new(1)), [0]);
    }
}
