//! Servers that complete the handshake and then send what a test wants.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use estreamer_mio::tls::{Identity, ServerTls};

/// Sends these bytes inside TLS, whatever the client says, until it leaves.
///
/// # Panics
/// When there is no handshake.
pub fn speak(identity: &Identity, socket: TcpStream, bytes: &[u8]) {
    listen(send(identity, socket, bytes, 1, Duration::ZERO));
}

/// Sends these bytes so many times, each after a pause, and then nothing more: as a
/// machine that dies without closing its connections.
///
/// # Panics
/// When there is no handshake.
pub fn die_after(
    identity: &Identity,
    socket: TcpStream,
    bytes: &[u8],
    times: usize,
    pause: Duration,
) {
    listen(send(identity, socket, bytes, times, pause));
}

/// Completes the handshake, sends nothing, and closes the connection after this time.
///
/// # Panics
/// When there is no handshake.
pub fn hold(identity: &Identity, socket: TcpStream, time: Duration) {
    let socket = send(identity, socket, b"", 1, Duration::ZERO);
    std::thread::sleep(time);
    // As a program that ends: what the client sent is read.
    let _ = socket.shutdown(Shutdown::Write);
    listen(socket);
}

/// Sends these bytes inside TLS so many times, each after a pause.
fn send(
    identity: &Identity,
    mut socket: TcpStream,
    bytes: &[u8],
    times: usize,
    pause: Duration,
) -> TcpStream {
    let tls = ServerTls::new(identity).expect("TLS");
    let mut tls = tls.accept().expect("a session");
    while tls.is_handshaking() {
        while tls.wants_write() {
            tls.write_tls(&mut socket).expect("a client");
        }
        if tls.is_handshaking() {
            tls.read_tls(&mut socket).expect("a client");
            tls.process().expect("a handshake");
        }
    }
    for _ in 0..times {
        std::thread::sleep(pause);
        assert_eq!(tls.write(bytes), bytes.len(), "more than fits at once");
        while tls.wants_write() {
            tls.write_tls(&mut socket).expect("a client");
        }
    }
    socket
}

/// Accepts one connection after another and hands each to `serve`.
///
/// # Panics
/// When there is no port.
pub fn serve(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            serve(socket.expect("a connection"));
        }
    });
    address
}

/// Says something that is no TLS, and listens until the client leaves.
pub fn greet(mut socket: TcpStream) {
    // A client that has left already does not need it.
    let _ = socket.write_all(b"220 mail.example.net ESMTP\r\n");
    listen(socket);
}

/// Says nothing at all until the client leaves.
pub fn listen(mut socket: TcpStream) {
    let _ = std::io::copy(&mut socket, &mut std::io::sink());
}
