//! What a service manager is told, over a socket as systemd's.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use estreamer_tests::{Fleet, Running, wait_for_lines};

/// The next datagram.
#[track_caller]
fn next(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("a datagram");
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

/// Reads datagrams up to one with this line.
#[track_caller]
fn wait_for(socket: &UnixDatagram, line: &str) -> String {
    loop {
        let datagram = next(socket);
        if datagram.lines().any(|other| other == line) {
            return datagram;
        }
    }
}

#[test]
fn a_service_manager_is_told_ready_working_and_stopping() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    // One that answers, and one that is away: the service is ready all the same.
    let tables = [
        Fleet::source("here", &server),
        Fleet::source_at("away", "127.0.0.1:1"),
        Fleet::output("file:out.ndjson"),
    ];
    fleet.configure("", &tables);
    let path = fleet.path("notify");
    let name = format!("estreamer-test-{}", std::process::id());
    for (address, socket) in [
        (
            path.display().to_string(),
            UnixDatagram::bind(&path).unwrap(),
        ),
        (
            format!("@{name}"),
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
        ),
    ] {
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut collect = fleet.collect();
        collect
            .env("NOTIFY_SOCKET", address)
            .env("WATCHDOG_USEC", "120000000");
        let running = Running::start(&mut collect);
        let first = next(&socket);
        assert!(first.lines().any(|line| line == "READY=1"), "{first}");
        loop {
            let datagram = next(&socket);
            assert!(!datagram.contains("READY=1"), "said once: {datagram}");
            assert!(datagram.contains("WATCHDOG=1"), "each second: {datagram}");
            if datagram.contains("STATUS=Connected to 1 of 2; ") {
                break;
            }
        }
        wait_for_lines(&fleet.path("out.ndjson"), 100, &running);
        running.signal("TERM");
        wait_for(&socket, "STOPPING=1");
        running.wait().success();
    }
}

#[test]
fn the_watchdog_is_told_nothing_where_it_watches_another_process() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 1, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output("file:out.ndjson"),
    ];
    fleet.configure("", &tables);
    let path = fleet.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut collect = fleet.collect();
    collect
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "120000000")
        .env("WATCHDOG_PID", "1");
    let running = Running::start(&mut collect);
    wait_for(&socket, "READY=1");
    wait_for_lines(&fleet.path("out.ndjson"), 1, &running);
    running.signal("TERM");
    loop {
        let datagram = next(&socket);
        assert!(!datagram.contains("WATCHDOG"), "{datagram}");
        if datagram.contains("STOPPING=1") {
            break;
        }
    }
    running.wait().success();
}

#[test]
fn a_service_manager_that_cannot_be_told_is_named_before_anything_begins() {
    let fleet = Fleet::new();
    fleet.configure("", &[Fleet::source_at("away", "127.0.0.1:1")]);
    for address in ["vsock:2:1234", "/no/such/socket"] {
        let mut collect = fleet.collect();
        collect.env("NOTIFY_SOCKET", address);
        let ended = Running::start(&mut collect).wait();
        ended.failure(1, &["cannot notify the service manager", address]);
    }
}
