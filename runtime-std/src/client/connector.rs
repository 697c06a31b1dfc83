//! Connects, and with a reconnecting client connects again.

mod ends;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::session::Instant;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::{Batch, Pool};
use estreamer_mio::client::{ClientConnection, ClientEvent};
use estreamer_mio::event_loop::{EndpointId, EventLoop, Handle};

use super::Error;
use super::bookmark::ClientBookmark;
use super::change::{ConnectionChange, NextAttempt};
use super::settings::ConnectionSettings;
use super::statistics::ConnectionCounts;
use crate::delivery::dedup::server_number::server_number;
use crate::form_hints::FormHints;
use crate::reconnect::{
    AfterEnd, Attempts, ConnectionWatch, EndedConnection, Forms, PendingAddresses, Resolver, Target,
};

/// What is told about connections.
pub(super) type Observer = Box<dyn FnMut(&ConnectionChange) + Send>;

/// The connection of a client, and the attempts to make it.
pub(super) struct Connector {
    settings: ConnectionSettings,
    event_loop: EventLoop<ClientConnection>,
    pool: Pool,
    resolver: Resolver,
    attempts: Attempts,
    forms: Forms,
    observer: Option<Observer>,
    phase: Phase,
    /// The form of the current or the last request.
    form: RequestForm,
    is_answered: bool,
    /// The counts of the connections that have ended, and of the current one.
    ended: ConnectionCounts,
    counts: ConnectionCounts,
}

enum Phase {
    /// Waiting until this time.
    Due(Instant),
    Resolving(PendingAddresses),
    Connected(Link),
    /// The error until it is reported.
    Over(Option<Box<Error>>),
}

/// A connection.
struct Link {
    id: EndpointId,
    watch: ConnectionWatch,
    /// The server with its address.
    server: String,
    from: InitialTimestamp,
    delivered: u64,
    is_told: bool,
}

/// The size of a receive arena in bytes.
const ARENA: usize = 256 << 10;

impl Connector {
    pub(super) fn new(
        settings: ConnectionSettings,
        target: Target,
        hints: FormHints,
        observer: Option<Observer>,
    ) -> Result<Self, Error> {
        let event_loop = EventLoop::new().map_err(Error::system)?;
        let mut forms = Forms::default();
        forms.keep_in(hints);
        let attempts = Attempts::new(target);
        let (form, _) = attempts.form(&mut forms);
        Ok(Self {
            pool: Pool::new(ARENA, settings.memory, event_loop.handle()),
            resolver: Resolver::new(event_loop.handle()),
            phase: Phase::Due(event_loop.now()),
            settings,
            event_loop,
            attempts,
            forms,
            observer,
            form,
            is_answered: false,
            ended: ConnectionCounts::default(),
            counts: ConnectionCounts::default(),
        })
    }

    pub(super) fn handle(&self) -> Handle {
        self.event_loop.handle()
    }

    pub(super) fn form(&self) -> RequestForm {
        self.form
    }

    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Returns whether a session has started and has not ended.
    pub(super) fn is_connected(&self) -> bool {
        matches!(&self.phase, Phase::Connected(link) if link.watch.is_connected())
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(&self.phase, Phase::Over(_))
    }

    /// Returns whether it is over, and the reason reported.
    pub(super) fn is_finished(&self) -> bool {
        matches!(&self.phase, Phase::Over(None))
    }

    /// Makes no other attempt, and drops the connection.
    pub(super) fn give_up(&mut self) {
        self.event_loop.clear();
        self.phase = Phase::Over(None);
    }

    /// Returns why no other attempt is made, once.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        match &mut self.phase {
            Phase::Over(error) => error.take().map(|error| *error),
            _ => None,
        }
    }

    /// Returns the counts of all connections.
    pub(super) fn counts(&self) -> ConnectionCounts {
        self.ended.and(&self.counts)
    }

    /// Returns how long the descriptor may be waited for.
    pub(super) fn due(&self) -> Duration {
        let now = self.event_loop.now();
        let left = |due: Instant| Duration::from_millis(due.0.saturating_sub(now.0));
        let own = match &self.phase {
            Phase::Due(due) => Some(left(*due)),
            Phase::Connected(link) => {
                let stands = link.watch.stands_at().filter(|_| !link.is_told);
                link.watch.due().into_iter().chain(stands).min().map(left)
            }
            Phase::Resolving(_) => None,
            Phase::Over(_) => Some(Duration::ZERO),
        };
        self.event_loop
            .time_to_wait()
            .min(own.unwrap_or(Duration::MAX))
    }

    /// Says that the first `units` units of this connection are delivered.
    pub(super) fn delivered(&mut self, units: u64) {
        let now = self.event_loop.now();
        if let Phase::Connected(link) = &mut self.phase
            && let Some(connection) = self.event_loop.get_mut(link.id)
        {
            if let Some(session) = connection.session() {
                // Until now the server may have waited for this.
                let is_busy = link.delivered < session.received();
                link.watch.listen(session, is_busy, now);
            }
            link.delivered = units;
            connection.delivered(units);
        }
    }

    /// Ends the connection in order, and makes no other attempt.
    pub(super) fn close(&mut self, reason: &str) {
        self.settings.is_reconnecting = false;
        match &self.phase {
            Phase::Connected(link) => {
                if let Some(connection) = self.event_loop.get_mut(link.id) {
                    connection.close(reason);
                }
            }
            _ => self.phase = Phase::Over(None),
        }
    }

    /// Gives turns and starts attempts for at most this time, until something happens.
    pub(super) fn step(
        &mut self,
        at_most: Option<Duration>,
        bookmark: &mut Option<ClientBookmark>,
    ) -> Result<(), Error> {
        self.advance(bookmark)?;
        if self.is_over() {
            return Ok(());
        }
        self.turn(Some(
            at_most.map_or(self.due(), |at_most| at_most.min(self.due())),
        ))
    }

    /// Waits until the connection is ready, and gives it a turn. Its batches stay in the
    /// queue.
    pub(super) fn turn(&mut self, at_most: Option<Duration>) -> Result<(), Error> {
        self.event_loop.wait(at_most).map_err(Error::system)?;
        let now = self.event_loop.now();
        while let Some((_, connection)) = self.event_loop.next_turn() {
            self.counts = ConnectionCounts::of(connection);
            let is_first = connection.is_answered() && !self.is_answered;
            self.is_answered |= is_first;
            let Phase::Connected(link) = &mut self.phase else {
                continue;
            };
            if let Some(session) = connection.session() {
                let is_busy = link.delivered < session.received();
                link.watch.listen(session, is_busy, now);
            }
            if is_first {
                match self.settings.form {
                    Some(form) => self.attempts.store(&mut self.forms, form),
                    None => self.attempts.answered(&mut self.forms),
                }
                self.forms.save();
            }
        }
        self.look();
        Ok(())
    }

    /// Looks at the connection: tells that it works, or closes it if it does not.
    fn look(&mut self) {
        let now = self.event_loop.now();
        let Phase::Connected(link) = &mut self.phase else {
            return;
        };
        let Some(connection) = self.event_loop.get_mut(link.id) else {
            return;
        };
        if self.settings.is_reconnecting
            && let Some(reason) = link.watch.verdict(now)
        {
            connection.close(reason);
        }
        if !link.is_told && link.watch.has_stood(now) {
            link.is_told = true;
            if let Some(observer) = &mut self.observer {
                observer(&ConnectionChange::Connected {
                    server: link.server.clone(),
                    tls: connection.tls().protocol_version().unwrap_or("TLS"),
                    from: link.from,
                    form: self.form,
                });
            }
        }
    }

    /// Returns the next batch. The end of a connection comes after its batches; `records`
    /// is the number of new records of all connections by then.
    pub(super) fn poll_batch(
        &mut self,
        bookmark: &mut Option<ClientBookmark>,
        records: u64,
    ) -> Result<Option<Batch>, Error> {
        loop {
            let Phase::Connected(link) = &mut self.phase else {
                return Ok(None);
            };
            let Some(connection) = self.event_loop.get_mut(link.id) else {
                return Ok(None);
            };
            match connection.poll_event() {
                None => return Ok(None),
                // The connection is not judged here: nothing was read since the last turn.
                Some(ClientEvent::Batch(batch)) => return Ok(Some(batch)),
                Some(ClientEvent::Connected) => {
                    link.watch.connected(self.event_loop.now());
                    if let Some(bookmark) = bookmark {
                        let peer = self.event_loop.get(link.id);
                        let peer = peer.and_then(|connection| connection.tls().peer());
                        let number = server_number(peer, &self.attempts.distinction());
                        let began = bookmark.began(number);
                        began.or_else(|error| self.failed_here(error))?;
                    }
                }
                Some(ClientEvent::Ended(end)) => self.ended(end, records, bookmark)?,
                Some(_) => {}
            }
        }
    }

    /// Runs every step that is possible without a connection.
    fn advance(&mut self, bookmark: &mut Option<ClientBookmark>) -> Result<(), Error> {
        let now = self.event_loop.now();
        if let Phase::Due(due) = &self.phase
            && *due <= now
        {
            self.attempts.begin_round();
            self.resolve(bookmark)?;
        }
        let Phase::Resolving(pending) = &self.phase else {
            return Ok(());
        };
        let after = match pending.try_recv() {
            Err(TryRecvError::Empty) => return Ok(()),
            Err(TryRecvError::Disconnected) => {
                self.phase = Phase::Over(None);
                let error = io::Error::other("the resolver's thread has ended");
                return Err(Error::system(error));
            }
            Ok(Ok(addresses)) => self.attempts.resolved(addresses),
            Ok(Err(error)) => self.attempts.unresolved(error),
        };
        self.go_on(after, bookmark)
    }

    /// Starts to resolve the current server.
    fn resolve(&mut self, bookmark: &mut Option<ClientBookmark>) -> Result<(), Error> {
        let Some(address) = self.attempts.address().cloned() else {
            self.phase = Phase::Over(None);
            return Ok(());
        };
        self.tell(|| ConnectionChange::Connecting {
            server: address.to_string(),
        });
        match self.resolver.resolve(address) {
            Ok(pending) => {
                self.phase = Phase::Resolving(pending);
                Ok(())
            }
            Err(failure) => {
                let after = self.attempts.not_asked(failure);
                self.go_on(after, bookmark)
            }
        }
    }

    /// Connects to an address. Returns what follows if that fails at once.
    fn open(
        &mut self,
        address: SocketAddr,
        bookmark: &mut Option<ClientBookmark>,
    ) -> Result<Option<AfterEnd>, Error> {
        let from = match bookmark {
            Some(bookmark) => {
                let several = self.attempts.has_several_servers();
                bookmark.connect(self.settings.from, several)?
            }
            None => self.settings.from,
        };
        let (form, watch) = self.attempts.form(&mut self.forms);
        let mut options = self.settings.options(address, from, form, &self.pool);
        options.session.prepaid = self.attempts.prepaid(options.session.prepaid);
        let server = self.attempts.server_at(address);
        self.ended = self.counts();
        self.counts = ConnectionCounts::default();
        (self.form, self.is_answered) = (form, false);
        let now = self.event_loop.now();
        match ClientConnection::new(&self.settings.tls, options, now) {
            Ok(connection) => {
                let id = self.event_loop.add(connection).map_err(Error::system)?;
                self.phase = Phase::Connected(Link {
                    id,
                    watch,
                    server,
                    from,
                    delivered: 0,
                    is_told: false,
                });
                Ok(None)
            }
            Err(end) => {
                let ended = EndedConnection {
                    end,
                    server,
                    watch: &watch,
                    is_answered: false,
                    is_busy: false,
                    records: 0,
                    now,
                };
                Ok(Some(self.attempts.ended(ended, &mut self.forms)))
            }
        }
    }

    fn disconnected(&mut self, error: Error, next: NextAttempt) {
        self.tell(|| ConnectionChange::Disconnected { error, next });
    }

    fn tell(&mut self, change: impl FnOnce() -> ConnectionChange) {
        if let Some(observer) = &mut self.observer {
            observer(&change());
        }
    }
}

impl AsFd for Connector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event_loop.as_fd()
    }
}
