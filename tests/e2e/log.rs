//! The form of the log, and what it never does.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use estreamer_core::wire::{ErrorMessage, Message};
use estreamer_simulate::Simulator;
use estreamer_tests::speaker::{serve, speak};
use estreamer_tests::{Ended, Pki, collect, events, expected_lines, json_lines, message};

/// Collects ten events by hand.
fn collect_ten(pki: &Pki, arguments: &[&str]) -> (Command, Simulator) {
    let server = Simulator::with_identity(pki.identity())
        .count(10)
        .spawn()
        .unwrap();
    let mut command = collect(pki, &server.address().to_string(), &["--from", "oldest"]);
    command
        .args(["--name", "fmc", "--stop-after", "10"])
        .args(arguments);
    (command, server)
}

#[test]
fn a_connection_is_told_from_beginning_to_end_each_line_with_time_level_and_source() {
    let pki = Pki::new();
    let (mut command, server) = collect_ten(&pki, &[]);
    let ended = Ended::of(&mut command).success();
    let lines: Vec<&str> = ended.stderr.lines().collect();
    for line in &lines {
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(
            time.len() == 20 && time.starts_with("20") && time.ends_with('Z'),
            "{line}"
        );
        assert!(rest.starts_with("INFO "), "{line}");
    }
    let messages: Vec<&str> = lines.iter().map(|line| message(line)).collect();
    let address = server.address();
    let begins = [
        format!("fmc: connecting to {address}"),
        format!(
            "fmc: connected to {address} with TLS 1.3; the certificate of the server is valid for "
        ),
        "fmc: requested events from the oldest on".to_owned(),
        "fmc: first event, archived at 20".to_owned(),
        "10 events, ".to_owned(),
    ];
    assert_eq!(messages.len(), begins.len(), "{}", ended.stderr);
    for (message, begin) in messages.iter().zip(&begins) {
        assert!(message.starts_with(begin), "{}", ended.stderr);
    }
}

#[test]
fn json_is_one_object_a_line_and_quiet_says_nothing_and_verbose_more() {
    let pki = Pki::new();
    let (mut command, _server) = collect_ten(&pki, &["--log-format", "json"]);
    let ended = Ended::of(&mut command).success();
    let objects = json_lines(ended.stderr.as_bytes());
    assert_eq!(objects.len(), 5);
    for object in &objects[..4] {
        assert_eq!(object["level"], "INFO");
        assert_eq!(object["source"], "fmc");
        assert!(object["time"].is_string() && object["message"].is_string());
    }
    let (mut command, _server) = collect_ten(&pki, &["--quiet"]);
    assert_eq!(Ended::of(&mut command).success().stderr, "");
    let (mut command, _server) = collect_ten(&pki, &["--verbose"]);
    let said = Ended::of(&mut command).success().stderr;
    assert!(said.lines().count() >= 5, "{said}");
    let (mut command, _server) = collect_ten(&pki, &["-q", "-v"]);
    Ended::of(&mut command).failure(2, &["cannot be used with"]);
}

#[test]
fn what_a_server_says_does_not_steer_the_terminal() {
    let pki = Pki::new();
    let identity = pki.identity();
    let text = "go\x1b[2J\x07\r\nfake: 100 events\u{9b}31m\u{202e}";
    let error = Message::Error(ErrorMessage {
        code: 7,
        text: text.as_bytes(),
    });
    let mut bytes = vec![0; 200];
    let length = error.emit(&mut bytes).unwrap();
    bytes.truncate(length);
    let address = serve(move |socket| speak(&identity, socket, &bytes)).to_string();
    for format in ["text", "json"] {
        let ended = Ended::of(&mut collect(&pki, &address, &["--log-format", format]));
        ended.failure(1, &["error 7", "go", "[2J", "fake"]);
        let steers = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!ended.stderr.contains(steers), "{:?}", ended.stderr);
        if format == "json" {
            json_lines(ended.stderr.as_bytes());
        } else {
            let is_line = |line: &str| line.split(' ').next().is_some_and(|t| t.ends_with('Z'));
            assert!(ended.stderr.lines().all(is_line), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_file_name_does_not_steer_the_terminal() {
    let pki = Pki::new();
    let url = "file:/no/such/\x1b[2J/out";
    let ended = Ended::of(&mut collect(&pki, "127.0.0.1:1", &["--output", url]));
    ended.failure(1, &["/no/such/"]);
    assert!(!ended.stderr.contains('\x1b'), "{:?}", ended.stderr);
}

#[test]
fn a_standard_error_that_takes_nothing_stops_nothing() {
    let pki = Pki::new();
    for redirection in ["2>/dev/full", "2>&-"] {
        let (command, server) = collect_ten(&pki, &[]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("exec \"$@\" {redirection}"), "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null());
        let ended = Ended::of(&mut shell).success();
        assert_eq!(
            events(&ended.stdout),
            expected_lines(server.archive()),
            "{redirection}"
        );
    }
}

#[test]
fn the_journal_of_systemd_gets_a_priority_and_no_time() {
    let pki = Pki::new();
    let path = pki.scratch("journal");
    let journal = fs::File::create(&path).unwrap();
    let metadata = journal.metadata().unwrap();
    let stream = format!("{}:{}", metadata.dev(), metadata.ino());
    let run = |stream: &str, arguments: &[&str]| {
        let (mut command, _server) = collect_ten(&pki, arguments);
        let file = fs::File::create(&path).unwrap();
        command
            .env("JOURNAL_STREAM", stream)
            .stderr(file)
            .stdout(Stdio::null());
        assert!(command.status().unwrap().success());
        fs::read_to_string(&path).unwrap()
    };
    let said = run(&stream, &[]);
    assert_eq!(said.lines().count(), 5, "{said}");
    assert!(said.lines().all(|line| line.starts_with("<6>")), "{said}");
    assert!(said.starts_with("<6>fmc: connecting to "), "{said}");
    let said = run(&stream, &["--log-format", "json"]);
    assert!(said.lines().all(|line| line.starts_with("<6>{")), "{said}");
    // Inherited by a process whose standard error goes elsewhere.
    let said = run("1:1", &[]);
    assert!(said.starts_with("20"), "{said}");
}
