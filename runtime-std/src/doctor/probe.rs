//! A client's sink that only remembers what happened.

use std::borrow::Cow;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use estreamer_core::fqe::EventKind;
use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::batch::Batch;
use estreamer_mio::client::{ClientEnd, Sink};
use estreamer_mio::tls::{CertificateFacts, TlsSession};

/// What was seen of one address.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Our end of the TCP connection, once it stood.
    pub(super) local: Option<SocketAddr>,
    /// What TLS agreed on, once the handshake was done.
    pub(super) tls: Option<Agreed>,
    /// The first bytes that came.
    pub(super) bytes: Vec<u8>,
    /// Milliseconds from the request to the answer: an event, a null message or a
    /// bundle.
    pub(super) answered: Option<u64>,
    /// Null messages.
    pub(super) nulls: u64,
    /// Events by kind; the last place counts those of no known kind.
    counts: [u64; EventKind::ALL.len() + 1],
    /// Milliseconds from the request to the first events, or to the end.
    pub(super) after: u64,
    /// Why it ended.
    pub(super) end: Option<ClientEnd>,
}

/// What TLS agreed on.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) version: &'static str,
    pub(super) cipher: &'static str,
    pub(super) certificate: Option<CertificateFacts>,
}

impl Seen {
    pub(super) fn events(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Names and numbers of the kinds of events that came.
    pub(super) fn kinds(&self) -> String {
        let names = EventKind::ALL.iter().map(|kind| kind.name());
        let parts: Vec<String> = names
            .chain(["of other types"])
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        parts.join(", ")
    }
}

/// How far a probe is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Until TCP stands.
    Connect,
    /// Until events come, or for so many milliseconds.
    Events { wait: u32 },
    /// Until the server answers, or for so many milliseconds.
    Answer { wait: u32 },
}

/// Goes as far as its goal, and leaves what it saw behind.
pub(super) struct Probe {
    seen: Rc<RefCell<Seen>>,
    goal: Goal,
    asked: Option<Instant>,
    answered: bool,
}

impl Probe {
    pub(super) fn new(goal: Goal) -> (Self, Rc<RefCell<Seen>>) {
        let seen = Rc::new(RefCell::new(Seen::default()));
        let probe = Self {
            seen: seen.clone(),
            goal,
            asked: None,
            answered: false,
        };
        (probe, seen)
    }
}

impl Sink for Probe {
    fn established(&mut self, local: SocketAddr) -> Result<(), &'static str> {
        self.seen.borrow_mut().local = Some(local);
        match self.goal {
            Goal::Connect => Err(ENOUGH),
            Goal::Events { .. } | Goal::Answer { .. } => Ok(()),
        }
    }

    fn connected(&mut self, tls: &TlsSession) {
        self.seen.borrow_mut().tls = Some(Agreed {
            version: tls.protocol_version().unwrap_or("TLS"),
            cipher: tls.cipher_suite().unwrap_or("an unknown cipher suite"),
            certificate: tls.peer().cloned(),
        });
    }

    fn received(&mut self, bytes: &[u8]) {
        let mut seen = self.seen.borrow_mut();
        let room = KEPT.saturating_sub(seen.bytes.len());
        seen.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn null(&mut self) {
        self.answered = true;
        self.seen.borrow_mut().nulls += 1;
    }

    fn batch(&mut self, batch: Batch) {
        self.answered = true;
        let mut seen = self.seen.borrow_mut();
        for record in batch.records() {
            let place = EventKind::ALL
                .iter()
                .position(|kind| kind.record_type() == record.record_type)
                .unwrap_or(EventKind::ALL.len());
            seen.counts[place] += 1;
        }
    }

    fn delivered(&self) -> u64 {
        // Nothing is asked for beyond the first events.
        0
    }

    fn turn_ends(&mut self, _: &ClientSession, now: Instant) -> Option<Cow<'static, str>> {
        // The first turn comes right after the request was sent.
        let asked = *self.asked.get_or_insert(now);
        let mut seen = self.seen.borrow_mut();
        seen.after = now.0.saturating_sub(asked.0);
        if self.answered && seen.answered.is_none() {
            seen.answered = Some(seen.after);
        }
        let enough = match self.goal {
            Goal::Answer { .. } => self.answered,
            Goal::Events { .. } | Goal::Connect => seen.events() > 0,
        };
        let over = self.deadline().is_some_and(|due| now >= due);
        (over || enough).then_some(ENOUGH.into())
    }

    fn deadline(&self) -> Option<Instant> {
        match self.goal {
            Goal::Connect => None,
            Goal::Events { wait } | Goal::Answer { wait } => Some(self.asked?.after(wait)),
        }
    }

    fn ended(&mut self, end: ClientEnd, _: Option<&ClientSession>) {
        self.seen.borrow_mut().end = Some(end);
    }
}

/// Bytes that are kept of what came.
const KEPT: usize = 64 << 10;
const ENOUGH: &str = "the diagnosis has seen what it wanted";
