//! Servers that misbehave in one way each, in this process.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use estreamer_core::session::Instant;
use estreamer_core::wire::EventStreamRequest;
use estreamer_mio::event_loop::Handle;
use estreamer_mio::server::{self, Feed, RequestRefusal, ServerOptions, Supply};
use estreamer_mio::tls::{Identity, ServerTls, TlsVersions};
use estreamer_tests::ClosedPort;

/// How a server answers a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With this error.
    Error(i32, &'static str),
    /// With acceptance, and nothing after it.
    Nothing,
    /// With acceptance, and null messages.
    Nulls,
}

/// An eStreamer server without events; it stops when this is dropped.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(identity: Identity, versions: TlsVersions, answer: Answer) -> Self {
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let tls = ServerTls::with_versions(&identity, versions).unwrap();
            let mut options = ServerOptions::new(tls);
            options.session.keep_alive = match answer {
                Answer::Nulls => 50,
                _ => 0,
            };
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let server = server::ServerLoop::bind(any, options).unwrap();
            sender.send((server.local_addr(), server.handle())).unwrap();
            server.run(|_| Empty(answer)).unwrap();
        });
        let (address, handle) = receiver.recv().unwrap();
        Self {
            address,
            handle,
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Empty(Answer);

impl Feed for Empty {
    fn request(&mut self, _: &EventStreamRequest<'_>) -> Result<server::Answer, RequestRefusal> {
        match self.0 {
            Answer::Error(code, text) => Err(RequestRefusal {
                code,
                text: text.into(),
            }),
            Answer::Nothing | Answer::Nulls => Ok(server::Answer::Stream),
        }
    }

    fn peek(&mut self, _: Instant) -> Supply<'_> {
        Supply::Finished
    }

    fn take(&mut self) {}
}

/// A listener whose queue is full: further connection requests are dropped, as
/// a firewall does it. Its connections are never accepted.
pub(crate) struct FullListener {
    pub(crate) address: SocketAddr,
    _listener: socket2::Socket,
    _queued: Vec<TcpStream>,
}

impl FullListener {
    pub(crate) fn new() -> Self {
        let port = ClosedPort::new();
        let (address, listener) = (port.address, port.into_socket());
        listener.listen(0).unwrap();
        let mut queued = Vec::new();
        // One connection more than the queue holds does not come about.
        let patience = std::time::Duration::from_millis(300);
        while let Ok(socket) = TcpStream::connect_timeout(&address, patience) {
            queued.push(socket);
            assert!(queued.len() < 100, "the queue has no end");
        }
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}

/// Ends the connection with a reset.
pub(crate) fn reset(socket: TcpStream) {
    let linger = Some(std::time::Duration::ZERO);
    socket2::SockRef::from(&socket).set_linger(linger).unwrap();
}
