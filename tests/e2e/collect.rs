//! Collecting from the simulator.

use std::fs;
use std::io::Read;

use estreamer_tests::{Ended, Pki, Running, Simulator, collect_all, data, estreamer, json_lines};

#[test]
fn real_events_come_out_byte_for_byte() {
    let pki = Pki::new();
    let sample = data("real-events.ndjson");
    let server = Simulator::start(&pki.path(), &["--replay", sample.to_str().unwrap()]);
    let file = pki.scratch("out.ndjson");
    let password = pki.write("password", "estreamer\n");
    Ended::of(&mut estreamer(&[
        "collect",
        "--server",
        &server.address,
        "--pkcs12",
        &pki.file("client.p12"),
        "--password-file",
        &password,
        "--from",
        "oldest",
        "--output",
        &format!("file:{}", file.display()),
        "--stop-after",
        "3",
    ]))
    .success();
    assert_eq!(fs::read(file).unwrap(), fs::read(sample).unwrap());
}

#[test]
fn a_pem_identity_collects_the_same_events_to_every_output() {
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &["--count", "250"]);
    let file = pki.scratch("out.ndjson");
    fs::write(&file, "before\n").unwrap();
    let collect = collect(
        &pki,
        &server,
        &[
            "--output",
            "-",
            "--output",
            &format!("file:{}", file.display()),
            "--stop-after",
            "250",
        ],
    )
    .success();
    assert_eq!(json_lines(&collect.stdout).len(), 250);
    let appended = [b"before\n", collect.stdout.as_slice()].concat();
    assert_eq!(fs::read(file).unwrap(), appended, "files are appended to");
}

#[test]
fn only_the_event_types_asked_for_come() {
    let pki = Pki::new();
    let server = pki.server().count(200).spawn().unwrap();
    let arguments = ["--event", "file", "--event", "packet"];
    let collect = collect_all(&pki, &server, &arguments).success();
    let events = json_lines(&collect.stdout);
    assert_eq!(events.len(), 60, "2 packets and 1 file in 10 events");
    for event in events {
        let kind = event["EventType"].as_str().unwrap();
        assert!(["FileEvent", "IntrusionPacket"].contains(&kind), "{kind}");
    }
}

#[test]
fn it_stops_after_the_events_wanted_even_in_the_middle_of_a_bundle() {
    let pki = Pki::new();
    // Much is under way when it stops, and must not drown its last word.
    let arguments = ["--bundle", "100", "--count", "20000", "--unacked", "200"];
    let server = Simulator::start(&pki.path(), &arguments);
    let collect = collect(&pki, &server, &["--stop-after", "123"]).success();
    assert_eq!(json_lines(&collect.stdout).len(), 123);
    assert!(collect.stderr.contains("123 events"), "{}", collect.stderr);
    server.stop_after("the peer sent error -1", 1);
}

#[test]
fn a_record_larger_than_the_window_comes_whole() {
    let pki = Pki::new();
    let url = "x".repeat(3 << 20);
    let event = format!(r#"{{"EventType":"ConnectionEvent", "URL":"{url}"}}"#);
    let small = r#"{"EventType":"FileEvent"}"#;
    let lines = format!("{small}\n{event}\n{small}\n");
    let replay = pki.write("large.ndjson", &lines);
    let server = Simulator::start(&pki.path(), &["--replay", &replay]);
    let collect = collect(&pki, &server, &["--stop-after", "3"]).success();
    assert!(
        collect.stdout == lines.as_bytes(),
        "3 MiB come out as they went in"
    );
}

#[test]
fn an_interrupt_ends_it_with_its_summary() {
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &["--count", "10"]);
    let mut command = collect_command(&pki, &server.address, &[]);
    for signal in ["INT", "TERM"] {
        let (running, _) = Running::start_to_first_line(&mut command);
        running.signal(signal);
        let ended = running.wait().success();
        assert!(ended.stderr.contains("10 events"), "{}", ended.stderr);
    }
    server.stop_after("the peer sent error -1", 2);
}

#[test]
fn an_interrupt_ends_it_while_the_server_is_silent_in_the_handshake() {
    let pki = Pki::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let running = Running::start(&mut collect_command(&pki, &address, &[]));
    let (mut socket, _) = listener.accept().unwrap();
    socket.read_exact(&mut [0; 5]).unwrap();
    running.signal("INT");
    running.wait().success();
}

/// Collects with the PEM identity.
fn collect(pki: &Pki, server: &Simulator, arguments: &[&str]) -> Ended {
    Ended::of(&mut collect_command(pki, &server.address, arguments))
}

fn collect_command(pki: &Pki, address: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = estreamer_tests::collect(pki, address, &["--from", "oldest"]);
    command.args(arguments);
    command
}
