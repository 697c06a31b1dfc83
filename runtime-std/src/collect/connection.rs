//! A connection of a source, from the attempt to its end.

use std::net::SocketAddr;

use estreamer_core::session::Instant;
use estreamer_mio::client::ClientConnection;
use estreamer_mio::event_loop::EndpointId;

use super::collector::Collector;
use super::connection_log::ConnectionLog;

/// A connection of a source.
pub(super) struct Connection {
    /// Its token in the event loop; `None` if it could not be established.
    pub(super) id: Option<EndpointId>,
    pub(super) collector: Box<Collector>,
    /// The server with its address.
    pub(super) server: String,
    pub(super) address: SocketAddr,
    /// Whether the connection was told.
    pub(super) is_told: bool,
}

impl Connection {
    /// Tells the connection and its first event.
    pub(super) fn tell(
        &mut self,
        log: &mut ConnectionLog,
        client: &ClientConnection,
        now: Instant,
    ) {
        if !self.is_told && self.collector.watch.has_stood(now) {
            self.is_told = true;
            log.connected(&self.server, client, self.collector.link.from);
        }
        if let Some(archival) = self.collector.first_record() {
            log.event(archival);
        }
    }

    /// Returns when a command or a message is due if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        let watch = &self.collector.watch;
        let stands = watch.stands_at().filter(|_| !self.is_told);
        watch.due().into_iter().chain(stands).min()
    }
}
