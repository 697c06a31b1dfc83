//! The client's end: connect, ask, receive, acknowledge.

mod end;
mod receive;

pub use end::ClientEnd;

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};

use estreamer_core::session::{ClientConfig, ClientSession, End, Instant};
use mio::event::Source;

use crate::arena::Pool;
use crate::batch::{Assembler, Batch};
use crate::error_text::ErrorText;
use crate::event_loop::{Control, Endpoint, Turn};
use crate::tls::{ClientTls, TlsSession};
use crate::transport::{Fill, Transport};
use receive::{Reading, Receiver, ended};

/// Where a client's records go.
pub trait Sink {
    /// TCP stands, TLS begins; the server sees `local` unless something in
    /// between translates addresses.
    ///
    /// # Errors
    /// A reason to leave it at that.
    fn established(&mut self, local: SocketAddr) -> Result<(), &'static str> {
        let _ = local;
        Ok(())
    }

    /// The handshake is complete and the request on its way.
    fn connected(&mut self, tls: &TlsSession);

    /// These bytes were received, TLS taken off.
    fn received(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// These bytes are sent, before TLS.
    fn sent(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// A null message came.
    fn null(&mut self) {}

    /// Records came.
    fn batch(&mut self, batch: Batch);

    /// Units of this connection that are where they belong by now; see
    /// [`ClientSession::delivered`].
    fn delivered(&self) -> u64;

    /// Whether batches are on their way to an output, so that more may gather
    /// meanwhile; `units` were handed over.
    fn is_busy(&self, units: u64) -> bool {
        self.delivered() < units
    }

    /// Whether more is wanted; otherwise the socket is left alone.
    fn reads(&self) -> bool {
        true
    }

    /// Whether [`turn_ends`](Self::turn_ends) has something to decide that
    /// another thread brought about.
    fn is_stirred(&self) -> bool {
        false
    }

    /// The turn ends. With `Some`, the connection is to be closed for that
    /// reason, which is told to the peer.
    fn turn_ends(&mut self, session: &ClientSession, now: Instant) -> Option<Cow<'static, str>>;

    /// When [`turn_ends`](Self::turn_ends) is due although nothing arrives.
    fn deadline(&self) -> Option<Instant>;

    /// The connection is over; the session is there if it came that far.
    fn ended(&mut self, end: ClientEnd, session: Option<&ClientSession>);
}

/// What a client needs to know.
#[derive(Clone)]
pub struct ClientOptions {
    /// The server.
    pub address: SocketAddr,
    /// The address of ours to connect from; the system's choice if not given.
    pub bind: Option<IpAddr>,
    /// The whole request message; see [`estreamer_core::fqe`].
    pub request: Vec<u8>,
    /// The session's behaviour; its window is the pool's arena.
    pub session: ClientConfig,
    /// The memory to receive into, at least [`Pool::least`] for the session's
    /// limits: with less, the largest message would wait for ever.
    pub pool: Pool,
    /// Milliseconds until TCP and TLS have to stand.
    pub handshake_timeout: u32,
}

/// A client connection on the event loop.
pub struct Client<S> {
    transport: Transport,
    window: Assembler,
    options: ClientOptions,
    stage: Stage,
    sink: S,
    error_text: ErrorText,
    /// What the sink had delivered at the last turn.
    delivered: u64,
    /// Whether it waits for room.
    stalled: bool,
}

enum Stage {
    Connect {
        deadline: Instant,
    },
    Handshake {
        deadline: Instant,
    },
    Session(ClientSession),
    /// Our error message is on its way, and then the peer's end awaited.
    Closing {
        session: ClientSession,
        deadline: Instant,
    },
    Done,
}

/// Milliseconds to get a goodbye out.
const GOODBYE: u32 = 1000;

impl<S: Sink> Client<S> {
    /// Starts to connect.
    ///
    /// # Errors
    /// [`ClientEnd::Connect`] when the pool is too small or the system refuses at
    /// once, [`ClientEnd::Tls`] when the identity does not suffice; and the unused
    /// sink.
    pub fn new(
        tls: &ClientTls,
        options: ClientOptions,
        sink: S,
        now: Instant,
    ) -> Result<Self, (ClientEnd, S)> {
        let least = options.pool.least(options.session.limits);
        if options.pool.budget() < least {
            let error = format!("the pool has less than the {least} bytes these limits take");
            return Err((ClientEnd::Connect(io::Error::other(error)), sink));
        }
        let transport = match tls.connect() {
            Err(error) => Err(ClientEnd::Tls(error)),
            Ok(session) => Transport::connect(options.address, options.bind, session)
                .map_err(ClientEnd::Connect),
        };
        let transport = match transport {
            Ok(transport) => transport,
            Err(end) => return Err((end, sink)),
        };
        Ok(Self {
            transport,
            window: Assembler::new(options.pool.clone()),
            stage: Stage::Connect {
                deadline: now.after(options.handshake_timeout),
            },
            options,
            sink,
            error_text: ErrorText::default(),
            delivered: 0,
            stalled: false,
        })
    }

    fn connect(&mut self, deadline: Instant, now: Instant) -> Result<Turn, ClientEnd> {
        if !self.transport.check_connected()? {
            return match now >= deadline {
                true => Err(ClientEnd::ConnectTimeout),
                false => Ok(Turn::Wait),
            };
        }
        self.stage = Stage::Handshake { deadline };
        let local = self.transport.socket.local_addr();
        let local = local.map_err(ClientEnd::Socket)?;
        if let Err(reason) = self.sink.established(local) {
            self.close(reason, now);
            return Ok(Turn::Done);
        }
        Ok(Turn::Again)
    }

    fn handshake(&mut self, deadline: Instant, now: Instant) -> Result<Turn, ClientEnd> {
        if now >= deadline {
            return Err(ClientEnd::HandshakeTimeout);
        }
        self.transport.flush()?;
        // In the handshake, plaintext cannot come; what comes with its last
        // flight waits in the window for the session.
        let Some(room) = self.window.room() else {
            self.stalled = true;
            return Ok(Turn::Wait);
        };
        if let Fill::Bytes(count) = self.transport.fill(room)? {
            self.sink.received(&room[..count]);
            self.window.filled(count);
        }
        self.transport.flush()?;
        if self.transport.tls.is_handshaking() {
            return Ok(Turn::Wait);
        }
        let (window, config) = (self.options.pool.size(), self.options.session);
        let session = ClientSession::new(window, config, now)
            .map_err(|error| ClientEnd::Connect(io::Error::other(error)))?;
        self.stage = Stage::Session(session);
        self.transport.send(&self.options.request);
        self.sink.sent(&self.options.request);
        self.transport.flush()?;
        self.sink.connected(&self.transport.tls);
        Ok(Turn::Again)
    }

    fn session(&mut self, now: Instant) -> Result<Turn, ClientEnd> {
        let Stage::Session(session) = &mut self.stage else {
            return Ok(Turn::Done);
        };
        let received = match self.sink.reads() {
            false => Ok(Reading::Stalled),
            true => Receiver {
                transport: &mut self.transport,
                window: &mut self.window,
                session,
                sink: &mut self.sink,
                error_text: &mut self.error_text,
            }
            .receive(now),
        };
        // What came before an end is delivered all the same. Otherwise events
        // gather while the outputs are busy; their vote wakes the loop.
        let busy = self.sink.is_busy(self.window.handed_over());
        let more = received.is_ok() && self.sink.reads();
        self.window.turn_ends(busy && more);
        while let Some(batch) = self.window.ready() {
            self.sink.batch(batch);
        }
        let reading = received.map_err(|end| match end {
            ClientEnd::Session(end, _) => ClientEnd::Session(end, self.error_text.to_string()),
            other => other,
        })?;
        session.set_reading(reading != Reading::Stalled, now);
        self.stalled = reading == Reading::Stalled || self.window.is_waiting();
        self.delivered = self.sink.delivered();
        session.delivered(self.delivered);
        // After reading: what waited in the socket while no turn came was no
        // silence.
        if session.poll_timeout().is_some_and(|due| due <= now) {
            session.handle_timeout(now).map_err(ended)?;
        }
        // A server that reads nothing gets no more than there is room for.
        let mut nulls = [0; 64];
        loop {
            while self.transport.has_room() {
                match session.poll_transmit(&mut nulls, now) {
                    0 => break,
                    length => {
                        self.transport.send(&nulls[..length]);
                        self.sink.sent(&nulls[..length]);
                    }
                }
            }
            let is_full = !self.transport.has_room();
            self.transport.flush()?;
            if !is_full || !self.transport.has_room() {
                break;
            }
        }
        if let Some(reason) = self.sink.turn_ends(session, now) {
            self.close(&reason, now);
            return Ok(Turn::Again);
        }
        Ok(match reading {
            Reading::More => Turn::Again,
            Reading::Blocked | Reading::Stalled => Turn::Wait,
        })
    }

    /// Tells the peer why, and leaves it a moment to be told.
    fn close(&mut self, reason: &str, now: Instant) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Session(mut session) => {
                let mut message = vec![0; reason.len() + 32];
                if let Ok(length) = session.close(reason, &mut message) {
                    self.transport.send(&message[..length]);
                    self.sink.sent(&message[..length]);
                }
                self.transport.tls.send_close_notify();
                self.stage = Stage::Closing {
                    session,
                    deadline: now.after(GOODBYE),
                };
            }
            Stage::Connect { .. } | Stage::Handshake { .. } => {
                let end = ClientEnd::Session(End::Closed, String::new());
                self.sink.ended(end, None);
            }
            other => self.stage = other,
        }
    }

    fn closing(&mut self, deadline: Instant, now: Instant) -> Turn {
        let left = self.transport.flush().is_ok() && !self.transport.is_flushed();
        if now >= deadline {
            return self.finish(ClientEnd::Session(End::Closed, String::new()));
        }
        if left {
            return Turn::Wait;
        }
        match self.transport.part() {
            Fill::Bytes(_) => Turn::Again,
            Fill::Blocked => Turn::Wait,
            Fill::Eof => self.finish(ClientEnd::Session(End::Closed, String::new())),
        }
    }

    fn finish(&mut self, end: ClientEnd) -> Turn {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let session = match &stage {
            Stage::Session(session) | Stage::Closing { session, .. } => Some(session),
            Stage::Connect { .. } | Stage::Handshake { .. } | Stage::Done => None,
        };
        self.sink.ended(end, session);
        Turn::Done
    }
}

impl<S: Sink> Endpoint for Client<S> {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.transport.socket
    }

    fn turn(&mut self, now: Instant, _: &mut Control) -> Turn {
        if matches!(
            self.stage,
            Stage::Connect { .. } | Stage::Handshake { .. } if !self.sink.reads()
        ) {
            return self.finish(ClientEnd::Session(End::Closed, String::new()));
        }
        let turn = match &self.stage {
            Stage::Connect { deadline } => self.connect(*deadline, now),
            Stage::Handshake { deadline } => self.handshake(*deadline, now),
            Stage::Session(_) => self.session(now),
            Stage::Closing { deadline, .. } => return self.closing(*deadline, now),
            Stage::Done => return Turn::Done,
        };
        turn.unwrap_or_else(|end| self.finish(end))
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Connect { deadline }
            | Stage::Handshake { deadline }
            | Stage::Closing { deadline, .. } => Some(*deadline),
            Stage::Session(session) => {
                let sink = self.sink.deadline();
                session.poll_timeout().into_iter().chain(sink).min()
            }
            Stage::Done => None,
        }
    }

    fn is_stirred(&self) -> bool {
        self.stalled || self.sink.delivered() != self.delivered || self.sink.is_stirred()
    }

    fn stop(&mut self, reason: &str, now: Instant) {
        self.close(reason, now);
    }
}
