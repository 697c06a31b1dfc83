//! A client for programs: connect, then take events one after the other.
//!
//! ```
//! use estreamer::client::{Client, InitialTimestamp};
//!
//! # let directory = tempfile::tempdir()?;
//! # let pki = estreamer_simulate::pki::Pki::generate()?;
//! # pki.write_to(directory.path())?;
//! # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
//! # let address = server.address().to_string();
//! # let file = directory.path().join("client.p12");
//! let client = Client::builder(&address) // fmc.example.net
//!     .pkcs12(file, "estreamer") // the password of the file
//!     .from(InitialTimestamp::OLDEST)
//!     .connect()?;
//! for event in client {
//!     println!("{}", String::from_utf8_lossy(&event?.data));
//!     # break;
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The iterator acknowledges an event when the next one is requested. With
//! [`Client::receive`] and [`Client::acknowledge`] the program acknowledges events
//! itself, and reads them from the receive buffer without a copy.
//!
//! With [`Builder::state`] there is a bookmark: after a restart the client resumes
//! there, and skips exactly the events that were acknowledged.
//!
//! With [`Builder::reconnecting`] the client connects again by itself, and delivers each
//! event once across its connections. It also tries the forms of the request: servers
//! differ in what the length of a request counts, and a server that expects another length
//! closes the connection, sends an error, or stays silent. Without
//! [`Builder::request_form`], a client starts with the form that the server answered
//! before, which is stored with the bookmark, or else with the default.
//!
//! A program with a loop of its own waits for the descriptor of the client
//! ([`AsFd`]), for [`Client::due`] at most, and then calls [`Client::poll`] until it
//! returns `None`: it never waits.
//!
//! The client has no thread, except for the resolver of the system: it serves the connection only during a call. While a
//! program is busy for minutes, the server has to wait.

mod bookmark;
mod builder;
mod change;
mod connector;
mod delivery;
mod error;
mod event;
mod identity;
mod interrupter;
mod settings;
mod statistics;

pub use builder::Builder;
pub use change::{ConnectionChange, NextAttempt};
pub use error::{Error, ErrorKind};
pub use estreamer_core::fqe::{EventKind, RequestForm};
pub use estreamer_core::quirk::{Deviations, Quirk, Quirks};
pub use estreamer_core::wire::{InitialTimestamp, RecordLength};
pub use estreamer_mio::buffer::{EventRecord, RecordKind};
pub use estreamer_mio::tls;
pub use event::OwnedEvent;
pub use interrupter::Interrupter;
pub use statistics::ClientStatistics;

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use estreamer_mio::buffer::Batch;

use bookmark::ClientBookmark;
use connector::Connector;

/// A client of one server, or of several with the same events. See the [module](self).
///
/// - Inputs: [`receive`](Self::receive), [`poll`](Self::poll), and the iterator.
/// - Commands: [`acknowledge`](Self::acknowledge), [`close`](Self::close).
/// - Getters: [`statistics`](Self::statistics), [`request_form`](Self::request_form),
///   [`is_connected`](Self::is_connected), [`is_answered`](Self::is_answered),
///   [`due`](Self::due), [`interrupter`](Self::interrupter).
///
/// On drop, the session is closed, and acknowledged events are made durable.
pub struct Client {
    server: String,
    connector: Connector,
    bookmark: Option<ClientBookmark>,
    /// The current batch, and the index of its next record.
    batch: Option<(Batch, usize)>,
    /// Of this connection: units received with the batches so far, units that were handed
    /// out completely, and units that are delivered.
    units: u64,
    handed_out: u64,
    delivered: u64,
    /// Whether a record was handed out since the last acknowledgement.
    outstanding: bool,
    /// Units that the server may send before the first of them is acknowledged.
    ahead: u64,
    interrupter: Interrupter,
    counted: ClientStatistics,
}

impl Client {
    /// Returns the builder of a client of this server, `HOST[:PORT]`; the default port
    /// is 8302. See [`Builder`] for an example.
    pub fn builder(server: &str) -> Builder {
        Builder::new(server)
    }

    fn new(
        server: String,
        connector: Connector,
        bookmark: Option<ClientBookmark>,
        ahead: u32,
    ) -> Self {
        Self {
            server,
            interrupter: Interrupter::new(connector.handle()),
            connector,
            bookmark,
            batch: None,
            units: 0,
            handed_out: 0,
            delivered: 0,
            outstanding: false,
            ahead: ahead.into(),
            counted: ClientStatistics::default(),
        }
    }

    /// Waits for the next record for at most `timeout`; then returns `None`. Records
    /// that were acknowledged before a restart are skipped.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use estreamer::client::{Client, InitialTimestamp};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// # let builder = Client::builder(&address).pkcs12(file, "estreamer");
    /// let mut client = builder.from(InitialTimestamp::OLDEST).connect()?;
    /// let mut received = 0;
    /// while let Some(record) = client.receive(Some(Duration::from_secs(1)))? {
    ///     assert!(record.data.starts_with(b"{"));
    ///     received += 1;
    ///     client.acknowledge()?;
    /// }
    /// assert_eq!(received, 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Why the connection ended, and [`ErrorKind::Ended`] from then on. After
    /// [`ErrorKind::Interrupted`] and [`ErrorKind::Unacknowledged`] the client can
    /// continue.
    pub fn receive(&mut self, timeout: Option<Duration>) -> Result<Option<EventRecord<'_>>, Error> {
        // A timeout that the clock cannot hold is no limit.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut left = until.map(|_| Duration::ZERO);
        while !self.advance()? {
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

    /// Returns the next record that is there, and serves the connection once if there is
    /// none: it connects, reads, writes and acknowledges, but never waits. Call it until it
    /// returns `None`, then wait for the [descriptor](AsFd), and for
    /// [`due`](Self::due) at most. `examples/tokio.rs` does so on tokio. At the begin of a
    /// session it may write the bookmark to the disk.
    ///
    /// ```
    /// # use estreamer::client::{Client, InitialTimestamp};
    /// # fn wait_readable(_: &Client, at_most: std::time::Duration) {
    /// #     std::thread::sleep(at_most.min(std::time::Duration::from_millis(10)));
    /// # }
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// # let builder = Client::builder(&address).pkcs12(file, "estreamer");
    /// let mut client = builder.from(InitialTimestamp::OLDEST).start()?;
    /// let mut received = 0;
    /// while received < 3 {
    ///     while let Some(record) = client.poll()? {
    ///         assert!(record.data.starts_with(b"{"));
    ///         received += 1;
    ///     }
    ///     client.acknowledge()?;
    ///     wait_readable(&client, client.due()); // of the program
    /// }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn poll(&mut self) -> Result<Option<EventRecord<'_>>, Error> {
        self.receive(Some(Duration::ZERO))
    }

    /// Returns the time after which [`poll`](Self::poll) has to be called if the
    /// descriptor is not readable before: for deadlines of the session, for the next
    /// attempt, and for the bookmark. It is a second at most, and zero if there is
    /// something to do.
    pub fn due(&self) -> Duration {
        if self.batch.is_some() {
            return Duration::ZERO;
        }
        let bookmark = self.bookmark.as_ref().and_then(ClientBookmark::due);
        let due = self.connector.due();
        bookmark.map_or(due, |bookmark| bookmark.min(due))
    }

    /// Acknowledges everything handed out so far: the server may send more, and with a
    /// bookmark none of it is sent to the program again. It is durable when this
    /// returns, so one call for many events is cheaper than one for each.
    ///
    /// ```
    /// # use estreamer::client::{Client, InitialTimestamp};
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// # let state = directory.path().join("state");
    /// let builder = || {
    ///     let builder = Client::builder(&address).pkcs12(&file, "estreamer");
    ///     builder.from(InitialTimestamp::OLDEST).state(&state)
    /// };
    /// let mut client = builder().connect()?;
    /// client.receive(None)?;
    /// client.acknowledge()?;
    /// let unacknowledged = client.receive(None)?.map(|record| record.data.to_vec());
    /// drop(client);
    /// let mut client = builder().connect()?;
    /// let again = client.receive(None)?.map(|record| record.data.to_vec());
    /// assert_eq!(again, unacknowledged);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
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
    /// ```
    /// # use estreamer::client::Client;
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// let mut client = Client::builder(&address).pkcs12(file, "estreamer").connect()?;
    /// client.close("the program stops")?;
    /// assert!(client.next().is_none());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Bookmark`], [`ErrorKind::System`].
    pub fn close(&mut self, reason: &str) -> Result<(), Error> {
        self.connector.close(reason);
        while !self.connector.is_over() {
            self.connector.turn(None)?;
            // Further batches are dropped.
            while self.fetch()? {}
        }
        self.connector.take_error();
        self.batch = None;
        match &mut self.bookmark {
            Some(bookmark) => bookmark.commit(),
            None => Ok(()),
        }
    }

    /// Returns the counts so far.
    ///
    /// ```
    /// # use estreamer::client::{Client, InitialTimestamp};
    /// # let directory = tempfile::tempdir()?;
    /// # let pki = estreamer_simulate::pki::Pki::generate()?;
    /// # pki.write_to(directory.path())?;
    /// # let server = estreamer_simulate::Simulator::builder(&pki)?.count(3).spawn()?;
    /// # let address = server.address().to_string();
    /// # let file = directory.path().join("client.p12");
    /// # let builder = Client::builder(&address).pkcs12(file, "estreamer");
    /// let mut client = builder.from(InitialTimestamp::OLDEST).connect()?;
    /// client.receive(None)?;
    /// let statistics = client.statistics();
    /// assert_eq!((statistics.connections, statistics.records), (1, 1));
    /// assert!(client.is_connected() && client.is_answered());
    /// println!("the form of the request: {}", client.request_form());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn statistics(&self) -> ClientStatistics {
        let counts = self.connector.counts();
        ClientStatistics {
            connections: counts.connections,
            bytes: counts.bytes,
            bundles: counts.units,
            acknowledged: self.counted.acknowledged + self.delivered,
            deviations: counts.deviations,
            ..self.counted
        }
    }

    /// Returns whether a session has started and has not ended.
    pub fn is_connected(&self) -> bool {
        self.connector.is_connected()
    }

    /// Returns the form of this connection's request, or of the last one. If a connection
    /// ends or stays silent without an [answer](Self::is_answered), the server may expect
    /// another form: a [reconnecting](Builder::reconnecting) client tries the others.
    pub fn request_form(&self) -> RequestForm {
        self.connector.form()
    }

    /// Returns whether the server answered the request of this connection, with an event, a
    /// null message or a bundle. With [`Builder::state`] the form is then stored.
    pub fn is_answered(&self) -> bool {
        self.connector.is_answered()
    }

    /// Returns a handle that ends a wait in [`receive`](Self::receive) from another
    /// thread.
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }
}

/// The descriptor to wait for before [`Client::poll`], in a loop of the program: when it is
/// readable, there is something to do. It stays the same across connections. Only wait for
/// it; do not read or close it.
impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connector.as_fd()
    }
}

/// The same as [`AsFd`].
impl AsRawFd for Client {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .field("delivered", &self.delivered)
            .field("over", &self.connector.is_over())
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
        if self.connector.is_finished() {
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
        self.connector.close("the client closes the session");
        // One turn sends the error message and close_notify, if the socket accepts them.
        let _ = self.connector.turn(Some(Duration::ZERO));
    }
}
