//! Measures how many bundles a server sends without waiting, and whether it counts null
//! messages that are sent ahead of need.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::Instant;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::client::{ClientConnection, ClientEvent};
use estreamer_mio::event_loop::{EndpointId, EventLoop};

use super::attempt::client_options;
use super::options::DoctorOptions;
use super::probe::ENOUGH;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credit {
    /// Bundles that the server sends without a null message.
    pub(super) window: u64,
    /// Events in a bundle, on average.
    pub(super) events: u64,
    /// Milliseconds from a null message to the next bundle.
    pub(super) round_trip: u64,
    pub(super) deed: Deed,
}

/// What the server does with null messages ahead of need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// It sends a bundle for each.
    Counts,
    Ignores,
    /// It ends the connection.
    Objects,
}

/// Null messages that are sent ahead of need: more than a server that waits sends bundles by
/// itself.
pub(super) const SENT: u32 = 64;
/// A server that sends so many bundles by itself does not wait.
const MANY: u64 = SENT as u64;
/// Without a bundle for so many milliseconds, the server waits.
const QUIET: u32 = 500;

/// Collects a few bundles from the oldest event on. Returns `None` if the server has too
/// few events to tell, or does not wait for null messages.
pub(super) fn measure(
    event_loop: &mut EventLoop<ClientConnection>,
    options: &DoctorOptions<'_>,
    address: SocketAddr,
    form: RequestForm,
) -> io::Result<Option<Credit>> {
    let mut client = client_options(event_loop, options, address, form, InitialTimestamp::OLDEST);
    client.session.ahead = 0;
    client.session.prepaid = SENT;
    let Ok(client) = ClientConnection::new(options.tls, client, event_loop.now()) else {
        return Ok(None);
    };
    let id = event_loop.add(client)?;
    let mut bundles = Bundles {
        event_loop,
        id,
        units: 0,
        events: 0,
        has_ended: false,
    };
    let measured = bundles.measure(options.wait)?;
    bundles.close()?;
    event_loop.remove(id);
    Ok(measured)
}

/// A connection whose bundles are counted.
struct Bundles<'a> {
    event_loop: &'a mut EventLoop<ClientConnection>,
    id: EndpointId,
    units: u64,
    events: u64,
    has_ended: bool,
}

impl Bundles<'_> {
    fn measure(&mut self, wait: Duration) -> io::Result<Option<Credit>> {
        let wait = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        self.await_units(1, wait)?;
        let window = self.await_units(MANY, QUIET)?;
        if window == 0 || window >= MANY || self.has_ended {
            return Ok(None);
        }
        let sent = self.event_loop.now();
        self.deliver(1);
        self.await_units(window + 1, 4 * QUIET)?;
        let round_trip = self.event_loop.now().0.saturating_sub(sent.0);
        let patience = QUIET.saturating_add(u32::try_from(round_trip).unwrap_or(u32::MAX));
        let more = self.await_units(window + 1 + u64::from(SENT), patience)? - window;
        let deed = match self.has_ended {
            true => Some(Deed::Objects),
            false if more > window => Some(Deed::Counts),
            // It ignores them, or has no more events.
            false => {
                let before = self.units;
                self.deliver(before);
                let after = self.await_units(before + 1, patience)?;
                (after > before).then_some(Deed::Ignores)
            }
        };
        Ok(deed.map(|deed| Credit {
            window,
            events: self.events / self.units.max(1),
            round_trip,
            deed,
        }))
    }

    /// Ends the connection in order.
    fn close(&mut self) -> io::Result<()> {
        if let Some(client) = self.event_loop.get_mut(self.id) {
            client.close(ENOUGH);
        }
        while !self.has_ended {
            self.event_loop.wait(None)?;
            self.turns();
        }
        Ok(())
    }

    fn deliver(&mut self, units: u64) {
        if let Some(client) = self.event_loop.get_mut(self.id) {
            client.delivered(units);
        }
    }

    /// Receives until there are so many bundles, none comes for this time, or the
    /// connection ends. Returns how many there are.
    fn await_units(&mut self, units: u64, milliseconds: u32) -> io::Result<u64> {
        let mut due = self.event_loop.now().after(milliseconds);
        while self.units < units && !self.has_ended {
            let now = self.event_loop.now();
            if now >= due {
                break;
            }
            let before = self.units;
            self.turn(due, now)?;
            if self.units > before {
                due = self.event_loop.now().after(milliseconds);
            }
        }
        Ok(self.units)
    }

    fn turn(&mut self, due: Instant, now: Instant) -> io::Result<()> {
        let left = Duration::from_millis(due.0.saturating_sub(now.0));
        self.event_loop.wait(Some(left))?;
        self.turns();
        Ok(())
    }

    fn turns(&mut self) {
        while let Some((_, client)) = self.event_loop.next_turn() {
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Batch(batch) => self.events += batch.records().len() as u64,
                    ClientEvent::Ended(_) => self.has_ended = true,
                    _ => {}
                }
            }
            if let Some(session) = client.session() {
                self.units = session.received();
            }
        }
    }
}
