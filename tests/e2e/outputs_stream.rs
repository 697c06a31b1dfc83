//! Lines over TLS and unix sockets, and syslog over UDP, TCP and TLS.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use estreamer_simulate::Simulator;
use estreamer_simulate::generator::EventKind;
use estreamer_tests::receiver::{Peer, ReceiverPki, accept, octet_counted};
use estreamer_tests::{Fleet, Running, counted, stored, wait_until};
use rustls::ServerConfig;

use crate::outputs::listen;

const EVENTS: u64 = 2000;

fn collect(fleet: &Fleet, server: &Simulator, url: &str, keys: &str) -> Running {
    let tables = [Fleet::source("fmc", server), Fleet::output(url) + keys];
    fleet.configure("", &tables);
    Running::start(&mut fleet.collect())
}

/// Everything that a peer sends until it closes or breaks.
fn all(mut peer: Box<dyn Peer>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A TLS client that is killed closes without saying so.
    let _ = peer.read_to_end(&mut bytes);
    bytes
}

/// Receives one connection.
fn receive(listener: TcpListener, tls: Option<Arc<ServerConfig>>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || all(accept(&listener, tls.as_ref()).unwrap()))
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    wait_until(|| thread.is_finished());
    thread.join().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
    let mut lines: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

/// The events of messages with the header of RFC 5424.
fn events(messages: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let event = |message: Vec<u8>| {
        let text = String::from_utf8(message).unwrap();
        let mut fields = text.splitn(8, ' ');
        let header: Vec<&str> = fields.by_ref().take(7).collect();
        assert!(["<134>1", "<132>1"].contains(&header[0]), "{text}");
        assert!(header[1].ends_with('Z'), "{text}");
        assert_eq!(header[2..5], ["fmc", "estreamer", "-"], "{text}");
        let is_type = header[5].ends_with("Event") || header[5] == "IntrusionPacket";
        assert!(is_type, "{text}");
        assert_eq!(header[6], "-");
        fields.next().unwrap().as_bytes().to_vec()
    };
    let mut events: Vec<Vec<u8>> = messages.into_iter().map(event).collect();
    events.sort();
    events
}

#[test]
fn ftd_over_syslog_has_one_header() {
    for (rfc, begins) in [("5424", "<134>1 "), ("3164", "<134>")] {
        let (listener, address) = listen();
        let fleet = Fleet::new();
        let server = fleet.server(1, 300, |builder| builder.enabled(&[EventKind::Connection]));
        let receiver = receive(listener, None);
        let source = Fleet::source("fmc", &server) + "events = [\"connection\"]\n";
        let url = format!("syslog+tcp://{address}");
        let keys = format!("format = \"ftd\"\nframing = \"newline\"\nrfc = {rfc}\n");
        fleet.configure("", &[source, Fleet::output(&url) + &keys]);
        let running = Running::start(&mut fleet.collect());
        wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
        running.stop().success();
        let lines = lines(&joined(receiver));
        let events = server.archive().events().into_iter();
        let sent = events.filter(|event| event.kind == EventKind::Connection);
        assert_eq!(lines.len(), sent.count());
        for line in lines {
            let line = String::from_utf8(line).unwrap();
            let (header, event) = line.split_once("%FTD-6-43000").unwrap();
            assert!(header.starts_with(begins), "{line}");
            assert_eq!(header.matches('<').count(), 1, "{line}");
            assert!(header.ends_with(" - ") || header.ends_with(": "), "{line}");
            assert!(event.starts_with(['2', '3']), "{line}");
        }
    }
}

fn tls_keys(more: &str) -> String {
    format!("tls = {{ ca = \"receiver-ca.pem\"{more} }}\n")
}

const CLIENT: &str = ", cert = \"collector.pem\", key = \"collector.key\"";

#[test]
fn every_event_is_a_line_over_tls_with_a_client_certificate() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let pki = ReceiverPki::new(&["127.0.0.1"], false);
    pki.write_to(&fleet.path(""));
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let receiver = receive(listener, Some(pki.tls(true)));
    let url = format!("tcp+tls://{address}");
    let running = collect(&fleet, &server, &url, &tls_keys(CLIENT));
    wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
    let ended = running.stop().success();
    let found = lines(&joined(receiver));
    assert!(found == stored([&server]), "{}", ended.stderr);
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_with_a_remedy() {
    let good = ReceiverPki::new(&["127.0.0.1"], false);
    let other = ReceiverPki::new(&["receiver.example.net"], false);
    let expired = ReceiverPki::new(&["127.0.0.1"], true);
    let named = ", server_name = \"receiver.example.net\"";
    for (pki, trusted, more, clients, words) in [
        (
            &expired,
            &expired,
            "",
            false,
            ["has expired (on 2021-01-01)", "renew it"],
        ),
        (
            &other,
            &other,
            "",
            false,
            ["is for", "set server_name in tls"],
        ),
        (&other, &other, named, false, ["", ""]),
        (
            &good,
            &other,
            "",
            false,
            ["a CA that is not trusted", "by ca in tls"],
        ),
        (
            &good,
            &good,
            "",
            true,
            ["client certificate", "set cert and key"],
        ),
    ] {
        let (listener, address) = listen();
        let fleet = Fleet::new();
        trusted.write_to(&fleet.path(""));
        let server = fleet.server(1, 50, |builder| builder);
        let tls = pki.tls(clients);
        let receiver = std::thread::spawn(move || {
            let mut found = Vec::new();
            while let Ok(peer) = accept(&listener, Some(&tls)) {
                found = all(peer);
                if !found.is_empty() {
                    break;
                }
            }
            found
        });
        let url = format!("tcp+tls://{address}");
        let running = collect(&fleet, &server, &url, &tls_keys(more));
        match words {
            ["", _] => {
                wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
                running.stop().success();
                assert!(lines(&joined(receiver)) == stored([&server]));
            }
            words => words.iter().for_each(|words| running.wait_for(words)),
        }
    }
}

#[test]
fn every_event_is_a_line_over_a_unix_socket() {
    let fleet = Fleet::new();
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let listener = UnixListener::bind(fleet.path("receiver.sock")).unwrap();
    let receiver = std::thread::spawn(move || all(Box::new(listener.accept().unwrap().0)));
    let running = collect(&fleet, &server, "unix:receiver.sock", "");
    wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
    let ended = running.stop().success();
    assert!(
        lines(&joined(receiver)) == stored([&server]),
        "{}",
        ended.stderr
    );
}

#[test]
fn every_event_is_a_syslog_message_over_tcp_and_tls() {
    let pki = ReceiverPki::new(&["127.0.0.1"], false);
    for (scheme, tls, keys) in [
        ("syslog+tcp", None, String::new()),
        ("syslog+tls", Some(pki.tls(false)), tls_keys("")),
        ("syslog+tcp", None, "framing = \"newline\"\n".to_owned()),
    ] {
        let (listener, address) = listen();
        let fleet = Fleet::new();
        pki.write_to(&fleet.path(""));
        let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
        let receiver = receive(listener, tls);
        let running = collect(&fleet, &server, &format!("{scheme}://{address}"), &keys);
        wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
        let ended = running.stop().success();
        let found = joined(receiver);
        let messages = match keys.contains("newline") {
            true => lines(&found),
            false => {
                let (messages, rest) = octet_counted(&found);
                assert!(rest.is_empty());
                messages
            }
        };
        assert!(events(messages) == stored([&server]), "{}", ended.stderr);
    }
}

#[test]
fn the_header_of_rfc_3164_is_written_as_configured() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 5, |builder| builder);
    let receiver = receive(listener, None);
    let keys = "rfc = 3164\nframing = \"newline\"\nfacility = 13\nhostname = \"c1\"\n\
                app_name = \"fmc-events\"\n";
    let running = collect(&fleet, &server, &format!("syslog+tcp://{address}"), keys);
    wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
    running.stop().success();
    for line in lines(&joined(receiver)) {
        let line = String::from_utf8(line).unwrap();
        assert!(
            line.starts_with("<110>") || line.starts_with("<108>"),
            "{line}"
        );
        assert!(line.contains(" c1 fmc-events: {"), "{line}");
    }
}

#[test]
fn a_datagram_is_a_message_and_one_that_is_too_long_is_truncated_and_counted() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let address = socket.local_addr().unwrap();
    let fleet = Fleet::new();
    let server = fleet.server(1, 60, |builder| builder);
    let keys = "max_message = 600\n";
    let running = collect(&fleet, &server, &format!("syslog+udp://{address}"), keys);
    let mut buffer = [0; 65_536];
    let messages: Vec<Vec<u8>> = (0..60)
        .map(|_| {
            let length = socket.recv(&mut buffer).unwrap();
            buffer[..length].to_vec()
        })
        .collect();
    let ended = running.stop().success();
    let long = messages
        .iter()
        .filter(|message| message.len() == 600)
        .count();
    assert!(long > 0);
    let cut = counted(&ended.stderr, "truncated for receivers");
    let stored = stored([&server]);
    let found = events(messages);
    let whole = found.iter().filter(|event| stored.contains(event)).count();
    assert_eq!(whole as u64 + cut, 60, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("was truncated to 600"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_datagram_that_nobody_takes_is_sent_again_when_somebody_does() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let fleet = Fleet::new();
    let server = fleet.server(1, 50, |builder| builder);
    let running = collect(&fleet, &server, &format!("syslog+udp://{address}"), "");
    running.wait_for("cannot write");
    let socket = UdpSocket::bind(address).unwrap();
    running.wait_for("works again after");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut buffer = [0; 65_536];
    assert!(socket.recv(&mut buffer).unwrap() > 0);
    wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
    running.stop().success();
}

#[test]
fn one_that_breaks_in_the_middle_has_every_syslog_message() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let pki = ReceiverPki::new(&["127.0.0.1"], false);
    pki.write_to(&fleet.path(""));
    let server = fleet.server(1, EVENTS, |builder| builder.unacknowledged(16));
    let tls = pki.tls(false);
    let receiver = std::thread::spawn(move || {
        let mut messages = Vec::new();
        // Two connections are reset with bytes that were not read.
        for most in [30_000, 200_000, usize::MAX] {
            let mut peer = accept(&listener, Some(&tls)).unwrap();
            let (mut found, mut some) = (Vec::new(), [0; 4096]);
            while found.len() < most
                && let Ok(count @ 1..) = peer.read(&mut some)
            {
                found.extend_from_slice(&some[..count]);
            }
            messages.extend(octet_counted(&found).0);
        }
        messages
    });
    let running = collect(
        &fleet,
        &server,
        &format!("syslog+tls://{address}"),
        &tls_keys(""),
    );
    running.wait_for("works again after");
    wait_until(|| server.connections().first().is_some_and(|of| of.is_done()));
    let ended = running.stop().success();
    let mut found = events(joined(receiver));
    found.dedup();
    let mut expected = stored([&server]);
    expected.dedup();
    assert!(found == expected, "{}", ended.stderr);
}

#[test]
fn a_receiver_that_never_answers_does_not_keep_a_stop_waiting() {
    // It accepts nothing: the handshake never ends.
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let pki = ReceiverPki::new(&["127.0.0.1"], false);
    pki.write_to(&fleet.path(""));
    let server = fleet.server(1, 100, |builder| builder);
    let output = Fleet::output(&format!("syslog+tls://{address}")) + &tls_keys("");
    let tables = [Fleet::source("fmc", &server), output];
    fleet.configure("shutdown = 1", &tables);
    let running = Running::start(&mut fleet.collect());
    wait_until(|| !server.connections().is_empty());
    let began = std::time::Instant::now();
    running.stop();
    assert!(began.elapsed() < Duration::from_secs(20));
    drop(listener);
}

#[test]
fn a_key_of_another_kind_of_output_is_refused() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 1, |builder| builder);
    for (url, keys, words) in [
        (
            "tcp://a:1",
            "facility = 3\n",
            ["facility has no meaning", "syslog+udp"],
        ),
        (
            "file:a",
            "tls = { ca = \"x\" }\n",
            ["tls has no meaning", "tcp+tls"],
        ),
        (
            "syslog+tcp://a:1",
            "facilty = 3\n",
            ["unknown key", "facility"],
        ),
        (
            "syslog+udp://a:1",
            "max_message = 1\n",
            ["480 to 65507", ""],
        ),
        (
            "syslog+tls://a:1",
            "tls = { cert = \"x\" }\n",
            ["both cert and key", ""],
        ),
        ("syslog+tcp://a:1", "rfc = 1\n", ["5424 or 3164", ""]),
    ] {
        let tables = [Fleet::source("fmc", &server), Fleet::output(url) + keys];
        fleet.configure("", &tables);
        let ended = estreamer_tests::Ended::of(&mut fleet.collect());
        ended.failure(2, &words);
    }
}
