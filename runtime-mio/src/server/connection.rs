//! One served connection.

use std::net::SocketAddr;
use std::rc::Rc;

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::session::{End, Instant, ServerSession};
use estreamer_core::wire::{
    ESTREAMER_SERVICE, ErrorMessage, EventStreamRequest, HEADER_LEN, Message, MessageType,
    ServiceEntry, Services,
};
use mio::event::Source;

use super::bundle;
use super::literal::take_header_off;
use super::outbox::{Outbox, Pumped};
use super::{Answer, Feed, Outgoing, Refusal, ServerEnd, ServerOptions, Supply};
use crate::error_text::ErrorText;
use crate::event_loop::{Control, Endpoint, Turn};
use crate::transport::{Broken, Fill, Transport};
use crate::window::Window;

/// One served connection.
pub(super) struct Server {
    transport: Transport,
    window: Window,
    options: Rc<ServerOptions>,
    address: SocketAddr,
    connection_id: u32,
    stage: Stage,
    feed: Box<dyn Feed>,
    /// The request that is coming in pieces, and its variable part so far.
    request: Option<Head>,
    block: Vec<u8>,
    /// Whether the services were offered and none chosen yet.
    offered: bool,
    /// Whether the length of the next message is to be made what the decoder
    /// expects; see [`ServerOptions::literal_requests`].
    literal: bool,
    /// What the client said before it closed.
    error_text: ErrorText,
    /// Where bundles are built.
    bundle: Vec<u8>,
    bundles: u32,
    outbox: Outbox,
    /// When the feed has something again.
    next: Option<Instant>,
}

enum Stage {
    Handshake {
        deadline: Instant,
    },
    Session(ServerSession),
    /// What was said last is on its way.
    Closing {
        session: ServerSession,
        deadline: Instant,
    },
    /// The client has closed, and we are slow to do the same.
    Lingering {
        session: ServerSession,
        end: End,
        deadline: Instant,
    },
    /// Nothing more is sent until the client closes.
    Silent(ServerSession),
    Done,
}

/// Bytes of the window. Larger requests are received in pieces.
const WINDOW: usize = 64 << 10;
/// Milliseconds to get a goodbye out.
const GOODBYE: u32 = 1000;
/// Bundles sent, and times read, in one turn, so that other connections get theirs.
const TURN: u32 = 64;

impl Server {
    pub(super) fn new(
        transport: Transport,
        options: Rc<ServerOptions>,
        address: SocketAddr,
        connection_id: u32,
        feed: Box<dyn Feed>,
        now: Instant,
    ) -> Self {
        Self {
            transport,
            window: Window::new(WINDOW),
            stage: Stage::Handshake {
                deadline: now.after(options.handshake_timeout),
            },
            literal: options.literal_requests,
            options,
            address,
            connection_id,
            feed,
            request: None,
            block: Vec::new(),
            offered: false,
            error_text: ErrorText::default(),
            bundle: Vec::new(),
            bundles: 0,
            outbox: Outbox::default(),
            next: None,
        }
    }

    fn handshake(&mut self, deadline: Instant, now: Instant) -> Result<Turn, ServerEnd> {
        if now >= deadline {
            return Err(ServerEnd::Broken("no TLS handshake in time".into()));
        }
        self.window.fill(&mut self.transport)?;
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
        let session = ServerSession::new(WINDOW, config, now)
            .map_err(|e| ServerEnd::Broken(e.to_string()))?;
        self.stage = Stage::Session(session);
        self.put(Outgoing::Start, &[], now);
        Ok(Turn::Again)
    }

    fn session(&mut self, now: Instant) -> Result<Turn, ServerEnd> {
        self.timeouts(now)?;
        let mut turn = Turn::Again;
        // The first round looks at what is in the window already.
        for _ in 0..TURN {
            if let Err(end) = self.read_window(now) {
                return self.over(end, now);
            }
            let Stage::Session(session) = &mut self.stage else {
                return Ok(Turn::Again);
            };
            match self.window.fill(&mut self.transport)? {
                Fill::Bytes(_) => {}
                Fill::Blocked => {
                    turn = Turn::Wait;
                    break;
                }
                Fill::Eof => {
                    let end = session.handle_eof();
                    return self.over(end, now);
                }
            }
        }
        self.transport.flush()?;
        match self.outbox.pump(&mut self.transport, now)? {
            Pumped::Empty => {}
            Pumped::Waiting => return Ok(turn),
            Pumped::Again => return Ok(Turn::Again),
            Pumped::Close => {
                self.close(now);
                return Ok(Turn::Again);
            }
        }
        let more = self.supply(now)?;
        if let Stage::Session(session) = &self.stage {
            self.feed.progress(session.statistics());
        }
        Ok(if more { Turn::Again } else { turn })
    }

    fn timeouts(&mut self, now: Instant) -> Result<(), ServerEnd> {
        let Stage::Session(session) = &mut self.stage else {
            return Ok(());
        };
        if session.poll_timeout().is_some_and(|due| due <= now) {
            session
                .handle_timeout(now)
                .map_err(|end| ServerEnd::Session(end, String::new()))?;
            let mut null = [0; HEADER_LEN];
            let length = session.poll_transmit(&mut null, now);
            // A client that reads nothing must not make us keep nulls for it.
            if length > 0 && self.transport.is_flushed() {
                self.put(Outgoing::Other, &null[..length], now);
            }
        }
        Ok(())
    }

    /// Steps through the window until it wants more bytes.
    fn read_window(&mut self, now: Instant) -> Result<(), End> {
        while let Stage::Session(session) = &mut self.stage {
            if self.literal {
                self.literal = !take_header_off(self.window.unread_mut());
            }
            let input = self.window.unread();
            let step = session.step(input, now)?;
            let mut complete = None;
            if let Some(frame) = &step.frame {
                self.error_text.keep(frame, input);
            }
            match &step.frame {
                Some(Frame::Message { head, body }) if is_request(head) => {
                    self.block.clear();
                    self.block.extend_from_slice(body.of(input));
                    complete = Some(*head);
                }
                Some(Frame::Begin { head, .. }) if is_request(head) => {
                    self.block.clear();
                    self.request = Some(*head);
                }
                Some(Frame::Chunk { body }) if self.request.is_some() => {
                    self.block.extend_from_slice(body.of(input));
                }
                Some(Frame::End) => complete = self.request.take(),
                Some(Frame::Skipped { head, .. }) if is_request(head) => {
                    let text = "the request is too large".into();
                    self.refuse(&Refusal { code: 6, text }, now);
                    return Ok(());
                }
                _ => {}
            }
            let idle = step.consumed == 0 && step.frame.is_none();
            self.window.consume(step.consumed);
            if let Some(head) = complete {
                self.judge(&head, now);
            }
            if idle {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks the feed about a request or streaming request that is complete.
    fn judge(&mut self, head: &Head, now: Instant) {
        let Stage::Session(session) = &mut self.stage else {
            return;
        };
        let judged = match head.kind {
            _ if session.is_streaming() => Err(Refusal {
                code: 7,
                text: "disconnect before asking for something else".into(),
            }),
            Kind::Request { from, flags } => self.feed.request(&EventStreamRequest {
                from,
                flags,
                block: &self.block,
            }),
            _ if self.offered => self
                .feed
                .choice(&Services { body: &self.block })
                .map(|()| Answer::Stream),
            _ => Err(Refusal {
                code: 8,
                text: "no service was offered yet; send an event stream request with bit 30 first"
                    .into(),
            }),
        };
        match judged {
            Ok(Answer::Stream) => session.accept(now),
            Ok(Answer::Offer) => self.offer(now),
            Ok(Answer::Silence) => self.fall_silent(),
            Err(refusal) => self.refuse(&refusal, now),
        }
    }

    fn offer(&mut self, now: Instant) {
        self.offered = true;
        let entry = ServiceEntry {
            service: ESTREAMER_SERVICE,
            flags: 0,
            timestamp: 0,
            events: None,
        };
        let (mut body, mut message) = ([0; 16], [0; HEADER_LEN + 16]);
        let written = entry.emit(&mut body).and_then(|_| {
            Message::StreamingInformation(Services { body: &body }).emit(&mut message)
        });
        if let Ok(length) = written {
            self.put(Outgoing::Other, &message[..length], now);
        }
    }

    fn fall_silent(&mut self) {
        if let Stage::Session(session) = std::mem::replace(&mut self.stage, Stage::Done) {
            self.stage = Stage::Silent(session);
        }
    }

    /// Reads on until the client leaves.
    fn silent(&mut self) -> Result<Turn, ServerEnd> {
        for _ in 0..TURN {
            let length = self.window.unread().len();
            self.window.consume(length);
            match self.window.fill(&mut self.transport)? {
                Fill::Bytes(_) => {}
                Fill::Blocked => return Ok(Turn::Wait),
                Fill::Eof => return Err(self.session_end(End::Idle)),
            }
        }
        Ok(Turn::Again)
    }

    fn refuse(&mut self, refusal: &Refusal, now: Instant) {
        let Stage::Session(session) = &mut self.stage else {
            return;
        };
        let message = ErrorMessage {
            code: refusal.code,
            text: refusal.text.as_bytes(),
        };
        let mut out = vec![0; refusal.text.len() + 32];
        if let Ok(length) = session.close(&message, &mut out) {
            self.put(Outgoing::Error, &out[..length], now);
        }
        if self.outbox.is_empty() {
            self.transport.tls.send_close_notify();
        }
        self.close(now);
    }

    /// Whatever is to be said, at the one place where it may be changed.
    fn put(&mut self, outgoing: Outgoing, message: &[u8], now: Instant) {
        let feed = self.feed.as_mut();
        self.outbox
            .put(feed, &mut self.transport, outgoing, message, now);
    }

    /// Sends bundles while there are credit, records and room; true if there is
    /// more to do at once.
    fn supply(&mut self, now: Instant) -> Result<bool, ServerEnd> {
        self.next = None;
        let Stage::Session(session) = &mut self.stage else {
            return Ok(false);
        };
        for _ in 0..TURN {
            if session.credit() == 0 || !self.transport.is_flushed() || !self.outbox.is_empty() {
                return Ok(!self.outbox.is_empty());
            }
            match self.feed.peek(now) {
                Supply::Record(_) => {}
                Supply::Later(when) => {
                    self.next = Some(when);
                    return Ok(false);
                }
                Supply::Finished => return Ok(false),
            }
            let Some(header) = session.next_bundle(now) else {
                return Ok(false);
            };
            self.bundles = self.bundles.saturating_add(1);
            let feed = self.feed.as_mut();
            let count = self.options.bundle.max(1);
            let quirks = self.options.session.quirks;
            bundle::build(&mut self.bundle, header, quirks, feed, count, now);
            self.outbox.put(
                feed,
                &mut self.transport,
                Outgoing::Bundle(self.bundles),
                &self.bundle,
                now,
            );
            self.transport.flush()?;
        }
        Ok(true)
    }

    /// The session is over by the client's doing.
    fn over(&mut self, end: End, now: Instant) -> Result<Turn, ServerEnd> {
        let pause = self.feed.tamper(Outgoing::End, &[]).map_or(0, |t| t.pause);
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Session(session) if pause > 0 => {
                self.stage = Stage::Lingering {
                    session,
                    end,
                    deadline: now.after(pause),
                };
                Ok(Turn::Wait)
            }
            stage => {
                self.stage = stage;
                Err(self.session_end(end))
            }
        }
    }

    /// What is queued goes out, then the connection is closed.
    fn close(&mut self, now: Instant) {
        if let Stage::Session(session) = std::mem::replace(&mut self.stage, Stage::Done) {
            self.stage = Stage::Closing {
                session,
                deadline: now.after(GOODBYE),
            };
        }
    }

    fn closing(&mut self, deadline: Instant, now: Instant) -> Turn {
        let left = match self.outbox.pump(&mut self.transport, now) {
            Ok(Pumped::Again) => return Turn::Again,
            Ok(Pumped::Waiting) => true,
            Ok(Pumped::Empty | Pumped::Close) => {
                self.transport.flush().is_ok() && !self.transport.is_flushed()
            }
            Err(_) => false,
        };
        if now >= deadline {
            return self.finish(ServerEnd::Session(End::Closed, String::new()));
        }
        if left {
            return Turn::Wait;
        }
        match self.transport.part() {
            Fill::Bytes(_) => Turn::Again,
            Fill::Blocked => Turn::Wait,
            Fill::Eof => self.finish(ServerEnd::Session(End::Closed, String::new())),
        }
    }

    /// The session's end, with what the client said about it.
    fn session_end(&self, end: End) -> ServerEnd {
        ServerEnd::Session(end, self.error_text.to_string())
    }

    fn finish(&mut self, end: ServerEnd) -> Turn {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let statistics = match &stage {
            Stage::Session(session)
            | Stage::Closing { session, .. }
            | Stage::Lingering { session, .. }
            | Stage::Silent(session) => Some(session.statistics()),
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
            Stage::Session(_) => self.session(now),
            Stage::Silent(_) => self.silent(),
            Stage::Closing { deadline, .. } => return self.closing(*deadline, now),
            Stage::Lingering { deadline, .. } if now < *deadline => return Turn::Wait,
            Stage::Lingering { end, .. } => {
                let end = *end;
                Err(self.session_end(end))
            }
            Stage::Done => return Turn::Done,
        };
        turn.unwrap_or_else(|end| self.finish(end))
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Handshake { deadline } | Stage::Lingering { deadline, .. } => Some(*deadline),
            Stage::Closing { deadline, .. } => Some(
                self.outbox
                    .due()
                    .map_or(*deadline, |due| due.min(*deadline)),
            ),
            Stage::Session(session) => {
                let waiting = self.outbox.due().or(self.next);
                session.poll_timeout().into_iter().chain(waiting).min()
            }
            Stage::Silent(_) | Stage::Done => None,
        }
    }

    /// The service shuts down: no error message (FQE, Terminating Connections).
    fn stop(&mut self, _: &str, _: Instant) {
        if !matches!(self.stage, Stage::Done) {
            self.finish(ServerEnd::Session(End::Closed, String::new()));
        }
    }
}

/// Whether a message asks for something.
fn is_request(head: &Head) -> bool {
    let streaming = head.header.message_type == MessageType::STREAMING_REQUEST;
    !head.nested && (matches!(head.kind, Kind::Request { .. }) || streaming)
}

impl From<Broken> for ServerEnd {
    fn from(broken: Broken) -> Self {
        Self::Broken(match broken {
            Broken::Connect(error) | Broken::Socket(error) => error.to_string(),
            Broken::Tls(error) => error.to_string(),
        })
    }
}
