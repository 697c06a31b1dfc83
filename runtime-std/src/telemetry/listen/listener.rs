//! The listener at an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::connection::{Socket, serve};
use super::crowd::Crowd;
use super::routes::Routes;
use crate::failure::Failure;
use crate::telemetry::monitor::Monitor;
use crate::thread;

/// A listener; it closes when this is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    /// Ends when the socket is closed.
    closed: Receiver<()>,
}

impl Listener {
    /// Listens at this address.
    ///
    /// # Errors
    /// The address cannot be used.
    pub(crate) fn open(address: SocketAddr, monitor: &Arc<Monitor>) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::failed(
                format!("cannot listen at {address}: {error}"),
                "Choose another address or port; port 0 lets the system select one",
            )
        };
        let socket = TcpListener::bind(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let stop = Arc::<AtomicBool>::default();
        let routes = Routes::new(monitor.clone(), address.ip().is_loopback());
        let stopped = stop.clone();
        let (open, closed) = channel();
        thread::spawn("listen", move || {
            let accept = || socket.accept().map(|(client, _)| client);
            accept_all(accept, &Arc::new(routes), &stopped);
            drop((socket, open));
        })?;
        Ok(Self {
            address,
            stop,
            closed,
        })
    }

    /// Closes it, and waits a little until its port is free.
    pub(crate) fn close(mut self) {
        let closed = std::mem::replace(&mut self.closed, channel().1);
        drop(self);
        let _ = closed.recv_timeout(CLOSE);
    }

    /// Returns the address, with the port that the system selected.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread. If that fails, the next client does.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            });
        }
        let _ = TcpStream::connect_timeout(&address, Duration::from_millis(100));
    }
}

/// The maximum time to wait for the end of the thread.
const CLOSE: Duration = Duration::from_secs(1);
/// The pause after a failed accept: usually there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves every client until `stop` is set.
pub(super) fn accept_all<S: Socket>(
    mut accept: impl FnMut() -> std::io::Result<S>,
    routes: &Arc<Routes>,
    stop: &AtomicBool,
) {
    let crowd = Crowd::default();
    loop {
        let accepted = accept();
        if stop.load(Ordering::Acquire) {
            return;
        }
        let Ok((client, other)) = accepted.and_then(|client| Ok((client.another()?, client)))
        else {
            std::thread::sleep(PAUSE);
            continue;
        };
        let Some(admitted) = crowd.admit(move || other.close(Shutdown::Both)) else {
            continue;
        };
        let routes = routes.clone();
        // If the system refuses a thread, the client sees the end of the connection.
        let _ = thread::spawn("status client", move || {
            serve(client, &routes);
            drop(admitted);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::ledger::Ledger;
    use crate::failure::Wording;

    #[test]
    fn the_port_of_a_closed_listener_is_free() {
        let ledger = Arc::new(Ledger::new(5, Wording::default()));
        let monitor = Arc::new(Monitor::new(ledger, Wording::default(), None));
        let any = "127.0.0.1:0".parse().unwrap();
        for _ in 0..20 {
            let listener = Listener::open(any, &monitor).unwrap();
            let address = listener.address();
            listener.close();
            Listener::open(address, &monitor).unwrap();
        }
    }
}
