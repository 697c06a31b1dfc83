//! The client's end: connect, ask, receive, acknowledge.

mod end;
mod event;
mod options;
mod receive;

pub use end::ClientEnd;
pub use event::ClientEvent;
pub use options::ClientOptions;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use estreamer_core::session::{ClientSession, End, Instant};
use mio::event::Source;

use crate::buffer::BatchBuilder;
use crate::error_text::ErrorText;
use crate::event_loop::{Endpoint, Turn, after};
use crate::tls::{ClientTls, TlsSession};
use crate::transport::{Fill, Transport};
#[cfg(feature = "fuzzing")]
pub(crate) use receive::decode;
use receive::{Reading, ReceiveTurn};

/// A client's connection on an [`EventLoop`](crate::event_loop::EventLoop).
///
/// The contract: **after each of its turns, call [`poll_event`](Self::poll_event)
/// until it returns `None`; a command takes effect in the next turn.**
///
/// - Getters: [`tls`](Self::tls), [`session`](Self::session),
///   [`is_answered`](Self::is_answered), [`bytes_received`](Self::bytes_received).
/// - Inputs: none but its turns; see [`Endpoint`].
/// - Commands: [`delivered`](Self::delivered), [`pause`](Self::pause),
///   [`resume`](Self::resume), [`close`](Self::close).
/// - Outputs: [`poll_event`](Self::poll_event).
///
/// Acknowledgement counts units as a [`ClientSession`] does. The client sends the
/// null messages that are due for what is [delivered](Self::delivered). It stops
/// reading when the memory of its pool is used up, and goes on when batches are
/// dropped.
pub struct ClientConnection {
    transport: Transport,
    builder: BatchBuilder,
    options: ClientOptions,
    stage: ClientStage,
    /// When the current stage ends, except while streaming.
    deadline: Instant,
    /// Made when the TLS handshake is complete.
    session: Option<ClientSession>,
    events: VecDeque<ClientEvent>,
    error_text: ErrorText,
    bytes_received: u64,
    is_answered: bool,
    /// When the last batch was handed over.
    handed_over_at: Instant,
    /// Whether the last turn kept its records.
    is_gathering: bool,
    /// Whether it has no memory to receive into, or keeps records back.
    is_stalled: bool,
    delivered: u64,
    is_paused: bool,
    /// The reason to close with, once asked for.
    close_reason: Option<String>,
    /// Whether a command waits for a turn.
    has_command: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientStage {
    Connecting,
    Handshaking,
    Streaming,
    /// The goodbye is on its way; then the peer's close is awaited.
    Closing,
    Ended,
}

/// How long records gather after a batch, unless the arena is full before.
const GATHER: Duration = Duration::from_millis(2);
/// Time to get a goodbye out.
const GOODBYE: Duration = Duration::from_secs(1);

impl ClientConnection {
    /// Starts to connect.
    ///
    /// # Errors
    /// [`ClientEnd::Connect`] when the pool is too small or the system refuses at
    /// once, [`ClientEnd::Tls`] when the identity does not suffice.
    pub fn new(tls: &ClientTls, options: ClientOptions, now: Instant) -> Result<Self, ClientEnd> {
        let min = options.pool.min_budget(options.session.limits);
        if options.pool.budget() < min {
            let error = format!("the pool has fewer than the {min} bytes that the limits require");
            return Err(ClientEnd::Connect(io::Error::other(error)));
        }
        let session = tls.connect().map_err(ClientEnd::Tls)?;
        let transport = Transport::connect(options.address, options.bind, session)
            .map_err(ClientEnd::Connect)?;
        Ok(Self {
            transport,
            builder: BatchBuilder::new(options.pool.clone()),
            stage: ClientStage::Connecting,
            deadline: after(now, options.handshake_timeout),
            options,
            session: None,
            events: VecDeque::new(),
            error_text: ErrorText::default(),
            bytes_received: 0,
            is_answered: false,
            handed_over_at: Instant(0),
            is_gathering: false,
            is_stalled: false,
            delivered: 0,
            is_paused: false,
            close_reason: None,
            has_command: false,
        })
    }

    /// Returns the TLS session: its version, cipher suite and the server's certificate.
    pub fn tls(&self) -> &TlsSession {
        &self.transport.tls
    }

    /// Returns the protocol's session with its counters, once the TLS handshake is
    /// complete, and after the end as well.
    pub fn session(&self) -> Option<&ClientSession> {
        self.session.as_ref()
    }

    /// Whether the server answered the request: with a null message, a bundle or
    /// an event.
    pub fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Returns the bytes of plaintext received so far.
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received
    }

    /// Says that the first `units` units of this connection are delivered; smaller
    /// values than before are ignored. See [`ClientSession::delivered`].
    pub fn delivered(&mut self, units: u64) {
        if units > self.delivered {
            self.delivered = units;
            self.has_command = true;
        }
    }

    /// Stops reading from the socket. Records received so far are handed over.
    pub fn pause(&mut self) {
        self.has_command |= !std::mem::replace(&mut self.is_paused, true);
    }

    /// Reads from the socket again.
    pub fn resume(&mut self) {
        self.has_command |= std::mem::replace(&mut self.is_paused, false);
    }

    /// Ends the connection: sends the null messages that are due, then an error
    /// message with the reason. Waits up to a second for the server to close. Before
    /// the request was sent, it ends at once.
    pub fn close(&mut self, reason: &str) {
        match self.stage {
            ClientStage::Connecting | ClientStage::Handshaking => {
                self.finish(ClientEnd::session(End::Closed))
            }
            ClientStage::Streaming if self.close_reason.is_none() => {
                self.close_reason = Some(reason.into());
            }
            ClientStage::Streaming | ClientStage::Closing | ClientStage::Ended => return,
        }
        self.has_command = true;
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    fn connect(&mut self, now: Instant) -> Result<Turn, ClientEnd> {
        if !self.transport.check_connected()? {
            return match now >= self.deadline {
                true => Err(ClientEnd::ConnectTimeout(self.options.handshake_timeout)),
                false => Ok(Turn::Wait),
            };
        }
        let local = self.transport.socket.local_addr();
        let local = local.map_err(ClientEnd::Socket)?;
        self.events.push_back(ClientEvent::TcpConnected { local });
        self.stage = ClientStage::Handshaking;
        Ok(Turn::Again)
    }

    fn handshake(&mut self, now: Instant) -> Result<Turn, ClientEnd> {
        self.transport.flush()?;
        // The last flight of the handshake may bring the first plaintext along. It
        // stays in the arena until there is a session.
        let Some(room) = self.builder.room() else {
            self.is_stalled = true;
            // The server is not late: nothing that it sends is read.
            self.deadline = after(now, self.options.handshake_timeout);
            return Ok(Turn::Wait);
        };
        if now >= self.deadline {
            return Err(ClientEnd::HandshakeTimeout(self.options.handshake_timeout));
        }
        self.is_stalled = false;
        if let Fill::Bytes(count) = self.transport.fill(room)? {
            if self.options.capture {
                let bytes = room[..count].to_vec();
                self.events.push_back(ClientEvent::Received(bytes));
            }
            self.builder.filled(count);
            self.bytes_received += count as u64;
        }
        self.transport.flush()?;
        if self.transport.tls.is_handshaking() {
            return Ok(Turn::Wait);
        }
        let (window, config) = (self.options.pool.arena_size(), self.options.session);
        let session = ClientSession::new(window, config, now)
            .map_err(|error| ClientEnd::Connect(io::Error::other(error)))?;
        self.session = Some(session);
        self.stage = ClientStage::Streaming;
        let request = std::mem::take(&mut self.options.request);
        self.send(&request);
        self.transport.flush()?;
        self.events.push_back(ClientEvent::Connected);
        Ok(Turn::Again)
    }

    fn stream(&mut self, now: Instant) -> Result<Turn, ClientEnd> {
        let Some(session) = &mut self.session else {
            return Ok(Turn::Wait);
        };
        let is_reading = !self.is_paused && self.close_reason.is_none();
        let received = match is_reading {
            false => Ok(Reading::Stalled),
            true => ReceiveTurn {
                transport: &mut self.transport,
                builder: &mut self.builder,
                session,
                error_text: &mut self.error_text,
                bytes_received: &mut self.bytes_received,
                capture: self.options.capture.then_some(&mut self.events),
            }
            .receive(now),
        };
        let acknowledged = received.and_then(|reading| {
            self.acknowledge(reading, now)?;
            Ok(reading)
        });
        // Records that came before an end are handed over in any case.
        self.is_gathering =
            is_reading && acknowledged.as_ref().is_ok_and(|&it| self.gathers(it, now));
        if acknowledged.is_err() {
            self.builder.ended();
        }
        self.builder.end_turn(self.is_gathering);
        while let Some(batch) = self.builder.poll_batch() {
            self.is_answered = true;
            self.handed_over_at = now;
            self.events.push_back(ClientEvent::Batch(batch));
        }
        let nulls = self.session.as_ref().map(|it| it.statistics().nulls);
        self.is_answered |= nulls > Some(0);
        let reading = acknowledged.map_err(|end| match end {
            ClientEnd::Session(end, _) => ClientEnd::Session(end, self.error_text.to_string()),
            other => other,
        })?;
        self.is_stalled = (is_reading && reading == Reading::Stalled) || self.builder.has_records();
        if !self.is_stalled {
            self.builder.stop_waiting();
        }
        if let Some(reason) = self.close_reason.take() {
            self.say_goodbye(&reason, now);
            return Ok(Turn::Again);
        }
        Ok(match reading {
            Reading::More => Turn::Again,
            Reading::Blocked | Reading::Stalled => Turn::Wait,
        })
    }

    /// Tells the session what happened, and sends the null messages that are due.
    fn acknowledge(&mut self, reading: Reading, now: Instant) -> Result<(), ClientEnd> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        session.set_reading(reading != Reading::Stalled, now);
        session.delivered(self.delivered);
        // This comes after reading: bytes that waited in the socket are no silence.
        if session.poll_timeout().is_some_and(|due| due <= now) {
            session.handle_timeout(now).map_err(ClientEnd::session)?;
        }
        self.send_nulls(now)
    }

    /// Whether records gather in the batch, instead of being handed over after this turn.
    fn gathers(&self, reading: Reading, now: Instant) -> bool {
        let mut events = self.events.iter();
        if events.any(|event| matches!(event, ClientEvent::Batch(_))) {
            return true;
        }
        if !self.options.gather {
            return false;
        }
        // The server may wait for null messages that wait for a delivery.
        let is_withheld = self
            .session
            .as_ref()
            .is_some_and(|session| session.acknowledged() < session.received());
        self.is_undelivered()
            || (reading != Reading::Stalled && !is_withheld && now < self.gathered_at())
    }

    /// Whether earlier batches are still with the owner.
    fn is_undelivered(&self) -> bool {
        self.delivered < self.builder.handed_over()
    }

    /// When records have gathered for long enough.
    fn gathered_at(&self) -> Instant {
        after(self.handed_over_at, GATHER)
    }

    /// Sends the null messages that are due. A server that reads nothing gets no
    /// more than there is room for.
    fn send_nulls(&mut self, now: Instant) -> Result<(), ClientEnd> {
        let mut nulls = [0; 64];
        loop {
            while self.transport.has_room()
                && let Some(session) = &mut self.session
            {
                match session.poll_transmit(&mut nulls, now) {
                    0 => break,
                    length => self.send(&nulls[..length]),
                }
            }
            let was_full = !self.transport.has_room();
            self.transport.flush()?;
            if !was_full || !self.transport.has_room() {
                return Ok(());
            }
        }
    }

    fn send(&mut self, message: &[u8]) {
        self.transport.send(message);
        if self.options.capture {
            self.events.push_back(ClientEvent::Sent(message.to_vec()));
        }
    }

    /// Tells the peer why, and gives it time to close.
    fn say_goodbye(&mut self, reason: &str, now: Instant) {
        let mut message = vec![0; reason.len() + 32];
        if let Some(session) = &mut self.session
            && let Ok(length) = session.close(reason, &mut message)
        {
            self.send(&message[..length]);
        }
        self.transport.tls.send_close_notify();
        // An error is found when the peer's close is awaited.
        let _ = self.transport.flush();
        self.stage = ClientStage::Closing;
        self.builder.stop_waiting();
        self.deadline = after(now, GOODBYE);
    }

    fn shut_down(&mut self, now: Instant) -> Result<Turn, ClientEnd> {
        let is_sending = self.transport.flush().is_ok() && !self.transport.is_flushed();
        if now >= self.deadline {
            return Err(ClientEnd::session(End::Closed));
        }
        if is_sending {
            return Ok(Turn::Wait);
        }
        match self.transport.shutdown_and_drain() {
            Fill::Bytes(_) => Ok(Turn::Again),
            Fill::Blocked => Ok(Turn::Wait),
            Fill::Eof => Err(ClientEnd::session(End::Closed)),
        }
    }

    fn finish(&mut self, end: ClientEnd) {
        self.stage = ClientStage::Ended;
        self.builder.stop_waiting();
        self.is_stalled = false;
        self.events.push_back(ClientEvent::Ended(end));
    }
}

impl Endpoint for ClientConnection {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.transport.socket
    }

    fn take_turn(&mut self, now: Instant) -> Turn {
        self.has_command = false;
        let turn = match self.stage {
            ClientStage::Connecting => self.connect(now),
            ClientStage::Handshaking => self.handshake(now),
            ClientStage::Streaming => self.stream(now),
            ClientStage::Closing => self.shut_down(now),
            ClientStage::Ended => Ok(Turn::Wait),
        };
        turn.unwrap_or_else(|end| {
            self.finish(end);
            Turn::Wait
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.has_command {
            return Some(Instant(0));
        }
        match self.stage {
            ClientStage::Connecting | ClientStage::Handshaking | ClientStage::Closing => {
                Some(self.deadline)
            }
            ClientStage::Streaming => {
                // Records that wait for memory, or for a delivery, wait for a wake-up.
                let waits = self.options.gather && self.is_undelivered();
                let is_timed = self.is_gathering && !waits;
                let gathered = (is_timed && self.builder.has_records()).then(|| self.gathered_at());
                let silent = self.session.as_ref()?.poll_timeout();
                gathered.into_iter().chain(silent).min()
            }
            ClientStage::Ended => None,
        }
    }

    fn waits_for_wakeup(&self) -> bool {
        self.is_stalled
    }
}

impl fmt::Debug for ClientConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConnection")
            .field("address", &self.options.address)
            .field("stage", &self.stage)
            .field("bytes_received", &self.bytes_received)
            .finish_non_exhaustive()
    }
}
