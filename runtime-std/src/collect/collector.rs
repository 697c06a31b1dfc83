//! Passes the records of a connection to the pipeline, and decides when the connection
//! ends.

use std::io;

use estreamer_core::quirk::Deviations;
use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::client::{ClientConnection, ClientEnd, ClientEvent};

use tracing::warn;

use super::Capture;
use crate::delivery::dedup::server_number::server_number;
use crate::delivery::pipeline::link::Link;
use crate::reconnect::ConnectionWatch;

/// Passes the records of one connection to the pipeline. The owner calls
/// [`command`](Self::command) before and [`after_turn`](Self::after_turn) after each
/// turn of the client.
pub(super) struct Collector {
    pub(super) link: Link,
    capture: Option<Capture>,
    /// Distinguishes the server from others of the source.
    name: String,
    /// Whether the connection works.
    pub(super) watch: ConnectionWatch,
    /// Whether the server has answered.
    is_answered: bool,
    /// When the last event was received or delivered.
    last: Option<Instant>,
    /// The archival time of the first record.
    first_record: Option<Option<u32>>,
    /// Units passed to the pipeline.
    units: u64,
    /// The reason for the end, sent to the server.
    stop: Option<&'static str>,
    end: Option<ClientEnd>,
    /// The counts of the session that the ledger already has.
    counted: Counted,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    bytes: u64,
    bundles: u64,
    nulls: u64,
    deviations: Deviations,
}

impl Counted {
    fn of(session: &ClientSession) -> Self {
        let statistics = session.statistics();
        Self {
            bytes: statistics.bytes,
            bundles: statistics.bundles,
            nulls: session.acknowledged(),
            deviations: statistics.deviations,
        }
    }
}

impl Collector {
    /// `name` distinguishes this server from others of the source; it is empty if there
    /// is only one.
    pub(super) fn new(
        link: Link,
        capture: Option<Capture>,
        name: String,
        watch: ConnectionWatch,
    ) -> Self {
        Self {
            link,
            capture,
            name,
            watch,
            is_answered: false,
            last: None,
            first_record: None,
            units: 0,
            stop: None,
            end: None,
            counted: Counted::default(),
        }
    }

    /// Returns whether the session has started.
    pub(super) fn is_connected(&self) -> bool {
        self.watch.is_connected()
    }

    /// Returns whether the server answered the request.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Returns the archival time of the first record, once there is one.
    pub(super) fn first_record(&self) -> Option<Option<u32>> {
        self.first_record
    }

    /// Returns when the last event was received or delivered.
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Returns the number of new records of its source, over all its connections. It
    /// does not depend on when an output accepts them.
    pub(super) fn new_records(&self) -> u64 {
        let (ledger, source) = self.link.ledger();
        let counts = ledger.of(source);
        counts.received.events().saturating_sub(counts.duplicates)
    }

    /// Returns why the connection ended, once.
    pub(super) fn take_end(&mut self) -> Option<ClientEnd> {
        self.end.take()
    }

    /// Records that the connection could not be established.
    pub(super) fn failed(&mut self, end: ClientEnd) {
        self.end = Some(end);
    }

    /// Ends the connection in order: it stops reading, waits until the received records
    /// are delivered, and sends the reason to the server.
    pub(super) fn stop(&mut self, reason: &'static str) {
        self.stop.get_or_insert(reason);
    }

    /// Reports delivered records to the client, and closes it when the time has come.
    pub(super) fn command(&mut self, client: &mut ClientConnection, now: Instant) {
        let delivered = self.link.delivered();
        client.delivered(delivered);
        if self.stop.is_some() {
            client.pause();
        }
        if let Some(session) = client.session() {
            self.listen(session, now);
        }
        if !self.is_connected() {
            if let Some(reason) = self.stop {
                client.close(reason);
            }
        } else if self.link.has_failed() {
            client.close(CANNOT_WRITE);
        } else if let Some(reason) = self.watch.verdict(now) {
            client.close(reason);
        } else if delivered >= self.units {
            // The last null messages are sent by then.
            if self.link.is_enough() {
                client.close(ENOUGH);
            } else if let Some(reason) = self.stop {
                client.close(reason);
            }
        }
    }

    /// Processes the result of a turn of the client.
    pub(super) fn after_turn(&mut self, client: &mut ClientConnection, now: Instant) {
        let mut has_records = false;
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Connected => self.connected(client, now),
                ClientEvent::Received(bytes) => self.record(|capture| capture.received(&bytes)),
                ClientEvent::Sent(bytes) => self.record(|capture| capture.sent(&bytes)),
                ClientEvent::Batch(batch) => {
                    self.units = batch.units();
                    if self.first_record.is_none() {
                        self.first_record = batch.record(0).map(|record| record.archival);
                    }
                    has_records |= batch.records().len() > 0;
                    self.link.batch(batch);
                }
                ClientEvent::Ended(end) => self.end = Some(end),
                _ => {}
            }
        }
        self.is_answered = client.is_answered();
        if let Some(session) = client.session() {
            self.listen(session, now);
            self.count(session);
            // The time counts as silence of the server only while nothing waits for an
            // output.
            if has_records || self.link.is_busy() || self.last.is_none() {
                self.last = Some(now);
            }
        }
    }

    /// Notices what the server has sent, and whether it has to wait: for an output, or for
    /// memory.
    fn listen(&mut self, session: &ClientSession, now: Instant) {
        self.watch.listen(session, self.link.is_busy(), now);
    }

    fn connected(&mut self, client: &ClientConnection, now: Instant) {
        let peer = client.tls().peer();
        self.watch.connected(now);
        self.link.began(server_number(peer, &self.name));
        let (ledger, source) = self.link.ledger();
        ledger.change(source, |counts| counts.connections += 1);
    }

    /// Writes to the recording. If that fails, the recording ends and the collection
    /// continues.
    fn record(&mut self, write: impl FnOnce(&mut Capture) -> io::Result<()>) {
        if let Some(capture) = &mut self.capture
            && let Err(error) = write(capture)
        {
            let (_, source) = self.link.ledger();
            warn!(
                source = &**source,
                "the recording stopped: {error}. The collection continues."
            );
            self.capture = None;
        }
    }

    fn count(&mut self, session: &ClientSession) {
        let now = Counted::of(session);
        let before = std::mem::replace(&mut self.counted, now);
        if now != before {
            let (ledger, source) = self.link.ledger();
            ledger.change(source, |counts| {
                counts.bytes += now.bytes - before.bytes;
                counts.bundles += now.bundles - before.bundles;
                counts.nulls += now.nulls - before.nulls;
                counts.quirks.add_since(&now.deviations, &before.deviations);
            });
        }
    }
}

const ENOUGH: &str = "the client has received the requested number of events";
const CANNOT_WRITE: &str = "the client cannot write its output";
