//! A server of the model: an archive, and events in flight.

use std::collections::VecDeque;

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::BundleStart;

use super::collector::{ModelEvent, Sent};

/// A server with its archive and the events in flight.
#[derive(Default)]
pub struct ModelServer {
    /// The events in the order of storage.
    pub archive: Vec<ModelEvent>,
    /// Seconds by which its clock is ahead of ours.
    skew: u32,
    /// Seconds by which its clock was set back.
    set_back: u32,
    /// The largest second stored since its clock was set back.
    high: u32,
    /// The index of the next event to check for sending; `None` without a request.
    at: Option<usize>,
    /// The requested second, and the length of the archive at the request: events stored
    /// later are sent whatever their second.
    from: u32,
    stored: usize,
    bundle: Vec<ModelEvent>,
    under_way: VecDeque<Sent>,
}

impl ModelServer {
    /// Creates a server whose clock is ahead of ours by this number of seconds.
    pub fn ahead(skew: u32) -> Self {
        Self {
            skew,
            ..Self::default()
        }
    }

    /// Stores an event at `now` by our clock, `late` seconds late. Its text is unique.
    pub fn store(&mut self, name: &str, now: u64, late: u32, kind: char) {
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        self.high = self.high.max(now + self.skew - self.set_back);
        let second = self.high - late;
        let text = format!("{name} {second} {}{kind}", self.archive.len());
        self.archive.push((second, text));
    }

    /// Stores an event with a second far ahead of `now`, as a broken clock makes it.
    pub fn store_future(&mut self, name: &str, now: u64) {
        let second = u32::try_from(now)
            .unwrap_or(u32::MAX)
            .saturating_add(1_000_000);
        let text = format!("{name} {second} {}f", self.archive.len());
        self.archive.push((second, text));
    }

    /// Stores the last event a second time.
    pub fn store_twin(&mut self) {
        self.archive.extend(self.archive.last().cloned());
    }

    /// Sets its clock back.
    pub fn set_back(&mut self, seconds: u32) {
        self.set_back += seconds;
        self.high = 0;
    }

    /// Opens a new connection: events in flight on the old one are lost.
    pub fn connect(&mut self, from: InitialTimestamp) {
        self.under_way.clear();
        self.bundle.clear();
        self.stored = self.archive.len();
        (self.at, self.from) = match from {
            InitialTimestamp::NOW => (Some(self.archive.len()), 0),
            InitialTimestamp(from) => (Some(0), from),
        };
    }

    /// Loses the connection.
    pub fn disconnect(&mut self) {
        self.under_way.clear();
        self.at = None;
    }

    /// Sends the next bundle of at most this number of events; returns whether there was
    /// one.
    pub fn send(&mut self, count: usize) -> bool {
        let Some(at) = self.at else { return false };
        let rest = self.archive[at..].iter();
        let wanted = rest
            .enumerate()
            .filter(|(index, event)| at + index >= self.stored || event.0 >= self.from);
        let bundle: Vec<(usize, ModelEvent)> = wanted
            .take(count)
            .map(|(index, event)| (index, event.clone()))
            .collect();
        let Some((last, _)) = bundle.last() else {
            return false;
        };
        self.at = Some(at + last + 1);
        self.bundle = bundle.into_iter().map(|(_, event)| event).collect();
        self.dispatch(BundleStart::Next);
        true
    }

    /// Sends the last bundle once more.
    pub fn repeat(&mut self) {
        self.dispatch(BundleStart::SameNumber { same_length: true });
    }

    /// Takes this number of events in flight.
    pub fn receive(&mut self, count: usize) -> Vec<Sent> {
        let count = count.min(self.under_way.len());
        self.under_way.drain(..count).collect()
    }

    fn dispatch(&mut self, start: BundleStart) {
        let events = self.bundle.iter().enumerate();
        let marked = |(index, event): (usize, &ModelEvent)| {
            let first = (index == 0).then_some(start);
            (event.clone(), first)
        };
        self.under_way.extend(events.map(marked));
    }
}
