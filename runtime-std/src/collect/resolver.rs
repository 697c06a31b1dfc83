//! Resolves names to addresses on threads of their own, because the system's resolver
//! blocks. A name that takes long does not delay another one.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use estreamer_mio::event_loop::Handle;

use crate::config::address::Address;
use crate::failure::Failure;
use crate::sync::lock;
use crate::thread;

/// Addresses that are being resolved.
pub(super) type PendingAddresses = Receiver<io::Result<Vec<SocketAddr>>>;

/// A name to resolve, and the channel for its addresses.
type AddressQuery = (Address, Sender<io::Result<Vec<SocketAddr>>>);

/// Looks up the addresses of a server.
type Lookup = dyn Fn(&Address) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The maximum number of threads. That many slow names can be resolved at once.
const THREADS: usize = 16;

pub(super) struct Resolver {
    queries: Sender<AddressQuery>,
    shared: Arc<Shared>,
    threads: AtomicUsize,
}

/// What the threads share.
struct Shared {
    queue: Mutex<Receiver<AddressQuery>>,
    /// Queries without an answer.
    open: AtomicUsize,
    handle: Handle,
    lookup: Box<Lookup>,
}

impl Resolver {
    /// Starts the first thread; further ones start when all are busy. They wake the loop of
    /// `handle` after every answer.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub(super) fn start(handle: Handle) -> Result<Self, Failure> {
        Self::with(handle, Box::new(Address::resolve))
    }

    fn with(handle: Handle, lookup: Box<Lookup>) -> Result<Self, Failure> {
        let (queries, queue) = channel();
        let resolver = Self {
            queries,
            shared: Arc::new(Shared {
                queue: Mutex::new(queue),
                open: AtomicUsize::new(0),
                handle,
                lookup,
            }),
            threads: AtomicUsize::new(0),
        };
        resolver.add_thread()?;
        Ok(resolver)
    }

    fn add_thread(&self) -> Result<(), Failure> {
        let shared = self.shared.clone();
        thread::spawn("resolver", move || shared.answer())?;
        self.threads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Resolves the addresses of a server.
    pub(super) fn resolve(&self, address: Address) -> PendingAddresses {
        let (sender, answer) = channel();
        // An IP address needs no resolver.
        if let Ok(ip) = address.host.parse() {
            // The receiver is here.
            let _ = sender.send(Ok(vec![SocketAddr::new(ip, address.port)]));
            return answer;
        }
        let open = self.shared.open.fetch_add(1, Ordering::Relaxed) + 1;
        let threads = self.threads.load(Ordering::Relaxed);
        if open > threads && threads < THREADS {
            // Without another thread, the query waits for one of the others.
            let _ = self.add_thread();
        }
        let sent = self.queries.send((address, sender)).is_ok();
        debug_assert!(sent, "the queue lives as long as this");
        answer
    }
}

impl Shared {
    /// Answers queries until the resolver is gone.
    fn answer(&self) {
        loop {
            let query = lock(&self.queue).recv();
            let Ok((address, answer)) = query else {
                return;
            };
            // The source that asked may have ended.
            let _ = answer.send((self.lookup)(&address));
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.handle.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use estreamer_mio::client::ClientConnection;
    use estreamer_mio::event_loop::EventLoop;

    #[test]
    fn names_that_take_long_do_not_delay_another_one() {
        let event_loop = EventLoop::<ClientConnection>::new().unwrap();
        let (release, held) = channel::<()>();
        let held = Mutex::new(held);
        let lookup = move |address: &Address| {
            if address.host == "slow" {
                let _ = lock(&held).recv();
            }
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], address.port))])
        };
        let resolver = Resolver::with(event_loop.handle(), Box::new(lookup)).unwrap();
        let ask = |host: &str| resolver.resolve(host.parse().unwrap());
        let slow: Vec<_> = (0..4).map(|_| ask("slow")).collect();
        let patience = Duration::from_secs(60);
        for _ in 0..3 {
            assert_eq!(
                ask("quick").recv_timeout(patience).unwrap().unwrap().len(),
                1
            );
        }
        assert!(slow.iter().all(|pending| pending.try_recv().is_err()));
        drop(release);
        for pending in slow {
            assert!(pending.recv_timeout(patience).unwrap().is_ok());
        }
    }
}
