//! A client for programs: connect, then take events one after the other.
//!
//! ```no_run
//! use estreamer::client::{Client, InitialTimestamp};
//!
//! let client = Client::builder("fmc.example.net")
//!     .pkcs12("client.p12", "password")
//!     .from(InitialTimestamp::OLDEST)
//!     .connect()?;
//! for event in client {
//!     println!("{}", String::from_utf8_lossy(&event?.data));
//! }
//! # Ok::<_, estreamer::client::Error>(())
//! ```
//!
//! The iterator acknowledges an event when the next one is requested. With
//! [`Client::receive`] and [`Client::acknowledge`] the program acknowledges events
//! itself, and reads them from the receive buffer without a copy.
//!
//! With [`Builder::state`] there is a bookmark: after a restart the client resumes
//! there, and skips exactly the events that were acknowledged.
//!
//! Servers differ in what the length of a request counts. A server that expects another
//! length closes the connection, sends an error, or stays silent. The program can then
//! connect again with the next form:
//!
//! ```no_run
//! use estreamer::client::{Client, RequestForm};
//!
//! let mut form = RequestForm::default();
//! loop {
//!     let mut client = Client::builder("fmc.example.net")
//!         .pkcs12("client.p12", "password")
//!         .request_form(form)
//!         .connect()?;
//!     for event in client.by_ref() {
//!         match event {
//!             Ok(event) => println!("{}", String::from_utf8_lossy(&event.data)),
//!             Err(error) => eprintln!("{error}"),
//!         }
//!     }
//!     if !client.is_answered() {
//!         form = form.next();
//!     }
//!     # break;
//! }
//! # Ok::<_, estreamer::client::Error>(())
//! ```
//!
//! Without [`Builder::request_form`], the client uses the form that the server answered
//! before, which is stored with the bookmark, or else the default.
//!
//! The client has no thread: it serves the connection only during a call. While a
//! program is busy for minutes, the server has to wait.

mod bookmark;
mod builder;
mod error;
mod event;
mod form;

pub use builder::Builder;
pub use error::{Error, ErrorKind};
pub use estreamer_core::fqe::{EventKind, RequestForm};
pub use estreamer_core::quirk::{Deviations, Quirk};
pub use estreamer_core::wire::{InitialTimestamp, RecordLength};
pub use estreamer_mio::buffer::{EventRecord, RecordKind};
pub use estreamer_mio::tls;
pub use event::OwnedEvent;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use estreamer_mio::buffer::Batch;
use estreamer_mio::client::{ClientConnection, ClientEnd, ClientEvent};
use estreamer_mio::event_loop::{EndpointId, EventLoop, Handle};

use bookmark::ClientBookmark;
use form::FormInUse;

/// One connection to a server. See the [module](self).
///
/// - Inputs: [`receive`](Self::receive), and the iterator.
/// - Commands: [`acknowledge`](Self::acknowledge), [`close`](Self::close).
/// - Getters: [`statistics`](Self::statistics), [`request_form`](Self::request_form),
///   [`is_answered`](Self::is_answered), [`interrupter`](Self::interrupter).
///
/// On drop, the session is closed, and acknowledged events are made durable.
pub struct Client {
    server: String,
    event_loop: EventLoop<ClientConnection>,
    connection: EndpointId,
    bookmark: Option<ClientBookmark>,
    form: FormInUse,
    /// The current batch, and the index of its next record.
    batch: Option<(Batch, usize)>,
    /// Units received with the batches so far, units that were handed out completely,
    /// and units that are delivered.
    units: u64,
    handed_out: u64,
    delivered: u64,
    /// Whether a record was handed out since the last acknowledgement.
    outstanding: bool,
    /// Units that the server may send before the first of them is acknowledged.
    ahead: u64,
    interrupted: Arc<AtomicBool>,
    counted: ClientStatistics,
    /// The counts of the connection.
    counters: Counters,
    /// Why the connection ended, until it is reported.
    end: Option<ClientEnd>,
    over: bool,
}

/// The counts of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientStatistics {
    /// Bytes received, after decryption.
    pub bytes: u64,
    /// Records received, including those that replace an event.
    pub records: u64,
    /// Records whose lengths contradict each other.
    pub malformed: u64,
    /// Records over the limit, which have no data.
    pub oversize: u64,
    /// Records skipped because they were acknowledged before.
    pub duplicates: u64,
    /// Bundles received, and records outside bundles.
    pub bundles: u64,
    /// How many of these the program acknowledged.
    pub acknowledged: u64,
    /// The server's deviations from the guide, by name: what its record length counts,
    /// records without the requested archival timestamp, and events that are not the
    /// requested JSON.
    pub deviations: Deviations,
}

/// The counts of a connection, kept after its end.
#[derive(Default)]
struct Counters {
    bytes: u64,
    units: u64,
    deviations: Deviations,
    is_answered: bool,
}

impl Counters {
    fn of(connection: &ClientConnection) -> Self {
        let session = connection.session();
        Self {
            bytes: connection.bytes_received(),
            units: session.map_or(0, |session| session.received()),
            deviations: session.map_or_else(Deviations::default, |session| {
                session.statistics().deviations
            }),
            is_answered: connection.is_answered(),
        }
    }
}

/// Ends a client's wait from another thread.
#[derive(Clone)]
pub struct Interrupter {
    interrupted: Arc<AtomicBool>,
    handle: Handle,
}

impl Client {
    /// Returns the builder of a client of this server, `HOST[:PORT]`; the default port
    /// is 8302.
    pub fn builder(server: &str) -> Builder {
        Builder::new(server)
    }

    /// Waits for the next record for at most `timeout`; then returns `None`. Records
    /// that were acknowledged before a restart are skipped.
    ///
    /// # Errors
    /// Why the connection ended, and [`ErrorKind::Ended`] from then on. After
    /// [`ErrorKind::Interrupted`] and [`ErrorKind::Unacknowledged`] the client can
    /// continue.
    pub fn receive(&mut self, timeout: Option<Duration>) -> Result<Option<EventRecord<'_>>, Error> {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let mut left = until.map(|_| Duration::ZERO);
        while !self.advance() {
            self.check()?;
            if left.is_some_and(|left| left.is_zero()) {
                // Data that has arrived is read even with the shortest timeout.
                self.step(Some(Duration::ZERO))?;
                left = None;
                continue;
            }
            if self.is_withheld() {
                return Err(Error::unacknowledged());
            }
            left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => return Ok(None),
                left => self.step(left)?,
            }
        }
        Ok(self.current())
    }

    /// Acknowledges everything handed out so far: the server may send more, and with a
    /// bookmark none of it is sent to the program again. It is durable when this
    /// returns, so one call for many events is cheaper than one for each.
    ///
    /// # Errors
    /// [`ErrorKind::Bookmark`]: it is not durable. If the disk was full, the call may be
    /// repeated.
    pub fn acknowledge(&mut self) -> Result<(), Error> {
        self.accept()?;
        match &mut self.bookmark {
            Some(bookmark) => bookmark.commit(),
            None => Ok(()),
        }
    }

    /// Ends the session: sends the reason to the server, and waits up to a second for it
    /// to close. Events that were handed out but not acknowledged are received again.
    ///
    /// # Errors
    /// [`ErrorKind::Bookmark`], [`ErrorKind::System`].
    pub fn close(&mut self, reason: &str) -> Result<(), Error> {
        if let Some(connection) = self.event_loop.get_mut(self.connection) {
            connection.close(reason);
        }
        while !self.over && self.end.is_none() {
            self.turn(None)?;
            // Further batches are dropped.
            while self.poll_batch().is_some() {}
        }
        self.end = None;
        self.over = true;
        self.batch = None;
        match &mut self.bookmark {
            Some(bookmark) => bookmark.commit(),
            None => Ok(()),
        }
    }

    /// Returns the counts so far.
    pub fn statistics(&self) -> ClientStatistics {
        ClientStatistics {
            bytes: self.counters.bytes,
            bundles: self.counters.units,
            acknowledged: self.delivered,
            deviations: self.counters.deviations,
            ..self.counted
        }
    }

    /// Returns the form of this connection's request. If a connection ends or stays
    /// silent without an [answer](Self::is_answered), the server may expect another
    /// form: connect again with [`RequestForm::next`].
    pub fn request_form(&self) -> RequestForm {
        self.form.form()
    }

    /// Returns whether the server answered the request, with an event, a null message or
    /// a bundle. With [`Builder::state`] the form is then stored.
    pub fn is_answered(&self) -> bool {
        self.counters.is_answered
    }

    /// Returns a handle that ends a wait in [`receive`](Self::receive) from another
    /// thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter {
            interrupted: self.interrupted.clone(),
            handle: self.event_loop.handle(),
        }
    }

    /// Advances to the next received record that is to be handed out.
    fn advance(&mut self) -> bool {
        loop {
            let Some((batch, next)) = &mut self.batch else {
                let Some(batch) = self.poll_batch() else {
                    return false;
                };
                if let Some(bookmark) = &mut self.bookmark {
                    bookmark.begin(&batch);
                }
                self.batch = Some((batch, 0));
                continue;
            };
            let Some(record) = batch.record(*next) else {
                self.handed_out = batch.units();
                self.batch = None;
                if !self.outstanding {
                    self.set_delivered();
                }
                continue;
            };
            *next += 1;
            self.counted.records += 1;
            match record.kind {
                RecordKind::Event => {}
                RecordKind::Malformed(_) => self.counted.malformed += 1,
                RecordKind::Oversize => self.counted.oversize += 1,
            }
            if let Some(bookmark) = &mut self.bookmark
                && !bookmark.is_new(record, *next - 1)
            {
                self.counted.duplicates += 1;
                continue;
            }
            self.outstanding = true;
            return true;
        }
    }

    /// Returns the record handed out last.
    fn current(&self) -> Option<EventRecord<'_>> {
        let (batch, next) = self.batch.as_ref()?;
        batch.record(next.checked_sub(1)?)
    }

    /// Checks whether the client can continue.
    fn check(&mut self) -> Result<(), Error> {
        if let Some(end) = self.end.take() {
            self.over = true;
            return Err(Error::ended(&self.server, &end));
        }
        if self.over {
            return Err(Error::over());
        }
        match self.interrupted.swap(false, Ordering::AcqRel) {
            true => Err(Error::interrupted()),
            false => Ok(()),
        }
    }

    /// Returns whether the server waits for an acknowledgement.
    fn is_withheld(&self) -> bool {
        self.outstanding && self.units > self.delivered.saturating_add(self.ahead)
    }

    /// Serves the connection until something happens.
    fn step(&mut self, at_most: Option<Duration>) -> Result<(), Error> {
        let due = match &mut self.bookmark {
            Some(bookmark) => bookmark.commit_if_due()?,
            None => None,
        };
        let at_most = at_most.into_iter().chain(due).min();
        self.turn(at_most)?;
        if self.is_answered() {
            self.form.answered();
        }
        Ok(())
    }

    /// Acknowledges everything handed out, and updates the bookmark.
    fn accept(&mut self) -> Result<(), Error> {
        if let Some((batch, next)) = &self.batch
            && *next >= batch.records().len()
        {
            self.handed_out = batch.units();
        }
        self.outstanding = false;
        if let Some(bookmark) = &mut self.bookmark {
            bookmark.accept();
        }
        if self.delivered < self.handed_out {
            self.set_delivered();
            // Sends the acknowledgement now, not at the next call.
            self.turn(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// Marks everything that was handed out as delivered.
    fn set_delivered(&mut self) {
        self.delivered = self.handed_out;
        if let Some(connection) = self.event_loop.get_mut(self.connection) {
            connection.delivered(self.delivered);
        }
    }

    /// Waits until the connection is ready, and gives it a turn. Its batches stay in the
    /// queue.
    fn turn(&mut self, at_most: Option<Duration>) -> Result<(), Error> {
        self.event_loop.wait(at_most).map_err(Error::system)?;
        while let Some((_, connection)) = self.event_loop.next_turn() {
            self.counters = Counters::of(connection);
        }
        Ok(())
    }

    /// Returns the next batch. The end of the connection comes last: then it is closed.
    fn poll_batch(&mut self) -> Option<Batch> {
        loop {
            let connection = self.event_loop.get_mut(self.connection)?;
            match connection.poll_event()? {
                ClientEvent::Batch(batch) => {
                    self.units = batch.units();
                    return Some(batch);
                }
                ClientEvent::Ended(end) => {
                    self.end = Some(end);
                    self.event_loop.remove(self.connection);
                }
                _ => {}
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .field("delivered", &self.delivered)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

// A client may be moved to another thread.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Client>();
};

/// Waits for the next event, and acknowledges the previous one. Ends after the error
/// with the reason for the end of the connection.
///
/// With a bookmark, acknowledgements become durable at least once a second: after a
/// crash, the events of the last second are received again, and none is lost.
impl Iterator for Client {
    type Item = Result<OwnedEvent, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        if self.outstanding
            && let Err(error) = self.accept()
        {
            return Some(Err(error));
        }
        match self.receive(None) {
            Ok(record) => record.map(|record| Ok(record.into())),
            Err(error) => Some(Err(error)),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(bookmark) = &mut self.bookmark {
            // The error cannot be reported; records that are not durable are received
            // again.
            let _ = bookmark.commit();
        }
        if let Some(connection) = self.event_loop.get_mut(self.connection) {
            connection.close("the client closes the session");
        }
        // One turn sends the error message and close_notify, if the socket accepts them.
        let _ = self.turn(Some(Duration::ZERO));
    }
}

impl Interrupter {
    /// Ends the wait, or the next one if there is none; it returns
    /// [`ErrorKind::Interrupted`].
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.handle.wake();
    }
}
