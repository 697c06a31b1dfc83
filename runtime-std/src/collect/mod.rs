//! The collector's end of one connection: from the event loop into the pipeline.

mod capture;
mod explain;
mod progress;
mod summary;

pub use capture::Capture;
pub use explain::explain;
pub use summary::Summary;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::batch::{Batch, RecordKind};
use estreamer_mio::client::{ClientEnd, Sink};
use estreamer_mio::tls::TlsSession;

use crate::delivery::pipeline::Link;
use crate::doctor::certificate;
use progress::Progress;

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
    /// Stop after so many milliseconds without an event.
    idle: Option<u32>,
    outcome: Rc<RefCell<Outcome>>,
    progress: Option<Progress>,
    capture: Option<Capture>,
    /// Units handed on.
    units: u64,
    /// When the last event came, for the idle time.
    last: Option<Instant>,
    news: bool,
}

impl Collector {
    /// A collector whose result is found in `outcome` when its connection is
    /// over. It stops after `idle` milliseconds without an event, and counts on
    /// from an earlier connection's `summary`.
    pub fn new(
        link: Link,
        idle: Option<u32>,
        progress: bool,
        capture: Option<Capture>,
        summary: Summary,
    ) -> (Self, Rc<RefCell<Outcome>>) {
        let outcome = Rc::new(RefCell::new(Outcome { end: None, summary }));
        let collector = Self {
            link,
            idle,
            outcome: outcome.clone(),
            progress: progress.then(Progress::new),
            capture,
            units: 0,
            last: None,
            news: false,
        };
        (collector, outcome)
    }
}

impl Collector {
    /// Records something; a recording that fails ends, and the collection goes on.
    fn record(&mut self, write: impl FnOnce(&mut Capture) -> io::Result<()>) {
        if let Some(capture) = &mut self.capture
            && let Err(error) = write(capture)
        {
            say!("estreamer: the recording ends here: {error}. Events are not affected.");
            self.capture = None;
        }
    }
}

impl Sink for Collector {
    fn connected(&mut self, tls: &TlsSession) {
        certificate::warn(tls.peer());
        self.outcome.borrow_mut().summary.start();
    }

    fn received(&mut self, bytes: &[u8]) {
        self.record(|capture| capture.received(bytes));
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.record(|capture| capture.sent(bytes));
    }

    fn batch(&mut self, batch: Batch) {
        self.units = batch.units;
        let summary = &mut self.outcome.borrow_mut().summary;
        for record in batch.records() {
            self.news = true;
            summary.events += 1;
            match record.kind {
                RecordKind::Event => {}
                RecordKind::Malformed(_) => summary.malformed += 1,
                RecordKind::Oversize => summary.oversize += 1,
            }
        }
        self.link.batch(batch);
    }

    fn delivered(&self) -> u64 {
        self.link.delivered()
    }

    fn turn_ends(&mut self, now: Instant) -> Option<&'static str> {
        // Silence is the server's only while nothing waits for an output of ours.
        if std::mem::take(&mut self.news) || self.link.is_busy() {
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
        if self.link.is_enough() && self.link.delivered() >= self.units {
            return Some(ENOUGH);
        }
        let idle = self.idle.is_some_and(|idle| last.after(idle) <= now);
        idle.then_some(IDLE)
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.last?.after(self.idle?))
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
