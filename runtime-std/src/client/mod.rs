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
//! The iterator acknowledges an event when the next one is asked for. With
//! [`Client::receive`] and [`Client::acknowledge`] the program does that itself,
//! and events are looked at where they were received, without a copy.
//!
//! With [`Builder::state`] there is a bookmark: after a restart the server is
//! asked from there, and exactly what was acknowledged is left out.
//!
//! Servers disagree about what the length of a request counts. A server that counts
//! otherwise closes the connection, sends an error, or stays silent; a program that
//! connects again then goes on to the next form:
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
//! Without [`Builder::request_form`] it is the form that the server answered before,
//! which is kept beside the bookmark, or else the first.
//!
//! There is no thread behind this: the connection is served while the program
//! is in a call. A program that is busy for minutes lets the server wait.

mod bookmark;
mod builder;
mod error;
mod form;

pub use builder::Builder;
pub use error::{Error, ErrorKind};
pub use estreamer_core::fqe::{EventKind, RequestForm};
pub use estreamer_core::quirk::{Deviations, Quirk};
pub use estreamer_core::wire::{InitialTimestamp, RecordLength};
pub use estreamer_mio::buffer::{EventRecord, RecordKind};
pub use estreamer_mio::tls;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::Batch;
use estreamer_mio::client::{Client as Connection, ClientEnd, ClientEvent};
use estreamer_mio::event_loop::{EndpointId, EventLoop, Handle};

use bookmark::Bookmark;
use form::FormInUse;

/// One connection to a server. See the [module](self).
///
/// - Inputs: [`receive`](Self::receive), and the iterator.
/// - Commands: [`acknowledge`](Self::acknowledge), [`close`](Self::close).
/// - Getters: [`statistics`](Self::statistics), [`request_form`](Self::request_form),
///   [`is_answered`](Self::is_answered), [`interrupter`](Self::interrupter).
///
/// Where it is dropped, the server is told good-bye, and what was acknowledged
/// is made durable.
pub struct Client {
    server: String,
    event_loop: EventLoop<Connection>,
    connection: EndpointId,
    bookmark: Option<Bookmark>,
    form: FormInUse,
    /// What is being handed out, and the place of the next record in it.
    batch: Option<(Batch, usize)>,
    /// Units received with the batches so far, those of which everything was handed
    /// out, and those that are delivered.
    units: u64,
    handed_out: u64,
    delivered: u64,
    /// Something was handed out since the last acknowledgement.
    outstanding: bool,
    /// Units the server may send before the first of them is acknowledged.
    ahead: u64,
    interrupted: Arc<AtomicBool>,
    counted: Statistics,
    /// What the connection counted.
    counters: Counters,
    /// Why the connection ended, until that is told.
    end: Option<ClientEnd>,
    over: bool,
}

/// An event of its own, as the iterator gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whether it is an event, or why not.
    pub kind: RecordKind,
    /// Its type; 0 where that could not be read.
    pub record_type: RecordType,
    /// When the server stored it, UNIX seconds.
    pub archival: Option<u32>,
    /// Bytes of it that were sent; more than there is data where it was over
    /// the limit.
    pub length: u32,
    /// The event, in the format that was asked for.
    pub data: Vec<u8>,
}

/// What was counted on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Bytes received, TLS taken off.
    pub bytes: u64,
    /// Records received, those that came in place of an event included.
    pub records: u64,
    /// Records that contradict their own lengths.
    pub malformed: u64,
    /// Records over the limit, which came without data.
    pub oversize: u64,
    /// Records left out because they were acknowledged before.
    pub duplicates: u64,
    /// Bundles received, and records outside of any.
    pub bundles: u64,
    /// Of these, how many the program acknowledged.
    pub acknowledged: u64,
    /// What the server does otherwise than the guide says, by name: how it counts
    /// the record length, records without the archival timestamp that was asked
    /// for, events that are not the JSON that was asked for.
    pub deviations: Deviations,
}

/// What a connection counted, kept beyond its end.
#[derive(Default)]
struct Counters {
    bytes: u64,
    units: u64,
    deviations: Deviations,
    is_answered: bool,
}

impl Counters {
    fn of(connection: &Connection) -> Self {
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
    /// A client of this server, `HOST[:PORT]`; the port is 8302 if none is given.
    pub fn builder(server: &str) -> Builder {
        Builder::new(server)
    }

    /// Waits for the next record, but no longer than `timeout`: then `None`.
    /// Records that were acknowledged before a restart are left out.
    ///
    /// # Errors
    /// Why the connection ended, and from then on [`ErrorKind::Ended`];
    /// [`ErrorKind::Interrupted`] and [`ErrorKind::Unacknowledged`], after which
    /// it can go on.
    pub fn receive(&mut self, timeout: Option<Duration>) -> Result<Option<EventRecord<'_>>, Error> {
        let until = timeout.map(|timeout| Instant::now() + timeout);
        let mut left = until.map(|_| Duration::ZERO);
        while !self.advance() {
            self.check()?;
            if left.is_some_and(|left| left.is_zero()) {
                // What has arrived by now counts, however short the timeout.
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

    /// Everything handed out so far is where it belongs: the server may send
    /// more, and with a bookmark, none of it comes again. That is durable when
    /// this returns, so once for many events is cheaper than for each.
    ///
    /// # Errors
    /// [`ErrorKind::Bookmark`]: it is not durable. With a full disk it may be
    /// tried again.
    pub fn acknowledge(&mut self) -> Result<(), Error> {
        self.accept()?;
        match &mut self.bookmark {
            Some(bookmark) => bookmark.commit(),
            None => Ok(()),
        }
    }

    /// Ends the session: tells the server why, and waits up to a second until it
    /// has closed. What was handed out and not acknowledged comes again.
    ///
    /// # Errors
    /// [`ErrorKind::Bookmark`], [`ErrorKind::System`].
    pub fn close(&mut self, reason: &str) -> Result<(), Error> {
        if let Some(connection) = self.event_loop.get_mut(self.connection) {
            connection.close(reason);
        }
        while !self.over && self.end.is_none() {
            self.turn(None)?;
            // Batches are of no use any more.
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

    /// What was counted so far.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            bytes: self.counters.bytes,
            bundles: self.counters.units,
            acknowledged: self.delivered,
            deviations: self.counters.deviations,
            ..self.counted
        }
    }

    /// The form of this connection's request. Where a connection ends, or stays
    /// silent, without an [answer](Self::is_answered), the server may want another
    /// one: connect again with [`RequestForm::next`].
    pub fn request_form(&self) -> RequestForm {
        self.form.form()
    }

    /// Whether the server answered the request, with an event, a null message or a
    /// bundle. With [`Builder::state`] its form is remembered then.
    pub fn is_answered(&self) -> bool {
        self.counters.is_answered
    }

    /// Ends a wait in [`receive`](Self::receive) from another thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter {
            interrupted: self.interrupted.clone(),
            handle: self.event_loop.handle(),
        }
    }

    /// Goes to the next record that is to be handed out, of those that are here.
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

    /// The record handed out last.
    fn current(&self) -> Option<EventRecord<'_>> {
        let (batch, next) = self.batch.as_ref()?;
        batch.record(next.checked_sub(1)?)
    }

    /// Whether the client can go on.
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

    /// Whether the server sends nothing more before the program acknowledges.
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

    /// Everything handed out is where it belongs; the bookmark follows.
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
            // The acknowledgement is sent now, not when the program asks for more.
            self.turn(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// Everything that was handed out is delivered.
    fn set_delivered(&mut self) {
        self.delivered = self.handed_out;
        if let Some(connection) = self.event_loop.get_mut(self.connection) {
            connection.delivered(self.delivered);
        }
    }

    /// Waits until the connection is ready, and gives it a turn. Its batches stay
    /// where they are until they are wanted.
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

/// Waits for each next event, and acknowledges the one before. Ends after the
/// error that tells why the connection ended.
///
/// With a bookmark, acknowledgements are made durable at least once a second: a
/// crash brings the events of the last second again, but loses none.
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

impl Iterator for Client {
    type Item = Result<Event, Error>;

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
            // Nobody is left to be told; what is not durable comes again.
            let _ = bookmark.commit();
        }
        if let Some(connection) = self.event_loop.get_mut(self.connection) {
            connection.close("the client is done");
        }
        // One turn sends the goodbye, if the socket takes it.
        let _ = self.turn(Some(Duration::ZERO));
    }
}

impl Interrupter {
    /// Ends the wait, or the next one if there is none: it returns
    /// [`ErrorKind::Interrupted`].
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Release);
        self.handle.wake();
    }
}

impl From<EventRecord<'_>> for Event {
    fn from(record: EventRecord<'_>) -> Self {
        Self {
            kind: record.kind,
            record_type: record.record_type,
            archival: record.archival,
            length: record.length,
            data: record.data.into(),
        }
    }
}
