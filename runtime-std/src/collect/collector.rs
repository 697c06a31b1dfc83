//! The collector's end of one connection: from the event loop into the pipeline.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use estreamer_core::quirk::Quirk;
use estreamer_core::session::{ClientSession, Instant};
use estreamer_mio::batch::Batch;
use estreamer_mio::client::{ClientEnd, Sink};
use estreamer_mio::tls::TlsSession;

use super::Capture;
use crate::certificate;
use crate::delivery::dedup::server_number::server_number;
use crate::delivery::pipeline::link::Link;

/// What a connection and the one who made it know of each other.
pub(super) struct Line {
    pub(super) link: Link,
    /// Why it is to end, told to the server.
    stop: Cell<Option<&'static str>>,
    /// Why it ended.
    pub(super) end: RefCell<Option<ClientEnd>>,
    /// Whether the session has begun, and whether it brought events or nulls.
    pub(super) connected: Cell<bool>,
    pub(super) heard: Cell<bool>,
    /// Milliseconds of silence after the request before another form of it is
    /// tried, and whether they have passed.
    patience: Option<u32>,
    pub(super) silent: Cell<bool>,
    /// When the last event came or was delivered.
    pub(super) last: Cell<Option<Instant>>,
    /// When the session began.
    since: Cell<Option<Instant>>,
}

impl Line {
    pub(super) fn new(link: Link, patience: Option<u32>) -> Self {
        Self {
            link,
            patience,
            silent: Cell::default(),
            stop: Cell::default(),
            end: RefCell::default(),
            connected: Cell::default(),
            heard: Cell::default(),
            last: Cell::default(),
            since: Cell::default(),
        }
    }

    /// How long the session has stood.
    pub(super) fn stood(&self, now: Instant) -> Duration {
        let since = self.since.get().unwrap_or(now);
        Duration::from_millis(now.0.saturating_sub(since.0))
    }

    /// Records of its source that had not come before, over all of its
    /// connections. It does not matter when an output accepts them.
    pub(super) fn new_records(&self) -> u64 {
        let (ledger, source) = self.link.ledger();
        let counts = ledger.of(source);
        counts.received.saturating_sub(counts.duplicates)
    }

    /// Asks the connection to end: it reads no more, waits until what came is
    /// delivered, and tells the server why.
    pub(super) fn stop(&self, reason: &'static str) {
        if self.stop.get().is_none() {
            self.stop.set(Some(reason));
        }
    }
}

/// Hands the records of a connection on.
pub(super) struct Collector {
    line: Rc<Line>,
    capture: Option<Capture>,
    /// Tells the server from others of the source.
    name: String,
    /// What is told when the connection stands.
    news: Option<String>,
    /// Units handed on.
    units: u64,
    fresh: bool,
    /// When the request was sent, until the first byte comes.
    asked: Option<Instant>,
    any: bool,
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
    /// there is one; `news` is told when the connection stands.
    pub(super) fn new(
        line: Rc<Line>,
        capture: Option<Capture>,
        name: String,
        news: Option<String>,
    ) -> Self {
        Self {
            line,
            name,
            capture,
            news,
            units: 0,
            fresh: false,
            asked: None,
            any: false,
            counted: Counted::default(),
        }
    }

    /// Records something; a recording that fails ends, and the collection goes on.
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
            let (ledger, source) = self.line.link.ledger();
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

impl Sink for Collector {
    fn connected(&mut self, tls: &TlsSession) {
        if let Some(news) = &self.news {
            say!("estreamer: {news}.");
        }
        certificate::warn(tls.peer());
        self.line.connected.set(true);
        let server = server_number(tls.peer(), &self.name);
        self.line.link.began(server);
        let (ledger, source) = self.line.link.ledger();
        ledger.change(source, |counts| counts.connections += 1);
    }

    fn received(&mut self, bytes: &[u8]) {
        self.any = true;
        self.record(|capture| capture.received(bytes));
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.record(|capture| capture.sent(bytes));
    }

    fn null(&mut self) {
        self.line.heard.set(true);
    }

    fn batch(&mut self, batch: Batch) {
        self.units = batch.units;
        let any = batch.records().len() > 0;
        self.fresh |= any;
        // An error message alone is no success; an empty bundle is.
        self.line.heard.set(true);
        self.line.link.batch(batch);
    }

    fn delivered(&self) -> u64 {
        self.line.link.delivered()
    }

    fn reads(&self) -> bool {
        self.line.stop.get().is_none()
    }

    fn is_stirred(&self) -> bool {
        let link = &self.line.link;
        self.line.stop.get().is_some() || link.has_failed() || link.is_enough()
    }

    fn turn_ends(&mut self, session: &ClientSession, now: Instant) -> Option<Cow<'static, str>> {
        self.count(session);
        let line = &self.line;
        if line.since.get().is_none() {
            line.since.set(Some(now));
        }
        // Silence is the server's only while nothing waits for an output of ours.
        if std::mem::take(&mut self.fresh) || line.link.is_busy() || line.last.get().is_none() {
            line.last.set(Some(now));
        }
        if line.link.has_failed() {
            return Some(CANNOT_WRITE.into());
        }
        // The first turn comes right after the request was sent.
        self.asked.get_or_insert(now);
        if self.deadline().is_some_and(|due| now >= due) {
            line.silent.set(true);
            return Some(OTHER_FORM.into());
        }
        // The last nulls go out before the goodbye.
        if line.link.delivered() < self.units {
            return None;
        }
        if line.link.is_enough() {
            return Some(ENOUGH.into());
        }
        line.stop.get().map(Cow::from)
    }

    fn deadline(&self) -> Option<Instant> {
        let waits = self.line.patience.filter(|_| !self.any);
        Some(self.asked?.after(waits?))
    }

    fn ended(&mut self, end: ClientEnd, session: Option<&ClientSession>) {
        if let Some(session) = session {
            self.count(session);
        }
        *self.line.end.borrow_mut() = Some(end);
    }
}

const ENOUGH: &str = "the client has as many events as it wanted";
const OTHER_FORM: &str = "the client asks again, in another form";
const CANNOT_WRITE: &str = "the client cannot write its output";
