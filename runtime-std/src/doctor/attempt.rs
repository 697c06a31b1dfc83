//! One connection to the server, with one form of the request.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::{ClientConnection, ClientOptions};
use estreamer_mio::event_loop::EventLoop;

use super::options::DoctorOptions;
use super::probe::{Goal, Observations, Probe};

/// Connects to one address and sends the request in this form, from this time on.
pub(super) fn probe(
    event_loop: &mut EventLoop<ClientConnection>,
    options: &DoctorOptions<'_>,
    address: SocketAddr,
    form: RequestForm,
    from: InitialTimestamp,
    goal: Goal,
) -> io::Result<Observations> {
    let mut client = client_options(event_loop, options, address, form, from);
    client.capture = true;
    let mut probe = Probe::new(goal);
    let id = match ClientConnection::new(options.tls, client, event_loop.now()) {
        Ok(client) => event_loop.add(client)?,
        Err(end) => {
            probe.failed(end);
            return Ok(probe.into_seen());
        }
    };
    while !probe.is_over() {
        let now = event_loop.now();
        let left = probe.due().map(|due| due.0.saturating_sub(now.0));
        event_loop.wait(left.map(Duration::from_millis))?;
        let now = event_loop.now();
        if let Some(client) = event_loop.get_mut(id) {
            probe.command(client, now);
        }
        while let Some((_, client)) = event_loop.next_turn() {
            probe.after_turn(client, now);
            probe.command(client, now);
        }
    }
    event_loop.remove(id);
    Ok(probe.into_seen())
}

/// Returns the options of a connection with this request.
pub(super) fn client_options(
    event_loop: &EventLoop<ClientConnection>,
    options: &DoctorOptions<'_>,
    address: SocketAddr,
    form: RequestForm,
    from: InitialTimestamp,
) -> ClientOptions {
    let request = options.request.message(from, form.apply(options.quirks));
    let pool = Pool::new(WINDOW, 32 << 20, event_loop.handle());
    let mut client = ClientOptions::new(address, request, pool);
    client.session.expected = Some(options.request.expected());
    client.bind = options.bind;
    client.session.quirks = form.apply(options.quirks);
    client.handshake_timeout = options.timeout;
    client
}

/// The size of a receive arena in bytes.
const WINDOW: usize = 64 << 10;
