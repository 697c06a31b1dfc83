//! Clients of the listener, well and ill behaved, and changes of its address.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use estreamer_tests::http::{exchange, get, listening};
use estreamer_tests::{Fleet, Running, wait_for_lines, wait_until};

use crate::status::LISTEN;

fn collecting() -> (Fleet, estreamer_simulate::Simulator, Running, String) {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output("file:out.ndjson"),
    ];
    fleet.configure(LISTEN, &tables);
    let running = Running::start(&mut fleet.collect());
    let address = listening(&running);
    wait_for_lines(&fleet.path("out.ndjson"), 100, &running);
    (fleet, server, running, address)
}

#[test]
fn a_request_that_is_wrong_gets_an_answer_that_says_why() {
    let (_fleet, _server, running, address) = collecting();
    let status = |request: &str| exchange(&address, request.as_bytes()).status;
    assert_eq!(status("GET /nothing HTTP/1.1\r\n\r\n"), 404);
    assert_eq!(status("GET /../etc/passwd HTTP/1.1\r\n\r\n"), 404);
    assert_eq!(status("GET / HTTP/1.0\r\n\r\n"), 200);
    assert_eq!(status("GET /status?x=y HTTP/1.1\r\n\r\n"), 200);
    assert_eq!(status("hello\r\n\r\n"), 400);
    assert_eq!(status("\x16\x03\x01\x02\x00\x01\x00\x01"), 400, "TLS");
    let refused = exchange(
        &address,
        b"POST /status HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
    );
    assert_eq!(refused.status, 405);
    assert!(refused.head.contains("\r\nAllow: GET, HEAD"), "{refused:?}");
    let huge = format!("GET / HTTP/1.1\r\nCookie: {}", "x".repeat(100_000));
    assert_eq!(status(&huge), 431);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
    assert_eq!(status(&many), 431);
    // A page of another site, under a name that leads here.
    assert_eq!(
        status("GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        403
    );
    let head = exchange(&address, b"HEAD /status HTTP/1.1\r\n\r\n");
    assert_eq!((head.status, &*head.body), (200, ""));
    let length = head.head.split("Content-Length: ").nth(1).unwrap();
    let length = length.split('\r').next().unwrap();
    assert!(length.parse::<usize>().unwrap() > 1000, "that of the body");
    // Pipelined requests: the first is answered, and the connection ends in order.
    let two = b"GET /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n";
    assert_eq!(exchange(&address, two).body, "the event loop turns\n");
    running.stop().success();
}

#[test]
fn a_thousand_silent_clients_keep_neither_others_out_nor_events_waiting() {
    let (fleet, server, running, address) = collecting();
    let mut silent = Vec::new();
    for number in 0..1000 {
        // The system may refuse more.
        if let Ok(mut client) = TcpStream::connect(&address) {
            if number % 2 == 0 {
                let _ = client.write_all(b"GET /status HTTP/1.1\r\nx");
            }
            silent.push(client);
        }
    }
    assert!(silent.len() > 100, "{}", silent.len());
    assert_eq!(get(&address, "/healthz").status, 200);
    server.archive().store(100);
    wait_for_lines(&fleet.path("out.ndjson"), 200, &running);
    let threads = std::fs::read_dir(format!("/proc/{}/task", running.id()));
    let threads = threads.unwrap().count();
    assert!(threads < 50, "{threads} threads");
    assert_eq!(get(&address, "/healthz").status, 200);
    drop(silent);
    running.stop().success();
}

#[test]
fn a_client_that_sends_a_byte_now_and_then_is_cut_off() {
    let (_fleet, _server, running, address) = collecting();
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let start = Instant::now();
    let mut byte = [0; 1];
    wait_until(|| {
        let sent = slow.write_all(b"x").is_err();
        sent || matches!(slow.read(&mut byte), Ok(0)) || {
            matches!(slow.read(&mut byte), Err(error)
                if error.kind() == std::io::ErrorKind::ConnectionReset)
        }
    });
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(get(&address, "/healthz").status, 200);
    running.stop().success();
}

#[test]
fn a_reload_moves_the_listener_and_an_address_in_use_changes_nothing() {
    let (fleet, server, running, address) = collecting();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap();
    let configure = |listen: &str| {
        let tables = [
            Fleet::source("fmc", &server),
            Fleet::output("file:out.ndjson"),
        ];
        fleet.configure(listen, &tables);
        running.signal("HUP");
    };
    configure(&format!("[listen]\naddress = \"{taken_address}\"\n"));
    running.wait_for(&format!("cannot listen at {taken_address}"));
    running.wait_for("The status stays at 127.0.0.1:0.");
    assert_eq!(get(&address, "/healthz").status, 200);
    configure("[listen]\naddress = \"[::1]:0\"\n");
    running.wait_for("the status is at http://[::1]:");
    let moved = listening(&running);
    assert_eq!(get(&moved, "/healthz").status, 200);
    wait_until(|| TcpStream::connect(&address).is_err());
    configure("");
    running.wait_for("the status is no longer served");
    wait_until(|| TcpStream::connect(&moved).is_err());
    running.stop().success();
}

#[test]
fn a_reload_that_is_refused_leaves_the_listener_alone() {
    let (fleet, server, running, address) = collecting();
    let without_directory = Fleet::output("file:no/such/directory/x");
    fleet.configure("", &[Fleet::source("fmc", &server), without_directory]);
    running.signal("HUP");
    running.wait_for("The configuration is unchanged");
    assert_eq!(get(&address, "/healthz").status, 200);
    assert!(!running.said().contains("no longer served"));
    running.stop().success();
}

#[test]
fn an_address_that_cannot_be_used_ends_the_start_and_a_public_one_is_warned_about() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 1, |builder| builder);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = |listen: &str| {
        let tables = [
            Fleet::source("fmc", &server),
            Fleet::output("file:out.ndjson"),
        ];
        fleet.configure(listen, &tables);
        Running::start(&mut fleet.collect())
    };
    let listen = format!("[listen]\naddress = \"{}\"\n", taken.local_addr().unwrap());
    start(&listen)
        .wait()
        .failure(1, &["cannot listen at", "port 0"]);
    for (wrong, words) in [
        ("address = \"localhost:9302\"", "use an address with a port"),
        ("address = \"9302\"", "use an address with a port"),
        ("adress = \"127.0.0.1:0\"", "Perhaps you mean address"),
        ("", "[listen] has no address"),
    ] {
        let ended = start(&format!("[listen]\n{wrong}\n")).wait();
        assert_eq!(ended.status.code(), Some(2), "{wrong}: {}", ended.stderr);
        let said = ended.stderr.to_lowercase();
        assert!(said.contains(&words.to_lowercase()), "{}", ended.stderr);
    }
    // No machine has this address: it is for documentation.
    start("[listen]\naddress = \"192.0.2.1:9302\"\n")
        .wait()
        .failure(
            1,
            &[
                "everyone who reaches 192.0.2.1:9302 can read the status",
                "cannot listen at 192.0.2.1:9302",
            ],
        );
}
