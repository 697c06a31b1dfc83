//! Resolves names to addresses on a separate thread, because the system's resolver
//! blocks.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use estreamer_mio::event_loop::Handle;

use crate::config::address::Address;
use crate::failure::Failure;
use crate::thread;

/// Addresses that are being resolved.
pub(super) type PendingAddresses = Receiver<io::Result<Vec<SocketAddr>>>;

/// A name to resolve, and the channel for its addresses.
type AddressQuery = (Address, Sender<io::Result<Vec<SocketAddr>>>);

pub(super) struct Resolver(Sender<AddressQuery>);

impl Resolver {
    /// Starts the thread. It wakes the loop of `handle` after every answer.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub(super) fn start(handle: Handle) -> Result<Self, Failure> {
        let (sender, questions) = channel::<AddressQuery>();
        thread::spawn("resolver", move || {
            for (address, answer) in questions {
                // The source that asked may have ended.
                let _ = answer.send(address.resolve());
                handle.wake();
            }
        })?;
        Ok(Self(sender))
    }

    /// Resolves the addresses of a server.
    pub(super) fn resolve(&self, address: Address) -> PendingAddresses {
        let (sender, answer) = channel();
        // An IP address needs no resolver.
        let known = address.host.parse().ok();
        let sent = match known {
            Some(ip) => sender
                .send(Ok(vec![SocketAddr::new(ip, address.port)]))
                .is_ok(),
            None => self.0.send((address, sender)).is_ok(),
        };
        debug_assert!(sent, "the thread lives as long as this");
        answer
    }
}
