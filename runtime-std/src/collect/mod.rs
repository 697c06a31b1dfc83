//! The collector: what happens to the events of one connection.

mod line;
mod output;
mod progress;
mod summary;

pub use output::{Destination, Output};
pub use summary::Summary;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::client::{ClientEnd, Sink};
use estreamer_mio::tls::TlsSession;

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
    /// Where an output failed.
    pub failed: Option<(Destination, io::Error)>,
    /// The outputs, to be used again or closed.
    pub outputs: Vec<Output>,
}

/// Writes each event of a connection as one line to every output.
pub struct Collector {
    outputs: Vec<Output>,
    until: Until,
    outcome: Rc<RefCell<Outcome>>,
    progress: Option<Progress>,
    /// A record that comes in pieces.
    pieces: Option<Vec<u8>>,
    line: Vec<u8>,
    /// When the last event came, for [`Until::idle`].
    last: Option<Instant>,
    news: bool,
}

impl Collector {
    /// A collector whose result is found in `outcome` when its connection is over.
    pub fn new(outputs: Vec<Output>, until: Until, progress: bool) -> (Self, Rc<RefCell<Outcome>>) {
        let outcome = Rc::new(RefCell::new(Outcome::default()));
        let collector = Self {
            outputs,
            until,
            outcome: outcome.clone(),
            progress: progress.then(Progress::new),
            pieces: None,
            line: Vec::new(),
            last: None,
            news: false,
        };
        (collector, outcome)
    }

    /// The outputs of a collector that was never used.
    pub fn into_outputs(self) -> Vec<Output> {
        self.outputs
    }

    fn event(&mut self, data: &[u8]) -> Result<(), &'static str> {
        if self.is_enough() {
            return Ok(());
        }
        self.line.clear();
        line::append(data, &mut self.line);
        let mut outcome = self.outcome.borrow_mut();
        for output in &mut self.outputs {
            if let Err(error) = output.write(&self.line) {
                outcome.failed = Some((output.destination().clone(), error));
                return Err(CANNOT_WRITE);
            }
        }
        self.news = true;
        outcome.summary.events += 1;
        Ok(())
    }

    /// What comes behind the last event wanted, in the same bundle, is left out.
    fn is_enough(&self) -> bool {
        let events = self.outcome.borrow().summary.events;
        self.until.events.is_some_and(|enough| events >= enough)
    }

    fn flush(&mut self) -> Result<(), &'static str> {
        for output in &mut self.outputs {
            if let Err(error) = output.flush() {
                self.outcome.borrow_mut().failed = Some((output.destination().clone(), error));
                return Err(CANNOT_WRITE);
            }
        }
        Ok(())
    }
}

impl Sink for Collector {
    fn connected(&mut self, tls: &TlsSession) {
        certificate::warn(tls.peer());
        self.outcome.borrow_mut().summary.start();
    }

    fn frame(&mut self, frame: &Frame, input: &[u8]) -> Result<(), &'static str> {
        match frame {
            Frame::Message { head, body } if is_event(head) => self.event(body.of(input)),
            Frame::Begin { head, .. } if is_event(head) => {
                self.pieces = Some(Vec::new());
                Ok(())
            }
            Frame::Chunk { body } => {
                if let Some(pieces) = &mut self.pieces {
                    pieces.extend_from_slice(body.of(input));
                }
                Ok(())
            }
            Frame::End => match self.pieces.take() {
                Some(pieces) => self.event(&pieces),
                None => Ok(()),
            },
            Frame::Message { head, .. } | Frame::Begin { head, .. } => {
                if matches!(head.kind, Kind::Malformed(_)) {
                    self.outcome.borrow_mut().summary.malformed += 1;
                }
                Ok(())
            }
            Frame::Skipped { .. } => {
                self.outcome.borrow_mut().summary.oversize += 1;
                Ok(())
            }
            Frame::BundleBegin { .. } | Frame::BundleEnd => Ok(()),
        }
    }

    fn deliver(&mut self, now: Instant) -> Result<Option<&'static str>, &'static str> {
        if std::mem::take(&mut self.news) {
            self.last = Some(now);
            self.flush()?;
        }
        if let Some(progress) = &mut self.progress {
            progress.show(&self.outcome.borrow().summary, now);
        }
        let last = *self.last.get_or_insert(now);
        if self.until.idle.is_some_and(|idle| last.after(idle) <= now) {
            return Ok(Some(IDLE));
        }
        Ok(self.is_enough().then_some(ENOUGH))
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.last?.after(self.until.idle?))
    }

    fn ended(&mut self, end: ClientEnd, session: Option<&ClientSession>) {
        // The outputs are closed on every path; a failure is told below.
        let _ = self.flush();
        if let Some(progress) = &mut self.progress {
            progress.clear();
        }
        let mut outcome = self.outcome.borrow_mut();
        outcome.summary.finish(session);
        outcome.end = Some(end);
        outcome.outputs = std::mem::take(&mut self.outputs);
    }
}

fn is_event(head: &Head) -> bool {
    matches!(head.kind, Kind::Event { .. })
}

const ENOUGH: &str = "the client has as many events as it wanted";
const IDLE: &str = "the client stops because no events came for a while";
const CANNOT_WRITE: &str = "the client cannot write its output";
