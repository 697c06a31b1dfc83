//! A build without the feature `listen` serves no status.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tracing::error;

use crate::failure::Failure;
use crate::telemetry::monitor::Monitor;

/// Refuses to listen.
pub(super) struct Listening;

impl Listening {
    /// Refuses an address.
    ///
    /// # Errors
    /// The configuration has an address.
    pub(super) fn open(address: Option<SocketAddr>, _: &Arc<Monitor>) -> Result<Self, Failure> {
        match address {
            None => Ok(Self),
            Some(_) => Err(Failure::usage(NOT_BUILT, "Remove listen")),
        }
    }

    /// Refuses an address.
    pub(super) fn change(&mut self, address: Option<SocketAddr>) {
        if address.is_some() {
            error!("{NOT_BUILT}.");
        }
    }

    /// Opens nothing.
    pub(super) fn open_socket(&mut self, _: Option<&Path>) {}
}

const NOT_BUILT: &str = "this build cannot serve its status";
