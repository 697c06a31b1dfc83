//! A port at which nothing listens.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

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

    /// The port of a server that is gone.
    ///
    /// # Panics
    /// When something listens there.
    pub fn at(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // Otherwise no server could be started there.
        socket.set_reuse_address(true).expect("an option");
        socket.bind(&address.into()).expect("a free port");
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
