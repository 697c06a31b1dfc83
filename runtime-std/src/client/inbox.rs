//! What the event loop leaves for the client.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use estreamer_core::quirk::Deviations;
use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::batch::Batch;
use estreamer_mio::client::{ClientEnd, Sink};
use estreamer_mio::tls::{CertificateFacts, TlsSession};

/// Shared by the two.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) connected: bool,
    /// The server's certificate, once it is.
    pub(super) peer: Option<CertificateFacts>,
    /// What arrived and was not taken out. Their memory is the pool's, so the
    /// budget bounds them.
    pub(super) batches: VecDeque<Batch>,
    /// Units that arrived with them.
    pub(super) units: u64,
    /// Units that are where they belong.
    pub(super) delivered: u64,
    /// Bytes that arrived.
    pub(super) bytes: u64,
    /// What the server does otherwise than the guide says.
    pub(super) deviations: Deviations,
    /// Whether the server answered the request: with an event, a null message or a
    /// bundle.
    pub(super) answered: bool,
    /// Why the connection ended.
    pub(super) end: Option<ClientEnd>,
}

/// The event loop's end of it.
pub(super) struct Slot(pub(super) Rc<RefCell<Inbox>>);

impl Sink for Slot {
    fn connected(&mut self, tls: &TlsSession) {
        let mut inbox = self.0.borrow_mut();
        inbox.connected = true;
        inbox.peer = tls.peer().cloned();
    }

    fn received(&mut self, bytes: &[u8]) {
        self.0.borrow_mut().bytes += bytes.len() as u64;
    }

    fn null(&mut self) {
        self.0.borrow_mut().answered = true;
    }

    fn batch(&mut self, batch: Batch) {
        let mut inbox = self.0.borrow_mut();
        inbox.answered = true;
        inbox.units = batch.units;
        inbox.batches.push_back(batch);
    }

    fn delivered(&self) -> u64 {
        self.0.borrow().delivered
    }

    /// Whoever asks waits for whatever there is.
    fn is_busy(&self, _: u64) -> bool {
        !self.0.borrow().batches.is_empty()
    }

    fn turn_ends(&mut self, session: &ClientSession, _: Instant) -> Option<Cow<'static, str>> {
        self.0.borrow_mut().deviations = session.statistics().deviations;
        None
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn ended(&mut self, end: ClientEnd, session: Option<&ClientSession>) {
        let mut inbox = self.0.borrow_mut();
        if let Some(session) = session {
            inbox.deviations = session.statistics().deviations;
        }
        inbox.end = Some(end);
    }
}
