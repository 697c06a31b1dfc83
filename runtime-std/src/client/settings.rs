//! The settings of each connection of a client.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::quirk::Quirks;
use estreamer_core::session::ClientConfig;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::Pool;
use estreamer_mio::client::ClientOptions;
use estreamer_mio::tls::ClientTls;

use crate::config::event_request::EventRequest;

/// The settings of each connection.
pub(super) struct ConnectionSettings {
    pub(super) tls: ClientTls,
    pub(super) request: EventRequest,
    /// The start without a bookmark.
    pub(super) from: InitialTimestamp,
    pub(super) session: ClientConfig,
    pub(super) quirks: Quirks,
    pub(super) bind: Option<IpAddr>,
    pub(super) connect_timeout: Duration,
    /// Bytes of memory for received data.
    pub(super) memory: usize,
    /// The form of the request if the program fixed it.
    pub(super) form: Option<RequestForm>,
    pub(super) is_reconnecting: bool,
}

impl ConnectionSettings {
    /// Returns the options of a connection.
    pub(super) fn options(
        &self,
        address: SocketAddr,
        from: InitialTimestamp,
        form: RequestForm,
        pool: &Pool,
    ) -> ClientOptions {
        let quirks = form.apply(self.quirks);
        let request = self.request.message(from, quirks);
        let mut options = ClientOptions::new(address, request, pool.clone());
        options.bind = self.bind;
        options.session = self.session;
        options.session.quirks = quirks;
        options.handshake_timeout = self.connect_timeout;
        options
    }
}
