//! What the simulated server keeps: events by archival second.
//!
//! All connections share one archive, which lives as long as the server. Its
//! events are numbered in the order they were stored, and event `n` is the same
//! bytes for everyone who asks for the same fields, now, after a crash of the
//! client, and in another process with the same options. So a test can make the
//! archive it talked to again, and compare.
//!
//! - History is there from the beginning; live events are stored while the
//!   server runs ([`Live`]).
//! - A request's initial timestamp chooses: 0 everything, `ffffffff` only what
//!   is stored from now on, a time all history stored in that second or later.
//!   Live events follow in each case.

mod reader;
mod ring;
mod shape;
#[cfg(test)]
mod tests;

pub use reader::{ArchiveReader, NextEvent, Stored, StoredRef};

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use estreamer_core::wire::InitialTimestamp;

use super::generator::GeneratorOptions;
use super::replay::Replay;
use super::selection::{Selection, SelectionError};
use crate::catalog::Catalog;
use reader::View;
use ring::{Ring, Templates};
use shape::ArchiveShape;

/// Where an archive's events come from.
#[derive(Debug)]
pub enum ArchiveContent {
    /// The generator, by its options.
    Generated(GeneratorOptions),
    /// The lines of a file.
    Lines(Replay),
}

/// What an archive holds, and how it grows.
#[derive(Debug)]
pub struct ArchiveOptions {
    /// Where the events come from.
    pub content: ArchiveContent,
    /// Events there are from the beginning. Default: all lines of a file.
    pub history: Option<u64>,
    /// How further events are stored.
    pub live: Live,
    /// What is odd about generated events' archival seconds.
    pub oddities: Oddities,
}

/// How events are stored while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Live {
    /// Not at all.
    #[default]
    Nothing,
    /// So many a second, `burst` of them at a time.
    Rate {
        /// Events a second, at least 1.
        per_second: u32,
        /// Events stored at a time, at least 1.
        burst: u32,
    },
    /// By [`Archive::store`].
    ByHand,
    /// As fast as anybody reads them, without end.
    Endless,
}

/// What a collector has to live with in real archives. All 0: nothing odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oddities {
    /// Archival seconds are shuffled: an event may be this many seconds older
    /// than the newest before it.
    pub disorder: u32,
    /// One event in a hundred is stored this many seconds late.
    pub late: u32,
    /// Events, of 100, that are byte-identical twins of one shortly before in
    /// the same second; at most 50.
    pub twins: u8,
    /// Events in the second archival second; 0: as many as in the others.
    pub crowd: u64,
    /// Seconds by which the server's clock is set back after the history: live
    /// events are stored so much earlier.
    pub clock_back: u32,
    /// Seconds by which the server's clock is ahead of that of another server with
    /// the same events.
    pub clock_ahead: u32,
}

/// The archive. Clones are the same archive.
#[derive(Clone)]
pub struct Archive(Arc<ArchiveInner>);

struct ArchiveInner {
    source: EventSource,
    history: u64,
    live: Live,
    /// When live events began.
    clock: Instant,
    by_hand: AtomicU64,
    /// Events some reader has come past, for [`Live::Endless`].
    frontier: AtomicU64,
    /// The events as requests in use want them.
    views: Mutex<Vec<Weak<Templates>>>,
}

enum EventSource {
    Generated(Ring),
    Lines(Replay),
}

/// When an event is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Now,
    In(Duration),
    /// Not as far as the archive knows.
    Unknown,
    Never,
}

impl ArchiveOptions {
    /// The generator's first `count` events as history, and nothing more.
    pub fn generated(options: GeneratorOptions, count: u64) -> Self {
        Self {
            content: ArchiveContent::Generated(options),
            history: Some(count),
            live: Live::Nothing,
            oddities: Oddities::default(),
        }
    }
}

impl Archive {
    /// The archive; live events begin now.
    pub fn new(options: ArchiveOptions) -> Self {
        let (source, history) = match options.content {
            ArchiveContent::Lines(lines) => {
                let all = lines.len() as u64;
                let history = options.history.map_or(all, |count| count.min(all));
                (EventSource::Lines(lines), history)
            }
            ArchiveContent::Generated(generator) => {
                let history = options.history.unwrap_or(0);
                let shape = shape(&generator, history, options.live, options.oddities);
                (EventSource::Generated(Ring::new(generator, shape)), history)
            }
        };
        Self(Arc::new(ArchiveInner {
            source,
            history,
            live: options.live,
            clock: Instant::now(),
            by_hand: AtomicU64::new(0),
            frontier: AtomicU64::new(history),
            views: Mutex::new(Vec::new()),
        }))
    }

    /// Stores the next `count` events, live. They reach clients within
    /// milliseconds. Without effect unless the archive is [`Live::ByHand`].
    pub fn store(&self, count: u64) {
        if self.0.live == Live::ByHand {
            self.0.by_hand.fetch_add(count, Ordering::AcqRel);
        }
    }

    /// Events stored so far. Of an endless archive, those that were read.
    pub fn stored(&self) -> u64 {
        let inner = &*self.0;
        let live = match inner.live {
            Live::Nothing => 0,
            Live::ByHand => inner.by_hand.load(Ordering::Acquire),
            Live::Endless => return inner.frontier.load(Ordering::Acquire).min(self.end()),
            Live::Rate { per_second, burst } => {
                let burst = u64::from(burst.max(1));
                let turns = inner.clock.elapsed().as_nanos() * u128::from(per_second) / NANOS;
                turns as u64 / burst * burst
            }
        };
        inner.history.saturating_add(live).min(self.end())
    }

    /// What the request understood by this archive's catalogue asks for; the
    /// transform `opaque` is served too.
    pub(super) fn parse(
        &self,
        json: &[u8],
        opaque: Option<&str>,
    ) -> Result<Selection, SelectionError> {
        match &self.0.source {
            EventSource::Generated(_) => Selection::parse_with(json, &Catalog::built_in(), opaque),
            EventSource::Lines(lines) => Selection::parse_with(json, lines.catalog(), opaque),
        }
    }

    /// Every event stored so far, as a client that asks for the guide's example
    /// fields in JSON gets it.
    pub fn events(&self) -> Vec<Stored> {
        self.events_for(&self.example())
    }

    /// Every event stored so far that the request asks for, as it gets it.
    pub fn events_for(&self, request: &Selection) -> Vec<Stored> {
        let end = self.stored();
        let mut reader = self.read_from(request.clone(), 0);
        let mut events = Vec::new();
        while reader.position() < end {
            match reader.peek() {
                NextEvent::Event(event) => events.push(event.to_stored()),
                NextEvent::Busy => continue,
                NextEvent::Later(_) | NextEvent::Unknown | NextEvent::End => break,
            }
            reader.take();
        }
        events
    }

    /// The guide's example request: all four event types, as JSON.
    pub fn example(&self) -> Selection {
        match &self.0.source {
            EventSource::Generated(_) => Selection::example(&Catalog::built_in()),
            EventSource::Lines(lines) => Selection::example(lines.catalog()),
        }
    }

    /// What a client is sent that asks from this initial timestamp.
    pub fn read(&self, request: Selection, from: InitialTimestamp) -> ArchiveReader {
        let stored = self.stored();
        match from {
            InitialTimestamp::NOW => self.read_from(request, stored),
            InitialTimestamp::OLDEST => self.read_from(request, 0),
            InitialTimestamp(second) => {
                let (start, second) = match &self.0.source {
                    EventSource::Generated(ring) => {
                        let second = second.saturating_sub(ring.shape().clock_ahead);
                        (ring.shape().first(second, stored), second)
                    }
                    EventSource::Lines(_) => (0, second),
                };
                let mut reader = self.read_from(request, start);
                reader.leave_out(second, stored);
                reader
            }
        }
    }

    fn read_from(&self, request: Selection, start: u64) -> ArchiveReader {
        let view = match &self.0.source {
            EventSource::Generated(_) => View::Templates(self.templates(request)),
            EventSource::Lines(lines) => View::Lines(lines.view(request)),
        };
        ArchiveReader::new(self.clone(), view, start)
    }

    /// Readers of the same request share the rendered events.
    fn templates(&self, request: Selection) -> Arc<Templates> {
        let mut views = self.0.views.lock().unwrap_or_else(PoisonError::into_inner);
        views.retain(|view| view.strong_count() > 0);
        let mut found = views.iter().filter_map(Weak::upgrade);
        if let Some(view) = found.find(|view| view.request == request) {
            return view;
        }
        let view = Arc::new(Templates::new(request));
        views.push(Arc::downgrade(&view));
        view
    }

    /// The number no event has.
    fn end(&self) -> u64 {
        match &self.0.source {
            EventSource::Generated(_) => u64::MAX,
            EventSource::Lines(lines) => lines.len() as u64,
        }
    }

    /// When event `index` is there.
    fn due(&self, index: u64) -> Due {
        let inner = &*self.0;
        if index >= self.end() {
            return Due::Never;
        }
        let Some(nth) = index.checked_sub(inner.history) else {
            return Due::Now;
        };
        match inner.live {
            Live::Nothing => Due::Never,
            Live::Endless => Due::Now,
            Live::ByHand if nth < inner.by_hand.load(Ordering::Acquire) => Due::Now,
            Live::ByHand => Due::Unknown,
            Live::Rate { per_second, burst } => {
                let burst = u64::from(burst.max(1));
                let turns = u128::from((nth / burst).saturating_add(1)) * u128::from(burst);
                let nanos = (turns * NANOS).div_ceil(u128::from(per_second.max(1)));
                let due = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                match due.checked_sub(inner.clock.elapsed()) {
                    None | Some(Duration::ZERO) => Due::Now,
                    Some(wait) => Due::In(wait),
                }
            }
        }
    }

    fn passed(&self, index: u64) {
        if self.0.live == Live::Endless {
            self.0.frontier.fetch_max(index, Ordering::AcqRel);
        }
    }
}

const NANOS: u128 = 1_000_000_000;

fn shape(generator: &GeneratorOptions, history: u64, live: Live, odd: Oddities) -> ArchiveShape {
    let per_second = u64::from(generator.per_second.max(1));
    let (history, live_per_second) = match live {
        // An endless archive is all history, of which a part is yet to be read.
        Live::Endless => (u64::MAX, per_second),
        Live::Rate { per_second, .. } => (history, u64::from(per_second.max(1))),
        Live::Nothing | Live::ByHand => (history, per_second),
    };
    ArchiveShape {
        seed: generator.seed,
        start: generator.start,
        per_second,
        crowd: (odd.crowd > 0).then_some(odd.crowd),
        history,
        live_per_second,
        disorder: odd.disorder,
        late: odd.late,
        twins: odd.twins.min(50),
        clock_back: odd.clock_back,
        clock_ahead: odd.clock_ahead,
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive")
            .field("history", &self.0.history)
            .field("live", &self.0.live)
            .field("stored", &self.stored())
            .finish_non_exhaustive()
    }
}
