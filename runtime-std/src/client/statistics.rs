//! The counts of a client.

use estreamer_core::quirk::Deviations;
use estreamer_mio::client::ClientConnection;

/// The counts of a client, over all its connections.
///
/// ```
/// use estreamer::client::ClientStatistics;
///
/// let statistics = ClientStatistics::default();
/// assert_eq!((statistics.connections, statistics.records), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ClientStatistics {
    /// Sessions that were started: the TLS handshake was complete.
    pub connections: u64,
    /// Bytes received, after decryption.
    pub bytes: u64,
    /// Records received, including those that replace an event.
    pub records: u64,
    /// Records whose lengths contradict each other.
    pub malformed: u64,
    /// Records over the limit, which have no data.
    pub oversize: u64,
    /// Records skipped because they were handed out before.
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
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ConnectionCounts {
    pub(super) connections: u64,
    pub(super) bytes: u64,
    pub(super) units: u64,
    pub(super) deviations: Deviations,
}

impl ConnectionCounts {
    pub(super) fn of(connection: &ClientConnection) -> Self {
        let session = connection.session();
        Self {
            connections: session.is_some().into(),
            bytes: connection.bytes_received(),
            units: session.map_or(0, |session| session.received()),
            deviations: session.map_or_else(Deviations::default, |session| {
                session.statistics().deviations
            }),
        }
    }

    /// Returns the sum with those of a later connection.
    pub(super) fn and(mut self, later: &Self) -> Self {
        self.connections += later.connections;
        self.bytes += later.bytes;
        self.units += later.units;
        self.deviations.add(&later.deviations);
        self
    }
}
