//! The live state of a run, and the snapshot of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use estreamer_core::quirk::Quirk;
use estreamer_mio::buffer::Pool;
use estreamer_mio::tls::CertificateFacts;

use super::cause::EndCause;
use super::process;
use super::rate::Samples;
use super::status::{
    Backlog, Bookmark, Bucket, ByEvent, Certificate, Latency, Memory, Named, Output, Process,
    RunState, Source, SourceState, Status, Trouble, VERSION, Volume,
};
use crate::delivery::counts::Counts;
use crate::delivery::ledger::Ledger;
use crate::delivery::output_counts::Failing;
use crate::delivery::pipeline::view::PipelineView;
use crate::delivery::volumes;
use crate::failure::{Failure, Wording};
use crate::sync::lock;

/// The live state of a run. Sources and pipeline write to it at each change, the event
/// loop about once a second; nothing is written per event.
pub(crate) struct Monitor {
    ledger: Arc<Ledger>,
    wording: Wording,
    started: SystemTime,
    configuration: Option<PathBuf>,
    live: Mutex<Live>,
}

struct Live {
    state: RunState,
    turned: Instant,
    state_directory: Option<PathBuf>,
    pool: Option<Pool>,
    pipeline: PipelineView,
    sources: BTreeMap<String, LiveSource>,
}

struct LiveSource {
    connection: Connection,
    identity: Facts,
    since: SystemTime,
    ends: [u64; EndCause::ALL.len()],
    trouble: Option<Trouble>,
    /// When it tries again.
    until: Option<SystemTime>,
    samples: Samples,
}

/// The connection of a source, or the lack of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Connection {
    pub(crate) state: SourceState,
    /// The time left until the next attempt.
    pub(crate) left: Option<Duration>,
    pub(crate) server: String,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) tls: Option<&'static str>,
    pub(crate) certificate: Option<Facts>,
}

/// What the status shows of a certificate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    subject: String,
    not_after: i64,
}

impl From<&CertificateFacts> for Facts {
    fn from(facts: &CertificateFacts) -> Self {
        Self {
            subject: facts.subject.clone(),
            not_after: facts.not_after,
        }
    }
}

impl Monitor {
    pub(crate) fn new(
        ledger: Arc<Ledger>,
        wording: Wording,
        configuration: Option<PathBuf>,
    ) -> Self {
        Self {
            ledger,
            wording,
            started: SystemTime::now(),
            configuration,
            live: Mutex::new(Live {
                state: RunState::Starting,
                turned: Instant::now(),
                state_directory: None,
                pool: None,
                pipeline: PipelineView::default(),
                sources: BTreeMap::new(),
            }),
        }
    }

    /// Records what the run does.
    pub(crate) fn set_state(&self, state: RunState) {
        let mut live = lock(&self.live);
        (live.state, live.turned) = (state, Instant::now());
    }

    /// Records the pipeline that now runs, and its state directory.
    pub(crate) fn set_pipeline(&self, pipeline: PipelineView, state_directory: Option<PathBuf>) {
        let mut live = lock(&self.live);
        (live.pipeline, live.state_directory) = (pipeline, state_directory);
    }

    /// Records the memory for events.
    pub(crate) fn set_pool(&self, pool: Pool) {
        lock(&self.live).pool = Some(pool);
    }

    /// Records which sources there are, with their identities.
    pub(crate) fn set_sources<'s>(
        &self,
        sources: impl Iterator<Item = (&'s str, &'s CertificateFacts)>,
    ) {
        let mut live = lock(&self.live);
        let mut before = std::mem::take(&mut live.sources);
        for (name, identity) in sources {
            let mut source = before
                .remove(name)
                .unwrap_or_else(|| LiveSource::new(identity));
            source.identity = identity.into();
            live.sources.insert(name.to_owned(), source);
        }
    }

    /// Records the connection of a source.
    pub(crate) fn set_connection(&self, source: &str, connection: Connection) {
        if let Some(live) = lock(&self.live).sources.get_mut(source) {
            if live.connection.state != connection.state {
                live.since = SystemTime::now();
            }
            live.until = connection.left.map(|left| SystemTime::now() + left);
            live.connection = connection;
        }
    }

    /// Counts the end of an attempt or of a connection.
    pub(crate) fn ended(&self, source: &str, cause: Option<EndCause>) {
        if let Some(live) = lock(&self.live).sources.get_mut(source)
            && let Some(count) = cause.and_then(|cause| live.ends.get_mut(cause as usize))
        {
            *count += 1;
        }
    }

    /// Records a failure of a source.
    pub(crate) fn failed(&self, source: &str, failure: &Failure) {
        if let Some(live) = lock(&self.live).sources.get_mut(source) {
            live.trouble = Some(Trouble {
                what: failure.what().to_owned(),
                remedy: self.wording.of(failure.remedy()),
                at: unix(SystemTime::now()),
            });
        }
    }

    /// Records that the event loop turns; call it about once a second.
    pub(crate) fn tick(&self) {
        let now = Instant::now();
        let counts = self.ledger.counts();
        let mut live = lock(&self.live);
        live.turned = now;
        for (name, counts) in &counts {
            if let Some(source) = live.sources.get_mut(&**name) {
                source.samples.record(now, counts);
            }
        }
    }

    /// Returns the status.
    pub(crate) fn status(&self) -> Status {
        // The event loop takes the lock of the live state: nothing waits, and no file is
        // read, while it is held.
        let counts: BTreeMap<Arc<str>, Counts> = self.ledger.counts().into_iter().collect();
        let pipeline = lock(&self.live).pipeline.clone();
        let (in_flight, outputs) = (pipeline.in_flight(), outputs(&pipeline));
        let (resident_bytes, descriptors) = (process::resident_bytes(), process::descriptors());
        let now = SystemTime::now();
        let live = lock(&self.live);
        let pool = live.pool.as_ref();
        let sources = live.sources.iter().map(|(name, source)| {
            let counts = counts.get(&**name).copied().unwrap_or_default();
            let flying = in_flight.get(&**name).copied().unwrap_or_default();
            self.source(name, source, &counts, flying, now)
        });
        let sources = sources.collect();
        let path = |path: &PathBuf| path.display().to_string();
        Status {
            version: VERSION,
            at: unix(now),
            state: live.state,
            loop_age: live.turned.elapsed().as_secs_f64(),
            process: Process {
                pid: std::process::id(),
                started: unix(self.started),
                version: env!("CARGO_PKG_VERSION").into(),
                target: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
                configuration: self.configuration.as_ref().map(path),
                state_directory: live.state_directory.as_ref().map(path),
                resident_bytes,
                descriptors,
            },
            memory: Memory {
                used_bytes: pool.map_or(0, |pool| pool.used() as u64),
                limit_bytes: pool.map_or(0, |pool| pool.budget() as u64),
            },
            journal_failure: self.ledger.journal().failing().map(trouble),
            sources,
            outputs,
        }
    }

    fn source(
        &self,
        name: &str,
        source: &LiveSource,
        counts: &Counts,
        in_flight: u64,
        now: SystemTime,
    ) -> Source {
        let position = self.ledger.position(name);
        let seconds = unix(now);
        let connection = &source.connection;
        let count = |(name, count): (&str, u64)| Named {
            name: name.to_owned(),
            count,
        };
        let certificate = |facts: &Facts| Certificate {
            subject: facts.subject.clone(),
            not_after: facts.not_after,
            days_left: (facts.not_after - seconds as i64).div_euclid(86_400),
        };
        let quirks = counts.quirks.seen();
        let ends = EndCause::ALL.iter().zip(source.ends);
        Source {
            name: name.to_owned(),
            state: connection.state,
            since: unix(source.since),
            until: source.until.map(unix),
            server: (!connection.server.is_empty()).then(|| connection.server.clone()),
            address: connection.address.map(|address| address.to_string()),
            tls: connection.tls.map(str::to_owned),
            server_certificate: connection.certificate.as_ref().map(certificate),
            identity: certificate(&source.identity),
            received: total(&counts.received),
            accepted: total(&counts.accepted),
            durable: total(&counts.durable),
            by_event: by_event(counts),
            stream_bytes: counts.bytes,
            bundles: counts.bundles,
            rate: source.samples.rate(Instant::now(), counts),
            newest: counts.newest,
            lag: counts.newest.map(|newest| seconds - f64::from(newest)),
            in_flight,
            duplicates: counts.duplicates,
            missing: counts.missing,
            malformed: counts.malformed,
            oversize: counts.oversize,
            dropped: counts.dropped,
            ahead: counts.ahead,
            unremembered: counts.unremembered,
            set_back: counts.set_back,
            disorder: counts.disorder,
            quirks: quirks
                .map(|(quirk, of)| count((Quirk::name(quirk), of)))
                .collect(),
            connections: counts.connections,
            server_changes: counts.server_changes,
            ends: ends.map(|(cause, of)| count((cause.name(), of))).collect(),
            trouble: source.trouble.clone(),
            bookmark: position.durable.map(|point| Bookmark {
                second: point.high,
                resume_from: point.resume_from,
                committed: position.committed.map(unix),
                age: position.committed.map(|at| seconds - unix(at)),
            }),
        }
    }
}

impl LiveSource {
    fn new(identity: &CertificateFacts) -> Self {
        Self {
            connection: Connection {
                state: SourceState::Connecting,
                left: None,
                server: String::new(),
                address: None,
                tls: None,
                certificate: None,
            },
            identity: identity.into(),
            since: SystemTime::now(),
            ends: Default::default(),
            trouble: None,
            until: None,
            samples: Samples::default(),
        }
    }
}

fn outputs(pipeline: &PipelineView) -> Vec<Output> {
    let outputs = pipeline.outputs().into_iter();
    let output = outputs.map(|(output, required, backlog)| {
        let totals = output.counts.totals();
        let latency = &output.counts.latency;
        let buckets: Vec<Bucket> = latency
            .buckets()
            .map(|(bound, count)| Bucket {
                up_to: Some(bound).filter(|bound| bound.is_finite()),
                count,
            })
            .collect();
        let batches = buckets.iter().map(|bucket| bucket.count).sum();
        Output {
            name: output.name.to_string(),
            kind: output.kind.to_owned(),
            required,
            failure: output.counts.standing.failing().map(trouble),
            latency: Latency {
                count: batches,
                sum: latency.sum(),
                buckets,
            },
            batches,
            bytes: totals.bytes,
            retries: output.counts.standing.retries(),
            backlog: Backlog {
                batches: backlog.batches,
                bytes: backlog.bytes,
                age: backlog.age.as_secs_f64(),
            },
            dropped: totals.dropped,
            filtered: totals.filtered,
        }
    });
    output.collect()
}

fn by_event(counts: &Counts) -> Vec<ByEvent> {
    let received = counts.received.by_event();
    let others = counts.accepted.by_event().zip(counts.durable.by_event());
    let events = received.zip(others);
    let event = events.map(
        |((event, received), ((_, accepted), (_, durable)))| ByEvent {
            event: event.to_owned(),
            received: volume(received),
            accepted: volume(accepted),
            durable: volume(durable),
        },
    );
    event.collect()
}

fn total(volumes: &volumes::Volumes) -> Volume {
    Volume {
        events: volumes.events(),
        bytes: volumes.bytes(),
    }
}

fn volume(of: volumes::Volume) -> Volume {
    Volume {
        events: of.events,
        bytes: of.bytes,
    }
}

fn trouble(failing: Failing) -> Trouble {
    Trouble {
        what: failing.why,
        remedy: "The write is retried. Make room, or check the disk or the receiver".into(),
        at: unix(failing.since),
    }
}

/// UNIX seconds, to the millisecond.
fn unix(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1000.0
}
