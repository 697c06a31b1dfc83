//! Names become addresses on a thread of its own: the system's resolver blocks.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use estreamer_mio::event_loop::Handle;

use crate::config::address::Address;
use crate::failure::Failure;
use crate::thread;

/// An answer on its way.
pub(super) type Answer = Receiver<io::Result<Vec<SocketAddr>>>;

/// Who asks, and where the answer goes.
type Question = (Address, Sender<io::Result<Vec<SocketAddr>>>);

pub(super) struct Resolver(Sender<Question>);

impl Resolver {
    /// Starts it; it wakes the loop of `handle` with every answer.
    ///
    /// # Errors
    /// There can be no further thread.
    pub(super) fn start(handle: Handle) -> Result<Self, Failure> {
        let (sender, questions) = channel::<Question>();
        thread::spawn("resolver", move || {
            for (address, answer) in questions {
                // The connection that asked may have ended.
                let _ = answer.send(address.resolve());
                handle.wake();
            }
        })?;
        Ok(Self(sender))
    }

    /// Asks for the addresses of a server.
    pub(super) fn ask(&self, address: Address) -> Answer {
        let (sender, answer) = channel();
        // An address that is one already needs nobody.
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
