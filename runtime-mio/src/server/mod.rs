//! The server's end: accept, check, answer the request, send bundles.

mod bundle;
mod connection;
mod distance;
mod end;
mod feed;
mod listener;
mod literal;
mod options;
mod outbox;
mod outgoing;
mod request;
mod stage;
mod surplus;

pub use end::ServerEnd;
pub use feed::{Answer, Feed, RequestRefusal, SuppliedRecord, Supply};
pub use options::ServerOptions;
pub use outgoing::{Outgoing, Tampered};
pub use surplus::SurplusNulls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::session::Instant;
use mio::event::Source;

use crate::event_loop::{Endpoint, EndpointId, EventLoop, Handle, Turn};
use connection::ServerConnection;
use listener::{Accepted, Listener};

/// A server: an event loop with a listening socket and its connections.
///
/// The contract: **give every connection a [`Feed`], and call
/// [`step`](Self::step) until you stop.** Each connection owns its feed and is
/// served from it.
///
/// - Getters: [`local_addr`](Self::local_addr), [`handle`](Self::handle).
/// - Inputs: [`step`](Self::step), or [`run`](Self::run) for all steps.
/// - Commands: [`close`](Self::close).
pub struct ServerLoop<F> {
    event_loop: EventLoop<ServerEndpoint<F>>,
    local: SocketAddr,
    options: Arc<ServerOptions>,
    /// Connections accepted so far: the id of the last one.
    accepted: u32,
}

impl<F: Feed> ServerLoop<F> {
    /// Listens on `address`; port 0 lets the system choose.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: SocketAddr, options: ServerOptions) -> io::Result<Self> {
        let listener = Listener::bind(address)?;
        let local = listener.local_addr()?;
        let mut event_loop = EventLoop::new()?;
        event_loop.add(ServerEndpoint::Listener(listener))?;
        Ok(Self {
            event_loop,
            local,
            options: Arc::new(options),
            accepted: 0,
        })
    }

    /// Returns the address it listens on, with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Returns a handle that stops [`run`](Self::run) from another thread.
    pub fn handle(&self) -> Handle {
        self.event_loop.handle()
    }

    /// Serves until its handle stops it, then closes all connections. `feed` makes
    /// the feed of a client at this address.
    ///
    /// # Errors
    /// The system's, when it cannot poll.
    pub fn run(mut self, mut feed: impl FnMut(SocketAddr) -> F) -> io::Result<()> {
        while !self.event_loop.handle().is_stopped() {
            self.step(None, &mut feed)?;
        }
        self.close();
        Ok(())
    }

    /// Waits until there is something to do, but no longer than `at_most`, and does
    /// it. `feed` makes the feed of a client at this address.
    ///
    /// # Errors
    /// The system's, when it cannot poll.
    pub fn step(
        &mut self,
        at_most: Option<Duration>,
        mut feed: impl FnMut(SocketAddr) -> F,
    ) -> io::Result<()> {
        self.event_loop.wait(at_most)?;
        let mut accepted: Vec<Accepted> = Vec::new();
        let mut ended: Vec<EndpointId> = Vec::new();
        while let Some((id, endpoint)) = self.event_loop.next_turn() {
            match endpoint {
                ServerEndpoint::Listener(listener) => {
                    accepted.extend(std::iter::from_fn(|| listener.poll_accepted()));
                }
                ServerEndpoint::Connection(connection) if connection.end().is_some() => {
                    ended.push(id);
                }
                ServerEndpoint::Connection(_) => {}
            }
        }
        for id in ended {
            self.event_loop.remove(id);
        }
        for accepted in accepted {
            let feed = feed(accepted.address);
            self.serve(accepted, feed)?;
        }
        Ok(())
    }

    /// Closes the listening socket and all connections, without an error message
    /// (FQE, Terminating Connections).
    pub fn close(&mut self) {
        for endpoint in self.event_loop.endpoints_mut() {
            if let ServerEndpoint::Connection(connection) = endpoint {
                connection.close();
            }
        }
        self.event_loop.clear();
    }

    fn serve(&mut self, accepted: Accepted, feed: F) -> io::Result<()> {
        self.accepted = self.accepted.wrapping_add(1);
        let now = self.event_loop.now();
        match ServerConnection::new(accepted, &self.options, self.accepted, feed, now) {
            Ok(connection) => {
                let connection = ServerEndpoint::Connection(Box::new(connection));
                self.event_loop.add(connection).map(drop)
            }
            Err((mut feed, end)) => {
                feed.ended(&end, None);
                Ok(())
            }
        }
    }
}

/// What the event loop of a server holds.
enum ServerEndpoint<F> {
    Listener(Listener),
    Connection(Box<ServerConnection<F>>),
}

impl<F: Feed> Endpoint for ServerEndpoint<F> {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Listener(listener) => listener.source(),
            Self::Connection(connection) => connection.source(),
        }
    }

    fn take_turn(&mut self, now: Instant) -> Turn {
        match self {
            Self::Listener(listener) => listener.take_turn(now),
            Self::Connection(connection) => connection.take_turn(now),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Listener(listener) => listener.poll_timeout(),
            Self::Connection(connection) => connection.poll_timeout(),
        }
    }
}

impl<F> fmt::Debug for ServerLoop<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLoop")
            .field("local", &self.local)
            .field("accepted", &self.accepted)
            .finish_non_exhaustive()
    }
}
