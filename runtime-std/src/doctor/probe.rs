//! Observes one connection until its goal is reached.

use std::net::SocketAddr;
use std::time::Duration;

use estreamer_core::fqe::EventKind;
use estreamer_core::session::Instant;
use estreamer_mio::buffer::{Batch, RecordKind};
use estreamer_mio::client::{ClientConnection, ClientEnd, ClientEvent};
use estreamer_mio::event_loop::after;
use estreamer_mio::tls::CertificateFacts;

/// The observations of one connection.
#[derive(Debug, Default)]
pub(super) struct Observations {
    /// The local address, if TCP was connected.
    pub(super) local: Option<SocketAddr>,
    /// The parameters of TLS, if the handshake succeeded.
    pub(super) tls: Option<Agreed>,
    /// The first received bytes.
    pub(super) bytes: Vec<u8>,
    /// Milliseconds from the request to the answer: an event, a null message or a
    /// bundle.
    pub(super) answered: Option<u64>,
    /// Null messages.
    pub(super) nulls: u64,
    /// Events by kind; the last element counts those of unknown kinds.
    counts: [u64; EventKind::ALL.len() + 1],
    /// Records that are malformed or too large.
    pub(super) unreadable: u64,
    /// Milliseconds from the request to the first events, or to the end.
    pub(super) after: u64,
    /// Why the connection ended.
    pub(super) end: Option<ClientEnd>,
}

/// The negotiated parameters of TLS.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) version: &'static str,
    pub(super) cipher: &'static str,
    pub(super) certificate: Option<CertificateFacts>,
}

impl Observations {
    pub(super) fn events(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn count(&mut self, batch: &Batch) {
        for record in batch.records() {
            if record.kind != RecordKind::Event {
                self.unreadable += 1;
                continue;
            }
            let place = EventKind::ALL
                .iter()
                .position(|kind| kind.record_type() == record.record_type)
                .unwrap_or(EventKind::ALL.len());
            self.counts[place] += 1;
        }
    }

    /// Returns the number of events of each kind that was received.
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

/// The goal of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Until TCP is connected.
    Connect,
    /// Until events arrive, for at most this many milliseconds.
    Events { wait: Duration },
    /// Until the server answers, for at most this many milliseconds.
    Answer { wait: Duration },
}

/// Observes one connection until its goal is reached.
pub(super) struct Probe {
    seen: Observations,
    goal: Goal,
    /// When the request was sent.
    requested: Option<Instant>,
}

impl Probe {
    pub(super) fn new(goal: Goal) -> Self {
        Self {
            seen: Observations::default(),
            goal,
            requested: None,
        }
    }

    /// Returns the observations.
    pub(super) fn into_seen(self) -> Observations {
        self.seen
    }

    /// Records that the connection could not be established.
    pub(super) fn failed(&mut self, end: ClientEnd) {
        self.seen.end = Some(end);
    }

    /// Returns whether the connection has ended.
    pub(super) fn is_over(&self) -> bool {
        self.seen.end.is_some()
    }

    /// Returns when [`command`](Self::command) is due if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.goal {
            Goal::Connect => None,
            Goal::Events { wait } | Goal::Answer { wait } => Some(after(self.requested?, wait)),
        }
    }

    /// Closes the client when the goal is reached or the time is up. Nothing is
    /// acknowledged, so the server sends no more than the first events.
    pub(super) fn command(&mut self, client: &mut ClientConnection, now: Instant) {
        let is_enough = match self.goal {
            Goal::Connect => self.seen.local.is_some(),
            Goal::Answer { .. } => client.is_answered(),
            Goal::Events { .. } => self.seen.events() > 0,
        };
        if is_enough || self.due().is_some_and(|due| now >= due) {
            if let (false, Some(requested)) = (is_enough, self.requested) {
                self.seen.after = now.0.saturating_sub(requested.0);
            }
            client.close(ENOUGH);
        }
    }

    /// Processes the result of a turn of the client.
    pub(super) fn after_turn(&mut self, client: &mut ClientConnection, now: Instant) {
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::TcpConnected { local } => self.seen.local = Some(local),
                ClientEvent::Connected => {
                    self.requested = Some(now);
                    let tls = client.tls();
                    self.seen.tls = Some(Agreed {
                        version: tls.protocol_version().unwrap_or("TLS"),
                        cipher: tls.cipher_suite().unwrap_or("an unknown cipher suite"),
                        certificate: tls.peer().cloned(),
                    });
                }
                ClientEvent::Received(bytes) => {
                    let room = KEPT.saturating_sub(self.seen.bytes.len());
                    let kept = &bytes[..bytes.len().min(room)];
                    self.seen.bytes.extend_from_slice(kept);
                }
                ClientEvent::Batch(batch) => self.seen.count(&batch),
                ClientEvent::Ended(end) => self.seen.end = Some(end),
                _ => {}
            }
        }
        let (Some(requested), Some(session)) = (self.requested, client.session()) else {
            return;
        };
        self.seen.nulls = session.statistics().nulls;
        // The time to close the session does not count.
        if session.end().is_none() {
            self.seen.after = now.0.saturating_sub(requested.0);
        }
        if client.is_answered() {
            self.seen.answered.get_or_insert(self.seen.after);
        }
    }
}

/// The number of received bytes that are kept.
const KEPT: usize = 64 << 10;
pub(super) const ENOUGH: &str = "the diagnosis is complete";
