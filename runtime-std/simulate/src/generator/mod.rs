//! Events nobody had to suffer: deterministic, related, in the FMC's shapes.
//!
//! A [`Generator`] keeps a handful of connections open, as a sensor does, and
//! reports what happens on them. Its events of all four types therefore belong
//! together: an intrusion, its packets and the files of a connection carry the
//! `DeviceUUID`, `InstanceID`, `FirstPacketSecond` and `ConnectionID` of that
//! connection's own start and end events. The same [`Options`] give the same
//! events, byte for byte, on every machine.
//!
//! Events are data ([`Event`]); writing them as JSON or CSV is a second step
//! ([`render_json`], [`render_csv`]). The [archive](super::archive) goes round a
//! ring of events rendered once, and so is faster.

mod connection;
mod event;
mod fields;
mod file;
mod frame;
mod intrusion;
mod render;
pub(crate) mod rng;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use event::{EventKind, FieldValue, GeneratedEvent};
pub use fields::{FieldNames, field_names};
pub(crate) use render::{push_csv_value, push_integer, render_csv_noting, render_json_noting};
pub use render::{render_csv, render_json};

use connection::{Device, SimulatedConnection};
use intrusion::Alert;
use rng::Rng;
use std::collections::VecDeque;

/// How many connections are open at a time, once under way.
const OPEN_LEAST: usize = 4;
const OPEN_MOST: usize = 32;
/// Alerts whose packet has not been reported yet; older ones are given up.
const ALERTS_MOST: usize = 64;
const DEVICES: usize = 3;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratorOptions {
    /// Chooses the events. Default 1.
    pub seed: u64,
    /// How often each event type comes.
    pub mix: Mix,
    /// How long the texts and packets are.
    pub size: PayloadSize,
    /// Archival second of the first event, UNIX time. Default 1750000000.
    pub start: u32,
    /// Events stored in one archival second before the next begins; 0 counts
    /// as 1. Default 100.
    pub per_second: u32,
    /// Connections over IPv6, of 100. Default 25.
    pub ipv6_percent: u8,
    /// Connections, of 100, whose names, URLs and files are awkward to carry:
    /// quotes, backslashes, control characters, line ends, many scripts,
    /// emoji. Default 10.
    pub awkward_percent: u8,
}

impl Default for GeneratorOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            mix: Mix::default(),
            size: PayloadSize::Typical,
            start: 1_750_000_000,
            per_second: 100,
            ipv6_percent: 25,
            awkward_percent: 10,
        }
    }
}

/// Relative weights of the event types. Any stretch of events as long as their
/// sum holds each type about as often as its weight; 0 leaves a type out. All
/// four 0 counts as the default, 5:2:2:1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Connection events, starts and ends together.
    pub connection: u32,
    /// Intrusion events.
    pub intrusion: u32,
    /// Intrusion packets.
    pub packet: u32,
    /// File events.
    pub file: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            connection: 5,
            intrusion: 2,
            packet: 2,
            file: 1,
        }
    }
}

/// How large events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadSize {
    /// The fields an event cannot do without: about 0.8 KiB of JSON.
    Small,
    /// Like a real Management Center's: about 1.2 KiB.
    #[default]
    Typical,
    /// URLs of some KiB and full Ethernet frames: 2 to 4 KiB.
    Large,
}

/// The source of events. Never ends.
#[derive(Debug, Clone)]
pub struct Generator {
    options: GeneratorOptions,
    rng: Rng,
    devices: Vec<Device>,
    open: Vec<SimulatedConnection>,
    alerts: VecDeque<Alert>,
    /// What each type is owed, in the order of [`EventKind::ALL`].
    credit: [i64; 4],
    weights: [i64; 4],
    generated: u64,
    next_connection_id: u32,
    next_event_id: u32,
}

impl Generator {
    /// A generator at its first event.
    pub fn new(options: GeneratorOptions) -> Self {
        let mut rng = Rng::new(options.seed);
        let devices = (0..DEVICES).map(|n| Device::new(n, &mut rng)).collect();
        let mix = match options.mix {
            Mix {
                connection: 0,
                intrusion: 0,
                packet: 0,
                file: 0,
            } => Mix::default(),
            mix => mix,
        };
        let weights = [mix.connection, mix.intrusion, mix.packet, mix.file].map(i64::from);
        let next_connection_id = rng.below(30_000) as u32 + 1;
        let next_event_id = rng.below(1_000) as u32 + 1;
        Self {
            options,
            rng,
            devices,
            open: Vec::new(),
            alerts: VecDeque::new(),
            credit: [0; 4],
            weights,
            generated: 0,
            next_connection_id,
            next_event_id,
        }
    }

    /// What it was made with.
    pub fn options(&self) -> &GeneratorOptions {
        &self.options
    }

    /// The next event. Its archival second never goes back.
    pub fn next_event(&mut self) -> GeneratedEvent {
        let now = archival(&self.options, self.generated);
        self.generated += 1;
        self.next_event_at(now)
    }

    /// The next event, at a second of the caller's choice that never goes back.
    pub(crate) fn next_event_at(&mut self, now: u32) -> GeneratedEvent {
        match self.next_kind() {
            EventKind::Connection => self.connection_event(now),
            EventKind::Intrusion => {
                let (alert, event) = self.alert(now);
                self.remember(alert);
                event
            }
            EventKind::Packet => self.packet_event(now),
            EventKind::File => self.file_event(now),
        }
    }

    /// Smooth weighted round robin: in proportion, and never in clumps.
    fn next_kind(&mut self) -> EventKind {
        let mut chosen = 0;
        for (i, weight) in self.weights.iter().enumerate() {
            self.credit[i] += weight;
            if self.credit[i] > self.credit[chosen] {
                chosen = i;
            }
        }
        self.credit[chosen] -= self.weights.iter().sum::<i64>();
        EventKind::ALL[chosen]
    }

    fn connection_event(&mut self, now: u32) -> GeneratedEvent {
        let few = self.open.len() < OPEN_LEAST;
        if few || (self.open.len() < OPEN_MOST && self.rng.percent(50)) {
            let connection = self.new_connection(now, false);
            let event = connection.start_event(&self.devices, &self.options, now, &mut self.rng);
            if !connection.blocked {
                self.open.push(connection);
            }
            event
        } else {
            // Not always the oldest: some connections live long.
            let at = self.rng.below(self.open.len() as u64) as usize;
            let connection = self.open.swap_remove(at);
            connection.end_event(&self.devices, &self.options, now, &mut self.rng)
        }
    }

    fn new_connection(&mut self, now: u32, with_files: bool) -> SimulatedConnection {
        let id = self.next_connection_id;
        self.next_connection_id = id.wrapping_add(1).max(1);
        SimulatedConnection::new(id, now, with_files, &self.options, &mut self.rng)
    }

    /// An open connection, one that carries files if need be. Where there is
    /// none, one is opened whose start was not logged.
    fn some_connection(&mut self, now: u32, with_files: bool) -> SimulatedConnection {
        let fits = |c: &&SimulatedConnection| !with_files || c.carries_files();
        let count = self.open.iter().filter(fits).count();
        if count > 0 {
            let nth = self.rng.below(count as u64) as usize;
            if let Some(found) = self.open.iter().filter(fits).nth(nth) {
                return found.clone();
            }
        }
        let connection = self.new_connection(now, with_files);
        if self.open.len() < OPEN_MOST && !connection.blocked {
            self.open.push(connection.clone());
        }
        connection
    }

    fn alert(&mut self, now: u32) -> (Alert, GeneratedEvent) {
        let connection = self.some_connection(now, false);
        let id = self.next_event_id;
        self.next_event_id = id.wrapping_add(1).max(1);
        let alert = Alert::new(connection, id, now, &mut self.rng);
        let event = alert.event(&self.devices, &self.options, now, &mut self.rng);
        (alert, event)
    }

    fn remember(&mut self, alert: Alert) {
        self.alerts.push_back(alert);
        if self.alerts.len() > ALERTS_MOST {
            self.alerts.pop_front();
        }
    }

    fn packet_event(&mut self, now: u32) -> GeneratedEvent {
        let mut alert = match self.alerts.pop_front() {
            Some(alert) => alert,
            None => self.alert(now).0,
        };
        let event = alert.packet_event(&self.devices, &self.options, now, &mut self.rng);
        // Some alerts log more than the packet that set them off.
        if self.rng.percent(20) {
            self.remember(alert);
        }
        event
    }

    fn file_event(&mut self, now: u32) -> GeneratedEvent {
        let connection = self.some_connection(now, true);
        file::event(
            &connection,
            &self.devices,
            &self.options,
            now,
            &mut self.rng,
        )
    }
}

impl Iterator for Generator {
    type Item = GeneratedEvent;

    fn next(&mut self) -> Option<GeneratedEvent> {
        Some(self.next_event())
    }
}

/// Archival second of the `n`th event, counted from 0.
fn archival(options: &GeneratorOptions, n: u64) -> u32 {
    let passed = n / u64::from(options.per_second.max(1));
    // The end of 32-bit time is far; standing still there beats going back.
    u32::try_from(u64::from(options.start) + passed).unwrap_or(u32::MAX)
}
