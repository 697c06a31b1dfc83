//! Whose turn it is, of the servers of a source.

/// They are tried one after the other in rounds; a round begins with the server
/// that worked last.
#[derive(Debug)]
pub(super) struct ServerRotation {
    count: usize,
    /// The server that a round begins with.
    first: usize,
    /// The server that is tried now.
    current: usize,
}

impl ServerRotation {
    /// So many servers, of which the first is tried first.
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            first: 0,
            current: 0,
        }
    }

    /// The server that is tried now, counted from 0.
    pub(super) fn current(&self) -> usize {
        self.current
    }

    /// This server works: rounds begin with it from now on.
    pub(super) fn works(&mut self) {
        self.first = self.current;
    }

    /// Goes on to the next server; false when all were tried, and a new round
    /// begins.
    pub(super) fn next(&mut self) -> bool {
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
