//! A server that makes no progress is asked less and less often.

use std::io::Write;
use std::net::TcpListener;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use estreamer_mio::tls::{ReadOutcome, ServerTls};
use estreamer_tests::{Pki, Running, collect};

/// A null message.
const NULL: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];

#[test]
fn a_server_that_sends_one_null_and_closes_is_not_asked_ten_times_a_second() {
    let pki = Pki::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, connections) = channel();
    let server = ServerTls::new(&pki.identity()).unwrap();
    thread::spawn(move || serve(&listener, &server, &sender));
    let running = Running::start(&mut collect(&pki, &address, &[]));
    let patience = Duration::from_secs(60);
    let start = Instant::now();
    // Waits of 0.1, 0.2, 0.4 … 3.2 s, each shorter by a fifth at most.
    for _ in 0..7 {
        connections.recv_timeout(patience).unwrap();
    }
    let elapsed = start.elapsed();
    assert!(elapsed > Duration::from_secs(5), "{elapsed:?}");
    let told = running.said().matches("Trying again").count();
    assert!(told <= 7, "{}", running.said());
    running.signal("TERM");
    running.wait().success();
}

fn serve(listener: &TcpListener, server: &ServerTls, connections: &Sender<()>) {
    for socket in listener.incoming() {
        let mut socket = socket.unwrap();
        let mut tls = server.accept().unwrap();
        let mut asked = false;
        while !asked {
            while tls.wants_write() {
                tls.write_tls(&mut socket).unwrap();
            }
            tls.read_tls(&mut socket).unwrap();
            tls.process().unwrap();
            asked = matches!(tls.read(&mut [0; 4096]), ReadOutcome::Data(1..));
        }
        tls.write(&NULL);
        while tls.wants_write() {
            tls.write_tls(&mut socket).unwrap();
        }
        let _ = socket.flush();
        if connections.send(()).is_err() {
            return;
        }
    }
}
