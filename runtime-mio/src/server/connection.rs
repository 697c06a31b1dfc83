//! One served connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::decode::{Head, Kind};
use estreamer_core::quirk::Quirk;
use estreamer_core::session::{End, Instant};
use estreamer_core::wire::{ErrorMessage, EventStreamRequest, HEADER_LEN, Services};
use mio::event::Source;

use super::bundle;
use super::distance::Distance;
use super::end::ServerEnd;
use super::feed::{Answer, Feed, RequestRefusal, Supply};
use super::listener::Accepted;
use super::literal::take_header_off;
use super::options::ServerOptions;
use super::outbox::{Outbox, Pumped};
use super::outgoing::Outgoing;
use super::request::{CompletedRequest, RequestReader, offer};
use super::stage::ServerStage;
use super::surplus::{SurplusNulls, surplus_refusal};
use crate::buffer::ByteBuffer;
use crate::error_text::ErrorText;
use crate::event_loop::{Endpoint, Turn, after};
use crate::transport::{Fill, Transport, TransportError};

/// A client's connection to this server, and the feed it is served from.
///
/// - Getters: [`end`](Self::end).
/// - Commands: [`close`](Self::close).
/// - Everything that is sent comes from its [`Feed`], in its turns.
pub(super) struct ServerConnection<F> {
    transport: Transport,
    received: ByteBuffer,
    distance: Distance,
    options: Arc<ServerOptions>,
    address: SocketAddr,
    connection_id: u32,
    stage: ServerStage,
    feed: F,
    /// Why it ended, once it has.
    end: Option<ServerEnd>,
    request: RequestReader,
    /// Whether services were offered.
    offered: bool,
    /// Whether the length of the next message has to be changed to what the decoder
    /// expects; see [`ServerOptions::literal_requests`].
    literal: bool,
    /// The text of the client's error message.
    error_text: ErrorText,
    /// Where bundles are built.
    bundle: Vec<u8>,
    bundles: u32,
    outbox: Outbox,
    /// When the feed has the next record.
    next: Option<Instant>,
}

/// Bytes of the window. Larger requests are received in pieces.
const WINDOW: usize = 64 << 10;
/// Time to send the last message.
const GOODBYE: Duration = Duration::from_secs(1);
/// Bundles sent, and reads done, in one turn.
const STEPS_PER_TURN: u32 = 64;

impl<F: Feed> ServerConnection<F> {
    /// Takes an accepted connection, which begins with the TLS handshake.
    ///
    /// # Errors
    /// The feed, and why the connection cannot be served.
    pub(super) fn new(
        accepted: Accepted,
        options: &Arc<ServerOptions>,
        connection_id: u32,
        feed: F,
        now: Instant,
    ) -> Result<Self, (F, ServerEnd)> {
        let Accepted { socket, address } = accepted;
        let tls = options.tls.accept().map_err(TransportError::Tls);
        let transport = tls.and_then(|tls| {
            Transport::accepted(socket, tls, options.nagle).map_err(TransportError::Socket)
        });
        let transport = match transport {
            Ok(transport) => transport,
            Err(error) => return Err((feed, error.into())),
        };
        Ok(Self {
            transport,
            received: ByteBuffer::new(WINDOW),
            distance: Distance::new(options.delay),
            stage: ServerStage::Handshake {
                deadline: after(now, options.handshake_timeout),
            },
            literal: options.literal_requests,
            options: options.clone(),
            address,
            connection_id,
            feed,
            end: None,
            request: RequestReader::default(),
            offered: false,
            error_text: ErrorText::default(),
            bundle: Vec::new(),
            bundles: 0,
            outbox: Outbox::default(),
            next: None,
        })
    }

    /// Returns why it ended; `None` while it is served.
    pub(super) fn end(&self) -> Option<&ServerEnd> {
        self.end.as_ref()
    }

    /// Ends it without an error message, as a service that shuts down does (FQE,
    /// Terminating Connections).
    pub(super) fn close(&mut self) {
        if !matches!(self.stage, ServerStage::Ended) {
            self.finish(ServerEnd::Session(End::Closed, String::new()));
        }
    }

    fn handshake(&mut self, deadline: Instant, now: Instant) -> Result<Turn, ServerEnd> {
        if now >= deadline {
            return Err(ServerEnd::Broken(
                "the TLS handshake was not complete in time".into(),
            ));
        }
        self.transport.fill_buffer(&mut self.received)?;
        self.transport.flush()?;
        if self.transport.tls.is_handshaking() {
            return Ok(Turn::Wait);
        }
        let facts = self.transport.tls.peer();
        self.options.admit(facts, self.address.ip())?;
        let session = self.options.session(WINDOW, self.connection_id, now)?;
        self.stage = ServerStage::Session(session);
        self.put(Outgoing::Start, &[], now);
        Ok(Turn::Again)
    }

    fn session(&mut self, now: Instant) -> Result<Turn, ServerEnd> {
        self.timeouts(now)?;
        let mut turn = Turn::Again;
        // The first round decodes bytes that an earlier turn left.
        for _ in 0..STEPS_PER_TURN {
            if let Err(end) = self.decode(now) {
                return self.over(end, now);
            }
            if !matches!(self.stage, ServerStage::Session(_)) {
                return Ok(Turn::Again);
            }
            match self
                .distance
                .fill(&mut self.transport, &mut self.received, now)?
            {
                Fill::Bytes(_) => {}
                Fill::Blocked => {
                    turn = Turn::Wait;
                    break;
                }
                Fill::Eof => {
                    let end = match &mut self.stage {
                        ServerStage::Session(session) => session.handle_eof(),
                        _ => End::Closed,
                    };
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
                self.start_closing(now);
                return Ok(Turn::Again);
            }
        }
        let more = self.supply(now)?;
        if let ServerStage::Session(session) = &self.stage {
            self.feed.progress(session.statistics());
        }
        Ok(if more { Turn::Again } else { turn })
    }

    fn timeouts(&mut self, now: Instant) -> Result<(), ServerEnd> {
        let ServerStage::Session(session) = &mut self.stage else {
            return Ok(());
        };
        if session.poll_timeout().is_some_and(|due| due <= now) {
            session
                .handle_timeout(now)
                .map_err(|end| ServerEnd::Session(end, String::new()))?;
            let mut null = [0; HEADER_LEN];
            let length = session.poll_transmit(&mut null, now);
            // Nothing is kept for a client that reads nothing.
            if length > 0 && self.transport.is_flushed() {
                self.put(Outgoing::Other, &null[..length], now);
            }
        }
        Ok(())
    }

    /// Decodes the bytes received.
    fn decode(&mut self, now: Instant) -> Result<(), End> {
        while let ServerStage::Session(session) = &mut self.stage {
            if self.literal {
                self.literal = !take_header_off(self.received.unread_mut());
            }
            let input = self.received.unread();
            let step = session.step(input, now)?;
            let mut received = CompletedRequest::Nothing;
            if let Some(frame) = &step.frame {
                self.error_text.keep(frame, input);
                received = self.request.take(frame, input);
            }
            let surplus = session.statistics().deviations.of(Quirk::SurplusNull) > 0;
            let idle = step.consumed == 0 && step.frame.is_none();
            self.received.consume(step.consumed);
            match received {
                CompletedRequest::Nothing => {}
                CompletedRequest::Request(head) => self.judge(&head, now),
                CompletedRequest::TooLarge => {
                    let text = "the request is too large".into();
                    self.refuse(&RequestRefusal { code: 6, text }, now);
                    return Ok(());
                }
            }
            if surplus && self.object(now) || idle {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Ends the session because of a surplus null message, if this server does so.
    fn object(&mut self, now: Instant) -> bool {
        match self.options.surplus_nulls {
            SurplusNulls::Ignore | SurplusNulls::Credit => return false,
            SurplusNulls::Error => {
                self.refuse(&surplus_refusal(), now);
            }
            SurplusNulls::Close => {
                self.transport.tls.send_close_notify();
                self.start_closing(now);
            }
        }
        true
    }

    /// Asks the feed about a complete request or streaming request.
    fn judge(&mut self, head: &Head, now: Instant) {
        let ServerStage::Session(session) = &mut self.stage else {
            return;
        };
        let judged = match head.kind {
            _ if session.is_streaming() => Err(RequestRefusal {
                code: 7,
                text: "a stream is running; connect again to request something else".into(),
            }),
            Kind::Request { from, flags } => self.feed.request(&EventStreamRequest {
                from,
                flags,
                block: self.request.block(),
            }),
            _ if self.offered => self
                .feed
                .choice(&Services {
                    body: self.request.block(),
                })
                .map(|()| Answer::Stream),
            _ => Err(RequestRefusal {
                code: 8,
                text: "no service was offered; send an event stream request with bit 30 set first"
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
        if let Some(message) = offer() {
            self.put(Outgoing::Other, &message, now);
        }
    }

    fn fall_silent(&mut self) {
        if let ServerStage::Session(session) =
            std::mem::replace(&mut self.stage, ServerStage::Ended)
        {
            self.stage = ServerStage::Silent(session);
        }
    }

    /// Reads and discards until the client closes.
    fn silent(&mut self) -> Result<Turn, ServerEnd> {
        for _ in 0..STEPS_PER_TURN {
            self.received.consume(WINDOW);
            match self.transport.fill_buffer(&mut self.received)? {
                Fill::Bytes(_) => {}
                Fill::Blocked => return Ok(Turn::Wait),
                Fill::Eof => return Err(self.session_end(End::Idle)),
            }
        }
        Ok(Turn::Again)
    }

    fn refuse(&mut self, refusal: &RequestRefusal, now: Instant) {
        let ServerStage::Session(session) = &mut self.stage else {
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
        self.start_closing(now);
    }

    /// Sends a message, or what the feed replaces it with.
    fn put(&mut self, outgoing: Outgoing, message: &[u8], now: Instant) {
        let (feed, transport) = (&mut self.feed, &mut self.transport);
        self.outbox.put(feed, transport, outgoing, message, now);
    }

    /// Sends bundles while there are credit, records and room. Returns whether there
    /// is more to do at once.
    fn supply(&mut self, now: Instant) -> Result<bool, ServerEnd> {
        self.next = None;
        let ServerStage::Session(session) = &mut self.stage else {
            return Ok(false);
        };
        for _ in 0..STEPS_PER_TURN {
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
            let feed = &mut self.feed;
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

    /// The client ended the session.
    fn over(&mut self, end: End, now: Instant) -> Result<Turn, ServerEnd> {
        let tampered = self.feed.tamper(Outgoing::End, &[]);
        let pause = tampered.map_or(Duration::ZERO, |tampered| tampered.pause);
        match std::mem::replace(&mut self.stage, ServerStage::Ended) {
            ServerStage::Session(session) if !pause.is_zero() => {
                self.stage = ServerStage::Lingering {
                    session,
                    end,
                    deadline: after(now, pause),
                };
                Ok(Turn::Wait)
            }
            stage => {
                self.stage = stage;
                Err(self.session_end(end))
            }
        }
    }

    /// Sends what is queued, then closes the connection.
    fn start_closing(&mut self, now: Instant) {
        if let ServerStage::Session(session) =
            std::mem::replace(&mut self.stage, ServerStage::Ended)
        {
            self.stage = ServerStage::Closing {
                session,
                deadline: after(now, GOODBYE),
            };
        }
    }

    fn closing(&mut self, deadline: Instant, now: Instant) -> Result<Turn, ServerEnd> {
        let closed = ServerEnd::Session(End::Closed, String::new());
        let left = match self.outbox.pump(&mut self.transport, now) {
            Ok(Pumped::Again) => return Ok(Turn::Again),
            Ok(Pumped::Waiting) => true,
            Ok(Pumped::Empty | Pumped::Close) => {
                self.transport.flush().is_ok() && !self.transport.is_flushed()
            }
            Err(_) => false,
        };
        if now >= deadline {
            return Err(closed);
        }
        if left {
            return Ok(Turn::Wait);
        }
        match self.transport.shutdown_and_drain() {
            Fill::Bytes(_) => Ok(Turn::Again),
            Fill::Blocked => Ok(Turn::Wait),
            Fill::Eof => Err(closed),
        }
    }

    /// The session's end, with the text of the client's error message.
    fn session_end(&self, end: End) -> ServerEnd {
        ServerEnd::Session(end, self.error_text.to_string())
    }

    /// Ends it, and tells the feed.
    fn finish(&mut self, end: ServerEnd) {
        let stage = std::mem::replace(&mut self.stage, ServerStage::Ended);
        let statistics = match &stage {
            ServerStage::Session(session)
            | ServerStage::Closing { session, .. }
            | ServerStage::Lingering { session, .. }
            | ServerStage::Silent(session) => Some(session.statistics()),
            ServerStage::Handshake { .. } | ServerStage::Ended => None,
        };
        self.feed.ended(&end, statistics);
        self.end = Some(end);
    }
}

impl<F: Feed> Endpoint for ServerConnection<F> {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.transport.socket
    }

    fn take_turn(&mut self, now: Instant) -> Turn {
        let turn = match &self.stage {
            ServerStage::Handshake { deadline } => self.handshake(*deadline, now),
            ServerStage::Session(_) => self.session(now),
            ServerStage::Silent(_) => self.silent(),
            ServerStage::Closing { deadline, .. } => self.closing(*deadline, now),
            ServerStage::Lingering { deadline, .. } if now < *deadline => Ok(Turn::Wait),
            ServerStage::Lingering { end, .. } => {
                let end = *end;
                Err(self.session_end(end))
            }
            ServerStage::Ended => Ok(Turn::Wait),
        };
        turn.unwrap_or_else(|end| {
            self.finish(end);
            Turn::Wait
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            ServerStage::Handshake { deadline } | ServerStage::Lingering { deadline, .. } => {
                Some(*deadline)
            }
            ServerStage::Closing { deadline, .. } => Some(
                self.outbox
                    .due()
                    .map_or(*deadline, |due| due.min(*deadline)),
            ),
            ServerStage::Session(session) => {
                let waiting = self.outbox.due().or(self.next).into_iter();
                let waiting = waiting.chain(self.distance.due());
                session.poll_timeout().into_iter().chain(waiting).min()
            }
            ServerStage::Silent(_) | ServerStage::Ended => None,
        }
    }
}
