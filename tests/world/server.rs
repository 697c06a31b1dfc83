//! A server with its archive, and the connection to it, byte by byte.

use std::collections::VecDeque;

use estreamer::fuzzing::collector::{RECORD_TYPE, Sent};
use estreamer::fuzzing::server::ModelServer;
use estreamer_core::decode::Limits;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{ClientConfig, Instant};
use estreamer_core::wire::{BundleHeader, BundleWriter, Event, InitialTimestamp, Null};
use estreamer_mio::buffer::{Batch, BundleStart};
use estreamer_mio::fuzzing::ByteReceiver;

/// The deviations that a server of a world may have.
const DEVIATIONS: [Quirks; 6] = [
    Quirks::NONE,
    Quirks::NONE.with(Quirk::RecordCoversExtension),
    Quirks::NONE.with(Quirk::RecordCoversHeader),
    Quirks::NONE.with(Quirk::NestedVersion0),
    Quirks::NONE.with(Quirk::EventType3),
    Quirks::NONE.with(Quirk::ExtendedFlag),
];
/// The bundles that a server sends ahead of null messages.
const UNACKNOWLEDGED: usize = 3;
/// The size of an arena of the client, in bytes.
const ARENA: usize = 512;

/// A server and the connection to it.
pub(crate) struct Server {
    pub(crate) archive: ModelServer,
    quirks: Quirks,
    connection: Option<Connection>,
}

struct Connection {
    client: ByteReceiver,
    /// What is on its way to the client.
    to_client: VecDeque<u8>,
    /// What is on its way to the server.
    to_server: Vec<u8>,
    sequence: u32,
    /// Bundles without a null message.
    unacknowledged: usize,
}

impl Server {
    /// Returns a server whose clock is ahead of ours.
    pub(crate) fn new(ahead: u32, deviation: usize) -> Self {
        Self {
            archive: ModelServer::ahead(ahead),
            quirks: DEVIATIONS[deviation % DEVIATIONS.len()],
            connection: None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Connects a client, which asks for events from this second on.
    pub(crate) fn connect(&mut self, from: InitialTimestamp, now: u64) {
        self.archive.connect(from);
        let mut config = ClientConfig::default();
        let mut limits = Limits::DEFAULT;
        (limits.record, limits.message) = (256, 1024);
        config.limits = limits;
        config.ahead = 1;
        let client = ByteReceiver::new(ARENA, config, instant(now)).expect("a large arena");
        self.connection = Some(Connection {
            client,
            to_client: VecDeque::new(),
            to_server: Vec::new(),
            sequence: 0,
            unacknowledged: 0,
        });
    }

    /// Cuts the connection.
    pub(crate) fn cut(&mut self) {
        self.archive.disconnect();
        self.connection = None;
    }

    /// Sends a bundle, unless null messages are missing. Returns whether it did.
    pub(crate) fn send(&mut self, events: usize) -> bool {
        self.take_nulls();
        let may = |of: &Connection| of.unacknowledged <= UNACKNOWLEDGED;
        let sends = self.connection.as_ref().is_some_and(may) && self.archive.send(events);
        self.encode();
        sends
    }

    /// Sends the last bundle once more.
    pub(crate) fn repeat(&mut self) {
        if self.connection.is_some() {
            self.archive.repeat();
            self.encode();
        }
    }

    /// Sends a null message.
    pub(crate) fn send_null(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.to_client.extend(Null::BYTES);
        }
    }

    /// Time passes; a client leaves a server that has been silent for too long.
    pub(crate) fn wait_until(&mut self, now: u64) {
        if let Some(connection) = &mut self.connection {
            let waited = connection.client.timeout(instant(now));
            let probe = connection.client.transmit(instant(now));
            connection.to_server.extend(probe);
            if waited.is_err() {
                self.cut();
            }
        }
    }

    /// The next bytes arrive. Each batch goes to `take`; after an error of it, no more do.
    /// Returns whether there was anything.
    pub(crate) fn arrive<E>(
        &mut self,
        bytes: usize,
        now: u64,
        mut take: impl FnMut(&Batch) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(connection) = &mut self.connection else {
            return Ok(false);
        };
        let count = bytes.min(connection.to_client.len());
        let arrived: Vec<u8> = connection.to_client.drain(..count).collect();
        let (mut units, mut failed) = (0, None);
        let received = connection.client.receive(&arrived, instant(now), |batch| {
            units = batch.units();
            if failed.is_none() {
                failed = take(&batch).err();
            }
        });
        received.expect("the server keeps to the protocol");
        if let Some(error) = failed {
            return Err(error);
        }
        connection.client.delivered(units);
        let nulls = connection.client.transmit(instant(now));
        connection.to_server.extend(nulls);
        Ok(count > 0)
    }

    fn take_nulls(&mut self) {
        if let Some(connection) = &mut self.connection {
            let nulls = connection.to_server.len() / Null::BYTES.len();
            connection.to_server.clear();
            connection.unacknowledged = connection.unacknowledged.saturating_sub(nulls);
        }
    }

    fn encode(&mut self) {
        let sent = self.archive.receive(usize::MAX);
        let Some(connection) = &mut self.connection else {
            return;
        };
        let mut bundles: Vec<(u32, Vec<Sent>)> = Vec::new();
        for event in sent {
            match event.1 {
                Some(BundleStart::Next) => {
                    connection.sequence += 1;
                    bundles.push((connection.sequence, vec![event]));
                }
                Some(_) => bundles.push((connection.sequence, vec![event])),
                None => bundles.last_mut().expect("it began").1.push(event),
            }
        }
        for (sequence, events) in bundles {
            let mut buffer = [0; 2048];
            let header = BundleHeader {
                connection_id: 1,
                sequence,
            };
            let mut bundle = BundleWriter::new(&mut buffer, header, self.quirks).expect("room");
            for ((second, text), _) in events {
                let data = json(&text);
                let event = Event::new(RECORD_TYPE, Some(second), data.as_bytes());
                bundle.push(&event).expect("room");
            }
            connection.to_client.extend(bundle.finish());
            connection.unacknowledged += 1;
        }
    }
}

/// Returns the event with this text as it is sent.
pub(crate) fn json(text: &str) -> String {
    format!("{{\"e\":\"{text}\"}}")
}

fn instant(now: u64) -> Instant {
    Instant(now * 1000)
}
