//! Which events are in which request, and which answers are still to come.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::output::event_queue::EventId;

/// The events of one request.
pub(super) type Chunk = Vec<EventId>;

/// The requests whose events are neither accepted nor refused, in order.
#[derive(Default)]
pub(super) struct Requests {
    open: VecDeque<OpenRequest>,
}

struct OpenRequest {
    /// The number of its events.
    count: usize,
    /// What is still to be sent, the next part last.
    chunks: Vec<Chunk>,
    /// The acknowledgements that it waits for.
    acks: HashSet<u64>,
    /// When it was begun, or last given the number of an acknowledgement.
    since: Instant,
}

impl Requests {
    /// Begins a request with these events.
    pub(super) fn begin(&mut self, events: Chunk) {
        self.open.push_back(OpenRequest {
            count: events.len(),
            chunks: vec![events],
            acks: HashSet::new(),
            since: Instant::now(),
        });
    }

    /// Returns whether the last request has parts that are not sent.
    pub(super) fn is_unfinished(&self) -> bool {
        self.open.back().is_some_and(|last| !last.chunks.is_empty())
    }

    /// Takes the next part to send.
    pub(super) fn next(&mut self) -> Option<Chunk> {
        self.open.back_mut()?.chunks.pop()
    }

    /// Puts back a part that is to be sent again.
    pub(super) fn put_back(&mut self, chunk: Chunk) {
        if let Some(last) = self.open.back_mut() {
            last.chunks.push(chunk);
        }
    }

    /// Puts back a part as two halves.
    pub(super) fn split(&mut self, mut chunk: Chunk) {
        let second = chunk.split_off(chunk.len() / 2);
        self.put_back(second);
        self.put_back(chunk);
    }

    /// Records that the last request waits for an acknowledgement, from now on: it may have been
    /// tried for long.
    pub(super) fn wait_for(&mut self, ack: u64) {
        if let Some(last) = self.open.back_mut() {
            last.acks.insert(ack);
            last.since = Instant::now();
        }
    }

    /// Returns whether a request waits for this acknowledgement.
    pub(super) fn is_waiting_for(&self, ack: u64) -> bool {
        self.open.iter().any(|request| request.acks.contains(&ack))
    }

    /// Returns the number of requests that wait for acknowledgements.
    pub(super) fn pending(&self) -> usize {
        self.open.iter().filter(|of| !of.acks.is_empty()).count()
    }

    /// Returns every acknowledgement that is waited for.
    pub(super) fn acknowledgements(&self) -> Vec<u64> {
        let all = self.open.iter().flat_map(|request| &request.acks);
        all.copied().collect()
    }

    /// Records an acknowledgement.
    pub(super) fn acknowledge(&mut self, ack: u64) {
        for request in &mut self.open {
            request.acks.remove(&ack);
        }
    }

    /// Returns how long the first request has waited for its acknowledgements.
    pub(super) fn waited(&self) -> Duration {
        let first = self.open.front().filter(|first| !first.acks.is_empty());
        first.map_or(Duration::ZERO, |first| first.since.elapsed())
    }

    /// Removes the first request if nothing of it is open, and returns the number of its
    /// events.
    pub(super) fn finished(&mut self) -> Option<usize> {
        let first = self.open.front()?;
        let is_finished = first.chunks.is_empty() && first.acks.is_empty();
        is_finished
            .then(|| self.open.pop_front())?
            .map(|of| of.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_for_an_acknowledgement_begins_with_the_answer() {
        let mut requests = Requests::default();
        requests.begin(vec![EventId::default()]);
        let chunk = requests.next().unwrap();
        // The receiver was away for long.
        let hour = Duration::from_secs(3600);
        requests.open[0].since = Instant::now().checked_sub(hour).unwrap();
        requests.put_back(chunk);
        assert!(requests.next().is_some());
        requests.wait_for(7);
        assert!(requests.waited() < hour);
    }
}
