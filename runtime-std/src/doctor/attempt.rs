//! One connection to the server, with one form of the request.

use std::io;
use std::net::SocketAddr;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::ClientConfig;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::arena::Pool;
use estreamer_mio::client::{Client, ClientOptions};
use estreamer_mio::event_loop::EventLoop;

use super::options::Options;
use super::probe::{Goal, Probe, Seen};

/// Connects to one address and asks in this form.
pub(super) fn probe(
    event_loop: &mut EventLoop,
    options: &Options<'_>,
    address: SocketAddr,
    form: RequestForm,
    goal: Goal,
) -> io::Result<Seen> {
    let mut session = ClientConfig::default();
    session.expected = Some(options.ask.expected());
    let client = ClientOptions {
        address,
        bind: None,
        request: options.ask.message(InitialTimestamp::OLDEST, form.quirks()),
        session,
        pool: Pool::new(WINDOW, 32 << 20, event_loop.handle()),
        handshake_timeout: options.timeout,
    };
    let (probe, seen) = Probe::new(goal);
    match Client::new(options.tls, client, probe, event_loop.now()) {
        Ok(client) => {
            event_loop.add(Box::new(client))?;
            event_loop.run()?;
        }
        Err((end, _)) => seen.borrow_mut().end = Some(end),
    }
    Ok(seen.take())
}

/// Bytes of an arena to receive into.
const WINDOW: usize = 64 << 10;
