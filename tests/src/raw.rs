//! A client that says and reads what a test wants, message by message.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use estreamer_core::wire::{HEADER_LEN, Header};
use estreamer_mio::tls::{ClientTls, Identity, ReadOutcome, ServerRules, TlsSession};

use crate::server::Pki;

/// A connection with the handshake done and nothing asked for yet.
pub struct Raw {
    socket: TcpStream,
    tls: TlsSession,
    received: Vec<u8>,
    wire: u64,
}

impl Raw {
    /// Connects with the client certificate of a PKI.
    ///
    /// # Panics
    /// When that fails.
    pub fn connect(pki: &Pki, address: SocketAddr) -> Self {
        let read = |name: &str| std::fs::read(pki.file(name)).expect("a file of the PKI");
        let identity =
            Identity::from_pem(&read("client.pem"), &read("client.key"), &read("ca.pem"))
                .expect("an identity");
        let tls = ClientTls::new(&identity, ServerRules::default()).expect("TLS");
        let socket = TcpStream::connect(address).expect("a listening server");
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a timeout");
        let mut raw = Self {
            socket,
            tls: tls.connect().expect("a session"),
            received: Vec::new(),
            wire: 0,
        };
        while raw.tls.is_handshaking() {
            raw.flush();
            if raw.tls.is_handshaking() {
                raw.fill();
            }
        }
        raw.flush();
        raw
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) {
        assert_eq!(self.tls.write(bytes), bytes.len(), "more than fits at once");
        self.flush();
    }

    /// The next message, with its header; `None` when the server has closed.
    ///
    /// # Panics
    /// When nothing comes for a minute, or half a message.
    pub fn message(&mut self) -> Option<(Header, Vec<u8>)> {
        loop {
            if let Ok((header, rest)) = Header::parse(&self.received)
                && let Some(body) = rest.get(..header.length as usize)
            {
                let body = body.to_vec();
                self.received.drain(..HEADER_LEN + body.len());
                return Some((header, body));
            }
            if !self.fill() {
                assert!(self.received.is_empty(), "half a message");
                return None;
            }
        }
    }

    /// Everything until the server closes.
    ///
    /// # Panics
    /// When nothing comes for a minute.
    pub fn rest(mut self) -> Vec<u8> {
        while self.fill() {}
        self.received
    }

    /// Bytes received so far as they were on the wire, those of TLS included.
    pub fn wire(&self) -> u64 {
        self.wire
    }

    /// Reads once; false at the end.
    fn fill(&mut self) -> bool {
        let count = match self.tls.read_tls(&mut self.socket) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error}"),
        };
        self.wire += count as u64;
        self.tls.process().expect("TLS");
        let mut buffer = [0; 4096];
        while let ReadOutcome::Data(length) = self.tls.read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..length]);
        }
        count > 0
    }

    fn flush(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket).expect("a connection");
        }
        self.socket.flush().expect("a connection");
    }
}
