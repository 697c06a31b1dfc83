//! The listening socket.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use estreamer_core::session::Instant;
use mio::event::Source;
use mio::net::{TcpListener, TcpStream};

use crate::event_loop::{Endpoint, Turn};

/// Accepts connections; its owner polls for them.
pub(super) struct Listener {
    socket: TcpListener,
    accepted: VecDeque<Accepted>,
}

/// A connection that was accepted, before TLS.
pub(super) struct Accepted {
    pub(super) socket: TcpStream,
    /// The client's address.
    pub(super) address: SocketAddr,
}

impl Listener {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: TcpListener::bind(address)?,
            accepted: VecDeque::new(),
        })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Returns the next connection that was accepted.
    pub(super) fn poll_accepted(&mut self) -> Option<Accepted> {
        self.accepted.pop_front()
    }
}

impl Endpoint for Listener {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }

    fn take_turn(&mut self, _: Instant) -> Turn {
        loop {
            match self.socket.accept() {
                Ok((socket, address)) => self.accepted.push_back(Accepted { socket, address }),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Also when the process has no file descriptor left: the next
                // connection tries again.
                Err(_) => return Turn::Wait,
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
