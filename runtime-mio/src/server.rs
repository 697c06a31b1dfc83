//! The server's end: accept, check, wait for the request, send bundles.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::session::{End, Instant, ServerConfig, ServerSession, Statistics};
use estreamer_core::wire::{
    BundleHeader, BundleWriter, ErrorMessage, Event, EventStreamRequest, InitialTimestamp,
    RecordType, RequestFlags,
};
use mio::event::Source;
use mio::net::TcpListener;

use crate::event_loop::{Control, Endpoint, Turn};
use crate::tls::{ClientRules, ServerTls};
use crate::transport::{Broken, Fill, Transport};
use crate::window::Window;

/// What one connection is served.
pub trait Feed {
    /// Judges the request.
    ///
    /// # Errors
    /// Code and text to answer with before closing.
    fn request(&mut self, request: &EventStreamRequest<'_>) -> Result<(), (i32, String)>;

    /// The next record, without taking it.
    fn peek(&mut self, now: Instant) -> Supply<'_>;

    /// The record peeked at is in a bundle.
    fn take(&mut self);

    /// The connection is over.
    fn ended(&mut self, end: ServerEnd, statistics: Option<&Statistics>);
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
    /// The session ended.
    Session(End),
}

impl fmt::Display for ServerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => f.write_str(reason),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Session(end) => end.fmt(f),
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
    /// Records in a bundle, at most.
    pub bundle: usize,
    /// Milliseconds until the TLS handshake has to be complete.
    pub handshake_timeout: u32,
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
                    match Transport::accepted(socket, tls) {
                        Ok(transport) => control.add(Box::new(Server {
                            transport,
                            window: Window::new(self.options.session.window),
                            stage: Stage::Handshake {
                                deadline: now.after(self.options.handshake_timeout),
                            },
                            options: self.options.clone(),
                            address,
                            connection_id: self.accepted,
                            feed,
                            block: Vec::new(),
                            bundle: vec![0; BUNDLE_BYTES],
                            next: None,
                        })),
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

/// One served connection.
struct Server {
    transport: Transport,
    window: Window,
    options: Rc<ServerOptions>,
    address: SocketAddr,
    connection_id: u32,
    stage: Stage,
    feed: Box<dyn Feed>,
    /// The JSON block of a request in pieces.
    block: Vec<u8>,
    /// Where bundles are built.
    bundle: Vec<u8>,
    /// When the feed has something again.
    next: Option<Instant>,
}

enum Stage {
    Handshake {
        deadline: Instant,
    },
    Session {
        session: ServerSession,
        request: Option<Head>,
    },
    /// An error message is on its way.
    Closing {
        session: ServerSession,
        deadline: Instant,
    },
    Done,
}

/// Where a bundle's buffer starts; a larger record makes it grow.
const BUNDLE_BYTES: usize = 128 << 10;
/// Milliseconds to get a goodbye out.
const GOODBYE: u32 = 1000;

impl Server {
    fn handshake(&mut self, deadline: Instant, now: Instant) -> Result<Turn, ServerEnd> {
        if now >= deadline {
            return Err(ServerEnd::Broken("no TLS handshake in time".into()));
        }
        self.transport.fill(&mut self.window)?;
        self.transport.flush()?;
        if self.transport.tls.is_handshaking() {
            return Ok(Turn::Wait);
        }
        let Some(facts) = self.transport.tls.peer() else {
            return Err(ServerEnd::Refused("no readable client certificate".into()));
        };
        if let Err(refusal) = self.options.clients.check(facts, self.address.ip()) {
            return Err(ServerEnd::Refused(refusal.to_string()));
        }
        let mut config = self.options.session;
        config.connection_id = self.connection_id;
        let session =
            ServerSession::new(config, now).map_err(|e| ServerEnd::Broken(e.to_string()))?;
        self.stage = Stage::Session {
            session,
            request: None,
        };
        Ok(Turn::Again)
    }

    fn session(&mut self, now: Instant) -> Result<Turn, ServerEnd> {
        self.timeouts(now)?;
        // The first round looks at what is in the window already.
        loop {
            self.read_window(now)?;
            let Stage::Session { session, .. } = &mut self.stage else {
                return Ok(Turn::Again);
            };
            match self.transport.fill(&mut self.window)? {
                Fill::Bytes(_) => {}
                Fill::Blocked => break,
                Fill::Eof => return Err(ServerEnd::Session(session.handle_eof())),
            }
        }
        self.transport.flush()?;
        self.supply(now)?;
        Ok(Turn::Wait)
    }

    fn timeouts(&mut self, now: Instant) -> Result<(), ServerEnd> {
        let Stage::Session { session, .. } = &mut self.stage else {
            return Ok(());
        };
        if session.poll_timeout().is_some_and(|due| due <= now) {
            session.handle_timeout(now).map_err(ServerEnd::Session)?;
            let mut null = [0; 8];
            let length = session.poll_transmit(&mut null, now);
            self.transport.send(&null[..length]);
        }
        Ok(())
    }

    /// Steps through the window until it wants more bytes.
    fn read_window(&mut self, now: Instant) -> Result<(), ServerEnd> {
        while let Stage::Session { session, request } = &mut self.stage {
            let input = self.window.unread();
            let step = session.step(input, now).map_err(ServerEnd::Session)?;
            let mut complete = None;
            match &step.frame {
                Some(Frame::Message { head, body }) if is_request(head) => {
                    self.block.clear();
                    self.block.extend_from_slice(body.of(input));
                    complete = Some(*head);
                }
                Some(Frame::Begin { head, .. }) if is_request(head) => {
                    self.block.clear();
                    *request = Some(*head);
                }
                Some(Frame::Chunk { body }) if request.is_some() => {
                    self.block.extend_from_slice(body.of(input));
                }
                Some(Frame::End) => complete = request.take(),
                Some(Frame::Skipped { head, .. }) if is_request(head) => {
                    return self.refuse(6, "the request is too large", now);
                }
                _ => {}
            }
            let idle = step.consumed == 0 && step.frame.is_none();
            self.window.consume(step.consumed);
            if let Some(Head {
                kind: Kind::Request { from, flags },
                ..
            }) = complete
            {
                self.judge(from, flags, now)?;
            }
            if idle {
                return Ok(());
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        from: InitialTimestamp,
        flags: RequestFlags,
        now: Instant,
    ) -> Result<(), ServerEnd> {
        let Stage::Session { session, .. } = &mut self.stage else {
            return Ok(());
        };
        if session.is_streaming() {
            return self.refuse(7, "disconnect before asking for something else", now);
        }
        let request = EventStreamRequest {
            from,
            flags,
            block: &self.block,
        };
        match self.feed.request(&request) {
            Ok(()) => {
                session.accept(now);
                Ok(())
            }
            Err((code, text)) => self.refuse(code, &text, now),
        }
    }

    fn refuse(&mut self, code: i32, text: &str, now: Instant) -> Result<(), ServerEnd> {
        if let Stage::Session { mut session, .. } = std::mem::replace(&mut self.stage, Stage::Done)
        {
            let message = ErrorMessage {
                code,
                text: text.as_bytes(),
            };
            let mut out = vec![0; text.len() + 32];
            if let Ok(length) = session.close(&message, &mut out) {
                self.transport.send(&out[..length]);
            }
            self.transport.tls.send_close_notify();
            self.stage = Stage::Closing {
                session,
                deadline: now.after(GOODBYE),
            };
        }
        Ok(())
    }

    /// Sends bundles while there are credit, records and room.
    fn supply(&mut self, now: Instant) -> Result<(), ServerEnd> {
        self.next = None;
        let Stage::Session { session, .. } = &mut self.stage else {
            return Ok(());
        };
        while session.credit() > 0 && self.transport.is_flushed() {
            match self.feed.peek(now) {
                Supply::Record(_) => {}
                Supply::Later(when) => {
                    self.next = Some(when);
                    break;
                }
                Supply::Finished => break,
            }
            let Some(header) = session.next_bundle(now) else {
                break;
            };
            let count = self.options.bundle.max(1);
            let bundle = build(&mut self.bundle, header, self.feed.as_mut(), count, now);
            self.transport.send(bundle);
            self.transport.flush()?;
        }
        Ok(())
    }

    fn closing(&mut self, deadline: Instant, now: Instant) -> Turn {
        let flushed = self.transport.flush();
        if flushed.is_ok() && !self.transport.is_flushed() && now < deadline {
            return Turn::Wait;
        }
        self.finish(ServerEnd::Session(End::Closed))
    }

    fn finish(&mut self, end: ServerEnd) -> Turn {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let statistics = match &stage {
            Stage::Session { session, .. } | Stage::Closing { session, .. } => {
                Some(session.statistics())
            }
            Stage::Handshake { .. } | Stage::Done => None,
        };
        self.feed.ended(end, statistics);
        Turn::Done
    }
}

impl Endpoint for Server {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.transport.socket
    }

    fn turn(&mut self, now: Instant, _: &mut Control) -> Turn {
        let turn = match &self.stage {
            Stage::Handshake { deadline } => self.handshake(*deadline, now),
            Stage::Session { .. } => self.session(now),
            Stage::Closing { deadline, .. } => return self.closing(*deadline, now),
            Stage::Done => return Turn::Done,
        };
        turn.unwrap_or_else(|end| self.finish(end))
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Handshake { deadline } | Stage::Closing { deadline, .. } => Some(*deadline),
            Stage::Session { session, .. } => {
                session.poll_timeout().into_iter().chain(self.next).min()
            }
            Stage::Done => None,
        }
    }

    /// The service shuts down: no error message (FQE, Terminating Connections).
    fn stop(&mut self, _: &str, _: Instant) {
        if let Stage::Session { .. } | Stage::Handshake { .. } = self.stage {
            self.finish(ServerEnd::Session(End::Closed));
        }
    }
}

/// Builds one bundle of at most `count` records in `buffer`, which grows for a
/// record that does not fit it alone.
fn build<'b>(
    buffer: &'b mut Vec<u8>,
    header: BundleHeader,
    feed: &mut dyn Feed,
    count: usize,
    now: Instant,
) -> &'b [u8] {
    if let Supply::Record(record) = feed.peek(now) {
        let needed = 64 + record.data.len();
        if buffer.len() < needed {
            buffer.resize(needed, 0);
        }
    }
    let Ok(mut writer) = BundleWriter::new(buffer, header, 0) else {
        return &[];
    };
    for _ in 0..count {
        let Supply::Record(record) = feed.peek(now) else {
            break;
        };
        let event = Event::new(record.record_type, record.archival, record.data);
        if writer.push(&event).is_err() {
            break;
        }
        feed.take();
    }
    writer.finish()
}

fn is_request(head: &Head) -> bool {
    !head.nested && matches!(head.kind, Kind::Request { .. })
}

impl From<Broken> for ServerEnd {
    fn from(broken: Broken) -> Self {
        Self::Broken(match broken {
            Broken::Connect(error) | Broken::Socket(error) => error.to_string(),
            Broken::Tls(error) => error.to_string(),
        })
    }
}
