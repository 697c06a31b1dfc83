//! The connection of a source as the status shows it.

use estreamer_core::session::Instant;
use estreamer_mio::client::ClientConnection;
use estreamer_mio::event_loop::EventLoop;

use super::{Phase, SourceTask};
use crate::telemetry::SourceState;
use crate::telemetry::monitor::{Connection, Monitor};

impl SourceTask {
    /// Writes to the monitor what the source does, if that changed; with `always`, also if
    /// it did not.
    pub(in crate::collect) fn show(
        &mut self,
        monitor: &Monitor,
        event_loop: &EventLoop<ClientConnection>,
        always: bool,
    ) {
        let state = self.state();
        if self.shown.replace(state) != Some(state) || always {
            let connection = self.connection(state, event_loop);
            monitor.set_connection(&self.source.name, connection);
        }
    }

    fn state(&self) -> SourceState {
        match &self.phase {
            Phase::Due(_) => SourceState::Waiting,
            Phase::Resolving(_) => SourceState::Resolving,
            Phase::Connected(connection) if connection.collector.is_connected() => {
                SourceState::Connected
            }
            Phase::Asking(..) | Phase::Connected(_) => SourceState::Connecting,
            Phase::Over(_) => SourceState::Ended,
        }
    }

    fn connection(
        &self,
        state: SourceState,
        event_loop: &EventLoop<ClientConnection>,
    ) -> Connection {
        let (id, address) = match &self.phase {
            Phase::Connected(connection) => (connection.id, Some(connection.address)),
            Phase::Asking(_, address) => (None, Some(*address)),
            _ => (None, None),
        };
        let tls = id
            .and_then(|id| event_loop.get(id))
            .map(ClientConnection::tls);
        let now: Instant = event_loop.now();
        let left = |due: Instant| std::time::Duration::from_millis(due.0.saturating_sub(now.0));
        Connection {
            state,
            left: match &self.phase {
                Phase::Due(due) => Some(left(*due)),
                _ => None,
            },
            server: self.attempts.server(),
            address,
            tls: tls.and_then(|tls| tls.protocol_version()),
            certificate: tls.and_then(|tls| tls.peer()).map(Into::into),
        }
    }
}
