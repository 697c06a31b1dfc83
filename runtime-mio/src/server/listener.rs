//! The listening socket.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use estreamer_core::session::Instant;
use mio::event::Source;
use mio::net::{TcpListener, TcpStream};

use crate::event_loop::{Endpoint, Turn};

/// Milliseconds until the next try after an error.
const RETRY: u32 = 100;

/// Accepts connections; its owner polls for them.
pub(super) struct Listener {
    socket: TcpListener,
    accepted: VecDeque<Accepted>,
    /// When to try again after an error.
    retry: Option<Instant>,
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
            retry: None,
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

    fn take_turn(&mut self, now: Instant) -> Turn {
        self.retry = None;
        loop {
            match self.socket.accept() {
                Ok((socket, address)) => self.accepted.push_back(Accepted { socket, address }),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Turn::Wait,
                // The next one may be sound.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                // For example no file descriptor is left. The system does not tell again of those
                // that wait.
                Err(_) => {
                    self.retry = Some(now.after(RETRY));
                    return Turn::Wait;
                }
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.retry
    }
}
