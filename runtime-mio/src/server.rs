//! The server's end: accept, check, wait for the request, send bundles.

mod bundle;
mod connection;
mod literal;
mod outbox;

pub use outbox::{Outgoing, Tampered};

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use estreamer_core::session::{End, Instant, ServerConfig, Statistics};
use estreamer_core::wire::{EventStreamRequest, RecordType, Services};
use mio::event::Source;
use mio::net::TcpListener;

use crate::event_loop::{Control, Endpoint, Turn};
use crate::tls::{ClientRules, ServerTls};
use crate::transport::Transport;
use connection::Server;

/// What one connection is served.
pub trait Feed {
    /// Judges the request.
    ///
    /// # Errors
    /// What to answer before closing.
    fn request(&mut self, request: &EventStreamRequest<'_>) -> Result<Answer, Refusal>;

    /// Judges the streaming request that follows [`Answer::Offer`].
    ///
    /// # Errors
    /// What to answer before closing.
    fn choice(&mut self, chosen: &Services<'_>) -> Result<(), Refusal> {
        let _ = chosen;
        Ok(())
    }

    /// The next record, without taking it.
    fn peek(&mut self, now: Instant) -> Supply<'_>;

    /// The record peeked at is in a bundle.
    fn take(&mut self);

    /// A message is about to go out. `Some` goes out in its place, which is how a
    /// server misbehaves on purpose.
    fn tamper(&mut self, outgoing: Outgoing, message: &[u8]) -> Option<Tampered> {
        let _ = (outgoing, message);
        None
    }

    /// The session has moved on.
    fn progress(&mut self, statistics: &Statistics) {
        let _ = statistics;
    }

    /// The connection is over.
    fn ended(&mut self, end: ServerEnd, statistics: Option<&Statistics>);
}

/// How a request is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Bundles follow.
    Stream,
    /// Extended mode: the eStreamer service is offered, and the client's
    /// streaming request awaited (classic guide, Streaming Information Message).
    Offer,
    /// Nothing is sent, and whatever else comes is thrown away until the client
    /// leaves.
    Silence,
}

/// Why a request is not granted: an error message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its code.
    pub code: i32,
    /// Its text.
    pub text: String,
}

/// What a feed has.
#[derive(Debug, Clone, Copy)]
pub enum Supply<'a> {
    /// A record.
    Record(Record<'a>),
    /// Nothing before this time.
    Later(Instant),
    /// Nothing until the client leaves.
    Finished,
}

/// A record to send.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its type.
    pub record_type: RecordType,
    /// When it was archived, UNIX seconds, if the request asked for that.
    pub archival: Option<u32>,
    /// The event, in the format asked for.
    pub data: &'a [u8],
}

/// Why a served connection ended.
#[derive(Debug)]
pub enum ServerEnd {
    /// TLS did not come about, or the connection broke.
    Broken(String),
    /// The client was refused, and the connection closed without a word.
    Refused(String),
    /// The session ended, with the text of the client's error message.
    Session(End, String),
}

impl fmt::Display for ServerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => f.write_str(reason),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Session(end, text) if text.is_empty() => end.fmt(f),
            Self::Session(end, text) => write!(f, "{end}: {text}"),
        }
    }
}

/// What all connections of a server share.
pub struct ServerOptions {
    /// TLS with the server's identity.
    pub tls: ServerTls,
    /// Who may connect.
    pub clients: ClientRules,
    /// The sessions' behaviour.
    pub session: ServerConfig,
    /// Whether the length of a request counts the message header, always: a
    /// request that counts otherwise loses its last 8 bytes.
    pub literal_requests: bool,
    /// Records in a bundle, at most.
    pub bundle: usize,
    /// Milliseconds until the TLS handshake has to be complete.
    pub handshake_timeout: u32,
    /// Whether Nagle's algorithm stays on, as where nobody thought of it: the
    /// end of a bundle may wait for a TCP acknowledgement of its beginning.
    pub nagle: bool,
}

/// Accepts connections; each gets a feed of its own.
pub struct Listener<F> {
    socket: TcpListener,
    options: Rc<ServerOptions>,
    feed: F,
    stopped: bool,
    accepted: u32,
}

impl<F: FnMut(SocketAddr) -> Box<dyn Feed>> Listener<F> {
    /// Listens on `address`.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: SocketAddr, options: ServerOptions, feed: F) -> io::Result<Self> {
        Ok(Self {
            socket: TcpListener::bind(address)?,
            options: Rc::new(options),
            feed,
            stopped: false,
            accepted: 0,
        })
    }

    /// The address, with the port the system chose.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl<F: FnMut(SocketAddr) -> Box<dyn Feed>> Endpoint for Listener<F> {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }

    fn turn(&mut self, now: Instant, control: &mut Control) -> Turn {
        if self.stopped {
            return Turn::Done;
        }
        loop {
            match self.socket.accept() {
                Ok((socket, address)) => {
                    self.accepted = self.accepted.wrapping_add(1);
                    let mut feed = (self.feed)(address);
                    let tls = match self.options.tls.accept() {
                        Ok(tls) => tls,
                        Err(error) => {
                            feed.ended(ServerEnd::Broken(error.to_string()), None);
                            continue;
                        }
                    };
                    match Transport::accepted(socket, tls, self.options.nagle) {
                        Ok(transport) => control.add(Box::new(Server::new(
                            transport,
                            self.options.clone(),
                            address,
                            self.accepted,
                            feed,
                            now,
                        ))),
                        Err(error) => feed.ended(ServerEnd::Broken(error.to_string()), None),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Wait,
                // Out of descriptors, say: the next connection tries again.
                Err(_) => return Turn::Wait,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn stop(&mut self, _: &str, _: Instant) {
        self.stopped = true;
    }
}
