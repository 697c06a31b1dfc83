//! The collector's end of one connection: from the event loop into the pipeline.

mod progress;
mod summary;

pub use summary::Summary;

use std::cell::RefCell;
use std::rc::Rc;

use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::batch::{Batch, RecordKind};
use estreamer_mio::client::{ClientEnd, Sink};
use estreamer_mio::tls::TlsSession;

use crate::delivery::pipeline::Link;
use crate::doctor::certificate;
use progress::Progress;

/// When to stop of one's own accord.
#[derive(Debug, Clone, Copy, Default)]
pub struct Until {
    /// After so many events.
    pub events: Option<u64>,
    /// After so many milliseconds without one.
    pub idle: Option<u32>,
}

/// What a collector leaves behind.
#[derive(Default)]
pub struct Outcome {
    /// Why the connection ended.
    pub end: Option<ClientEnd>,
    /// What was counted.
    pub summary: Summary,
}

/// Hands the records of a connection on.
pub struct Collector {
    link: Link,
    until: Until,
    outcome: Rc<RefCell<Outcome>>,
    progress: Option<Progress>,
    /// Units handed on.
    units: u64,
    /// When the last event came, for [`Until::idle`].
    last: Option<Instant>,
    news: bool,
}

impl Collector {
    /// A collector whose result is found in `outcome` when its connection is
    /// over. It counts on from an earlier connection's `summary`.
    pub fn new(
        link: Link,
        until: Until,
        progress: bool,
        summary: Summary,
    ) -> (Self, Rc<RefCell<Outcome>>) {
        let outcome = Rc::new(RefCell::new(Outcome { end: None, summary }));
        let collector = Self {
            link,
            until,
            outcome: outcome.clone(),
            progress: progress.then(Progress::new),
            units: 0,
            last: None,
            news: false,
        };
        (collector, outcome)
    }

    /// What comes behind the last event wanted, in the same batch, is left out.
    fn is_enough(&self) -> bool {
        let events = self.outcome.borrow().summary.events;
        self.until.events.is_some_and(|enough| events >= enough)
    }
}

impl Sink for Collector {
    fn connected(&mut self, tls: &TlsSession) {
        certificate::warn(tls.peer());
        self.outcome.borrow_mut().summary.start();
    }

    fn batch(&mut self, mut batch: Batch) {
        self.units = batch.units;
        let mut outcome = self.outcome.borrow_mut();
        let summary = &mut outcome.summary;
        let mut taken = 0;
        for record in batch.records() {
            if self
                .until
                .events
                .is_some_and(|enough| summary.events >= enough)
            {
                break;
            }
            taken += 1;
            summary.events += 1;
            match record.kind {
                RecordKind::Event => {}
                RecordKind::Malformed(_) => summary.malformed += 1,
                RecordKind::Oversize => summary.oversize += 1,
            }
        }
        self.news |= taken > 0;
        batch.truncate(taken);
        self.link.batch(batch);
    }

    fn delivered(&self) -> u64 {
        self.link.delivered()
    }

    fn turn_ends(&mut self, now: Instant) -> Option<&'static str> {
        if std::mem::take(&mut self.news) {
            self.last = Some(now);
        }
        let last = *self.last.get_or_insert(now);
        if let Some(progress) = &mut self.progress {
            progress.show(&self.outcome.borrow().summary, now);
        }
        if self.link.has_failed() {
            return Some(CANNOT_WRITE);
        }
        // The last nulls go out before the goodbye.
        if self.is_enough() && self.link.delivered() >= self.units {
            return Some(ENOUGH);
        }
        let idle = self.until.idle.is_some_and(|idle| last.after(idle) <= now);
        idle.then_some(IDLE)
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.last?.after(self.until.idle?))
    }

    fn ended(&mut self, end: ClientEnd, session: Option<&ClientSession>) {
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        let mut outcome = self.outcome.borrow_mut();
        outcome.summary.finish(session);
        outcome.end = Some(end);
    }
}

const ENOUGH: &str = "the client has as many events as it wanted";
const IDLE: &str = "the client stops because no events came for a while";
const CANNOT_WRITE: &str = "the client cannot write its output";
