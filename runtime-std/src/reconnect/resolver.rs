//! Resolves names to addresses on threads of their own, because the system's resolver
//! blocks: a name that takes long delays no other source.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};

use estreamer_mio::event_loop::Handle;

use crate::config::address::Address;
use crate::failure::Failure;
use crate::thread;

/// Addresses that are being resolved.
pub(crate) type PendingAddresses = Receiver<io::Result<Vec<SocketAddr>>>;

pub(crate) struct Resolver {
    handle: Handle,
    resolve: fn(&Address) -> io::Result<Vec<SocketAddr>>,
}

impl Resolver {
    /// The system's resolver. It wakes the loop of `handle` after every answer.
    pub(crate) fn new(handle: Handle) -> Self {
        Self {
            handle,
            resolve: Address::resolve,
        }
    }

    /// Resolves the addresses of a server.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub(crate) fn resolve(&self, address: Address) -> Result<PendingAddresses, Failure> {
        let (sender, answer) = channel();
        // An IP address needs no resolver.
        if let Ok(ip) = address.host.parse() {
            // The receiver is here.
            let _ = sender.send(Ok(vec![SocketAddr::new(ip, address.port)]));
            return Ok(answer);
        }
        let (handle, resolve) = (self.handle.clone(), self.resolve);
        thread::spawn("resolver", move || {
            // The source that asked may have ended.
            let _ = sender.send(resolve(&address));
            handle.wake();
        })?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::TryRecvError;
    use std::time::Duration;

    use estreamer_mio::client::ClientConnection;
    use estreamer_mio::event_loop::EventLoop;

    use super::*;

    fn resolve(address: &Address) -> io::Result<Vec<SocketAddr>> {
        if address.host == "slow.example.net" {
            // Longer than the test.
            std::thread::sleep(Duration::from_secs(600));
        }
        Ok(vec![SocketAddr::from(([192, 0, 2, 1], address.port))])
    }

    #[test]
    fn a_name_that_takes_long_delays_no_other() {
        let event_loop: EventLoop<ClientConnection> = EventLoop::new().unwrap();
        let resolver = Resolver {
            handle: event_loop.handle(),
            resolve,
        };
        let ask = |host: &str| resolver.resolve(host.parse().unwrap()).unwrap();
        let (slow, fast) = (ask("slow.example.net"), ask("fast.example.net"));
        let long = Duration::from_secs(60);
        assert_eq!(fast.recv_timeout(long).unwrap().unwrap().len(), 1);
        let known = ask("[::1]:9000").try_recv().unwrap().unwrap();
        assert_eq!(known, [SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9000))]);
        assert!(matches!(slow.try_recv(), Err(TryRecvError::Empty)));
    }
}
