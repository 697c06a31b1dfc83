//! A server with a valid certificate that sends whatever a test wants, as fast as
//! it is taken.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use estreamer_mio::tls::{ReadOutcome, ServerTls};
use socket2::SockRef;

use crate::server::Pki;

/// Such a server; its connections are closed when this is dropped.
pub struct Hostile {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    sent: AtomicU64,
}

/// Appends the next piece of a stream to what it is given.
pub type Stream = Box<dyn FnMut(&mut Vec<u8>) + Send>;

impl Hostile {
    /// Starts one on a loopback port. Each connection, counted from 0, is sent a
    /// stream of its own once the client has asked for something. With `deaf`
    /// nothing is read afterwards.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(
        pki: &Pki,
        deaf: bool,
        mut stream: impl FnMut(usize) -> Stream + Send + 'static,
    ) -> Self {
        let tls = ServerTls::new(&pki.identity()).expect("TLS");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        if deaf {
            // Its system does not read in its place.
            let small = SockRef::from(&listener).set_recv_buffer_size(1 << 12);
            small.expect("a size of the buffer");
        }
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let own = shared.clone();
        let thread = std::thread::spawn(move || {
            for number in 0.. {
                let Ok((socket, _)) = listener.accept() else {
                    return;
                };
                if own.is_over.load(Ordering::Relaxed) {
                    return;
                }
                // The client may leave whenever it wants.
                let _ = serve(&tls, &socket, deaf, &mut stream(number), &own);
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Bytes sent so far, over all connections.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes whoever accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves one connection until the client leaves.
fn serve(
    tls: &ServerTls,
    socket: &TcpStream,
    deaf: bool,
    stream: &mut Stream,
    shared: &Shared,
) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let mut socket = socket;
    let mut session = tls.accept().map_err(io::Error::other)?;
    let (mut asked, mut piece, mut scrap) = (false, Vec::new(), [0; 4096]);
    while !shared.is_over.load(Ordering::Relaxed) {
        let mut waits = true;
        while session.wants_write() {
            match session.write_tls(&mut socket) {
                Ok(_) => waits = false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !(deaf && asked) {
            match session.read_tls(&mut socket) {
                Ok(0) => return Ok(()),
                Ok(_) => waits = false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            session.process().map_err(io::Error::other)?;
            while let ReadOutcome::Data(_) = session.read(&mut scrap) {
                asked = true;
            }
        }
        if asked {
            if piece.is_empty() {
                stream(&mut piece);
            }
            let taken = session.write(&piece);
            shared.sent.fetch_add(taken as u64, Ordering::Relaxed);
            piece.drain(..taken);
            waits &= taken == 0;
        }
        if waits {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}
