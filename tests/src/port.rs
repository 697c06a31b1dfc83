//! A port at which nothing listens.

use std::fmt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use crate::wait_until;

/// A port of the loopback interface that is taken, so that no other test gets it, and at which
/// nothing listens. A server may be started at its address meanwhile.
pub struct ClosedPort {
    /// Its address.
    pub address: SocketAddr,
    socket: Socket,
}

impl ClosedPort {
    /// Any free port.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::new_without_default, reason = "a port is taken")]
    pub fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// The port of a server that is gone. A child of another test may hold its socket a moment
    /// longer.
    ///
    /// # Panics
    /// When something goes on listening there.
    pub fn at(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // Otherwise no server could be started there.
        socket.set_reuse_address(true).expect("an option");
        wait_until(|| match socket.bind(&address.into()) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => false,
            bound => bound.map(|()| true).expect("a free port"),
        });
        let address = socket.local_addr().expect("it is bound");
        Self {
            address: address.as_socket().expect("IPv4"),
            socket,
        }
    }

    /// The socket, to listen on it.
    pub fn into_socket(self) -> Socket {
        self.socket
    }
}

impl fmt::Display for ClosedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
