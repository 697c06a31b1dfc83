//! What a source does with its connection: passes records on, and decides when it
//! ends.

use std::io;
use std::time::Duration;

use estreamer_core::quirk::Quirk;
use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::client::{Client, ClientEnd, ClientEvent};

use super::Capture;
use crate::certificate;
use crate::delivery::dedup::server_number::server_number;
use crate::delivery::pipeline::link::Link;

/// Passes the records of one connection on to the pipeline. Its owner calls
/// [`command`](Self::command) before, and [`after_turn`](Self::after_turn) after
/// each turn of the client.
pub(super) struct Collector {
    pub(super) link: Link,
    capture: Option<Capture>,
    /// Tells the server from others of the source.
    name: String,
    /// What is told when the connection is established.
    news: Option<String>,
    /// Milliseconds of silence after the request before another form of it is
    /// tried, and whether they have passed.
    patience: Option<u32>,
    is_silent: bool,
    /// Whether the session has begun, and whether the server answered.
    is_connected: bool,
    is_answered: bool,
    /// Whether anything was received.
    has_bytes: bool,
    /// When the session began, and when the last event was received or delivered.
    since: Option<Instant>,
    last: Option<Instant>,
    /// Units passed on.
    units: u64,
    /// Why it is to end, told to the server.
    stop: Option<&'static str>,
    end: Option<ClientEnd>,
    /// What of the session is in the ledger already.
    counted: Counted,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    bytes: u64,
    bundles: u64,
    nulls: u64,
    gaps: u64,
    covers_extension: u64,
    covers_header: u64,
    no_extension: u64,
    not_json: u64,
}

impl Counted {
    fn of(session: &ClientSession) -> Self {
        let statistics = session.statistics();
        let showed = |quirk| statistics.deviations.of(quirk).into();
        Self {
            bytes: statistics.bytes,
            bundles: statistics.bundles,
            nulls: session.acknowledged(),
            gaps: showed(Quirk::SequenceGap),
            covers_extension: showed(Quirk::RecordCoversExtension),
            covers_header: showed(Quirk::RecordCoversHeader),
            no_extension: showed(Quirk::NoExtension),
            not_json: showed(Quirk::DataNotJson),
        }
    }
}

impl Collector {
    /// `name` tells this server from others of the source, and is empty where
    /// there is one; `news` is told when the connection is established.
    pub(super) fn new(
        link: Link,
        capture: Option<Capture>,
        name: String,
        news: Option<String>,
        patience: Option<u32>,
    ) -> Self {
        Self {
            link,
            capture,
            name,
            news,
            patience,
            is_silent: false,
            is_connected: false,
            is_answered: false,
            has_bytes: false,
            since: None,
            last: None,
            units: 0,
            stop: None,
            end: None,
            counted: Counted::default(),
        }
    }

    /// Whether the session has begun.
    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether the server answered the request.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether it ended because the server was silent after the request.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Returns when the last event was received or delivered.
    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Returns how long the session has existed.
    pub(super) fn age(&self, now: Instant) -> Duration {
        let since = self.since.unwrap_or(now);
        Duration::from_millis(now.0.saturating_sub(since.0))
    }

    /// Returns the new records of its source, over all of its connections. It does
    /// not matter when an output accepts them.
    pub(super) fn new_records(&self) -> u64 {
        let (ledger, source) = self.link.ledger();
        let counts = ledger.of(source);
        counts.received.saturating_sub(counts.duplicates)
    }

    /// Returns when [`command`](Self::command) is due although nothing happens.
    pub(super) fn due(&self) -> Option<Instant> {
        let waits = self.patience.filter(|_| !self.has_bytes);
        Some(self.since?.after(waits?))
    }

    /// Returns why the connection ended, once.
    pub(super) fn take_end(&mut self) -> Option<ClientEnd> {
        self.end.take()
    }

    /// Says that the connection could not be made.
    pub(super) fn failed(&mut self, end: ClientEnd) {
        self.end = Some(end);
    }

    /// Asks the connection to end: it reads no more, waits until what was received
    /// is delivered, and tells the server why.
    pub(super) fn stop(&mut self, reason: &'static str) {
        self.stop.get_or_insert(reason);
    }

    /// Tells the client what was delivered, and closes it when it is time.
    pub(super) fn command(&mut self, client: &mut Client, now: Instant) {
        let delivered = self.link.delivered();
        client.delivered(delivered);
        if self.stop.is_some() {
            client.pause();
        }
        if !self.is_connected {
            if let Some(reason) = self.stop {
                client.close(reason);
            }
        } else if self.link.has_failed() {
            client.close(CANNOT_WRITE);
        } else if self.due().is_some_and(|due| now >= due) {
            self.is_silent = true;
            client.close(OTHER_FORM);
        } else if delivered >= self.units {
            // By then the last null messages are sent.
            if self.link.is_enough() {
                client.close(ENOUGH);
            } else if let Some(reason) = self.stop {
                client.close(reason);
            }
        }
    }

    /// Takes what happened in a turn of the client.
    pub(super) fn after_turn(&mut self, client: &mut Client, now: Instant) {
        let mut has_records = false;
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Connected => self.connected(client, now),
                ClientEvent::Received(bytes) => self.record(|capture| capture.received(&bytes)),
                ClientEvent::Sent(bytes) => self.record(|capture| capture.sent(&bytes)),
                ClientEvent::Batch(batch) => {
                    self.units = batch.units();
                    has_records |= batch.records().len() > 0;
                    self.link.batch(batch);
                }
                ClientEvent::Ended(end) => self.end = Some(end),
                _ => {}
            }
        }
        self.has_bytes = client.bytes_received() > 0;
        self.is_answered = client.is_answered();
        if let Some(session) = client.session() {
            self.count(session);
            // Silence is the server's only while nothing waits for an output of ours.
            if has_records || self.link.is_busy() || self.last.is_none() {
                self.last = Some(now);
            }
        }
    }

    fn connected(&mut self, client: &Client, now: Instant) {
        if let Some(news) = &self.news {
            say!("estreamer: {news}.");
        }
        let peer = client.tls().peer();
        certificate::warn(peer);
        self.is_connected = true;
        self.since = Some(now);
        self.link.began(server_number(peer, &self.name));
        let (ledger, source) = self.link.ledger();
        ledger.change(source, |counts| counts.connections += 1);
    }

    /// Writes to the recording. A recording that fails ends; the collection goes on.
    fn record(&mut self, write: impl FnOnce(&mut Capture) -> io::Result<()>) {
        if let Some(capture) = &mut self.capture
            && let Err(error) = write(capture)
        {
            say!("estreamer: the recording ends here: {error}. Events are not affected.");
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
                counts.gaps += now.gaps - before.gaps;
                counts.covers_extension += now.covers_extension - before.covers_extension;
                counts.covers_header += now.covers_header - before.covers_header;
                counts.no_extension += now.no_extension - before.no_extension;
                counts.not_json += now.not_json - before.not_json;
            });
        }
    }
}

const ENOUGH: &str = "the client has as many events as it wanted";
const OTHER_FORM: &str = "the client asks again, in another form";
const CANNOT_WRITE: &str = "the client cannot write its output";
