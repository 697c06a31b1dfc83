//! Where a run serves its status.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tracing::{error, info, warn};

use crate::config::listen_address::warning;
use crate::failure::Failure;
use crate::telemetry::listen::{Listener, StatusSocket};
use crate::telemetry::monitor::Monitor;

/// The listener and the socket of a run. They close when this is dropped.
pub(super) struct Listening {
    monitor: Arc<Monitor>,
    /// The address as configured, and its listener.
    listener: Option<(SocketAddr, Listener)>,
    socket: Option<StatusSocket>,
}

impl Listening {
    /// Opens the listener at this address, if there is one.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(super) fn open(
        address: Option<SocketAddr>,
        monitor: &Arc<Monitor>,
    ) -> Result<Self, Failure> {
        let mut listening = Self {
            monitor: monitor.clone(),
            listener: None,
            socket: None,
        };
        if let Some(address) = address {
            listening.listen(address)?;
        }
        Ok(listening)
    }

    fn listen(&mut self, address: SocketAddr) -> Result<(), Failure> {
        if let Some(warning) = warning(address) {
            warn!("{warning}.");
        }
        let listener = Listener::open(address, &self.monitor)?;
        info!("the status is at http://{}/.", listener.address());
        self.listener = Some((address, listener));
        Ok(())
    }

    /// Moves the listener to this address, closes it, or opens one. An address that cannot
    /// be used leaves everything as it is.
    pub(super) fn change(&mut self, address: Option<SocketAddr>) {
        let before = self.listener.as_ref().map(|(address, _)| *address);
        if address == before {
            return;
        }
        match address {
            None => {
                self.listener = None;
                info!("the status is no longer served.");
            }
            Some(address) => {
                let in_the_way = before.filter(|before| excludes(*before, address));
                if in_the_way.is_some()
                    && let Some((_, listener)) = self.listener.take()
                {
                    listener.close();
                }
                let Err(failure) = self.listen(address) else {
                    return;
                };
                if let Some(before) = in_the_way
                    && let Err(again) = self.listen(before)
                {
                    error!("{failure}. {again}. The status is not served.");
                    return;
                }
                let stays = match before {
                    Some(before) => format!("The status stays at {before}"),
                    None => "The status is not served".to_owned(),
                };
                error!("{failure}. {stays}.");
            }
        }
    }

    /// Opens the socket in this state directory. If that fails, only the status is missing
    /// there: it is reported, and the collection goes on.
    pub(super) fn open_socket(&mut self, state: Option<&Path>) {
        let path = state.map(StatusSocket::path);
        if self.socket.as_ref().map(StatusSocket::bound_to) == path.as_deref() {
            return;
        }
        self.socket = None;
        if let Some(path) = path {
            match StatusSocket::open(&path, &self.monitor) {
                Ok(socket) => self.socket = Some(socket),
                Err(failure) => warn!("{failure}. The collection goes on."),
            }
        }
    }
}

/// Returns whether nobody can listen at both: they have one port, and one of them is every address
/// of this machine.
fn excludes(a: SocketAddr, b: SocketAddr) -> bool {
    let is_every = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && is_every
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_port_is_in_the_way_only_of_every_address() {
        let excludes = |a: &str, b: &str| super::excludes(a.parse().unwrap(), b.parse().unwrap());
        assert!(excludes("127.0.0.1:9302", "0.0.0.0:9302"));
        assert!(excludes("[::]:9302", "127.0.0.1:9302"));
        assert!(!excludes("127.0.0.1:9302", "127.0.0.2:9302"));
        assert!(!excludes("127.0.0.1:9302", "0.0.0.0:9303"));
        assert!(!excludes("127.0.0.1:0", "0.0.0.0:0"));
    }
}
