//! A recording of real events, redacted: it tells nothing, and replays as the original.

use std::collections::BTreeSet;
use std::fs;

use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, Message, RequestFlags};
use estreamer_tests::{Ended, Pki, Raw, Running, Simulator, collect, data, estreamer, json_lines};
use serde_json::Value;

/// What is collected from a server of these arguments: the events, and the path of the
/// recording.
fn recorded(pki: &Pki, server: &[&str], count: usize) -> (Vec<Value>, String) {
    let server = Simulator::start(&pki.path(), server);
    let name = format!("stream-{count}");
    let path = pki.write(&name, "");
    let count = count.to_string();
    let arguments = [
        "--from",
        "oldest",
        "--stop-after",
        &count,
        "--capture",
        &path,
    ];
    let ended = Ended::of(&mut collect(pki, &server.address, &arguments)).success();
    server.stop();
    (json_lines(&ended.stdout), path)
}

fn redacted(path: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = estreamer(&["capture", "redact", path]);
    let ended = Ended::of(command.args(arguments)).success();
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    ended.stdout
}

/// What `capture decode` says of each message, without what the message holds.
fn structure(path: &str) -> Vec<String> {
    let ended = Ended::of(&mut estreamer(&["capture", "decode", path])).success();
    let text = String::from_utf8(ended.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Fields whose values come from lists of Cisco or of a standard: they may stay.
const LISTS: [&str; 16] = [
    "EventType",
    "Protocol",
    "AC_RuleAction",
    "InlineResult",
    "FileDirection",
    "FileAction",
    "SHA_Disposition",
    "SperoDisposition",
    "DNS_RecordType",
    "DNS_ResponseType",
    "URLReputation",
    "SSL_FlowStatus",
    "SSL_Version",
    "SSL_ServerCertStatus",
    "SSL_ActualAction",
    "SSL_ExpectedAction",
];

/// Looks for every text of the events in the bytes of a recording.
fn finds_nothing_of(events: &[Value], recording: &[u8]) {
    let members = || events.iter().flat_map(|event| event.as_object().unwrap());
    let texts = || members().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let names: BTreeSet<&str> = members().map(|(name, _)| name.as_str()).collect();
    let listed: BTreeSet<&str> = texts()
        .filter(|(name, _)| LISTS.contains(name))
        .map(|(_, text)| text)
        .collect();
    let recording = String::from_utf8_lossy(recording);
    let mut looked = 0;
    for (name, text) in texts().collect::<BTreeSet<_>>() {
        let is_part = |other: &&str| other.contains(text);
        let is_punctuation = text.bytes().all(|byte| byte.is_ascii_punctuation());
        if LISTS.contains(&name) || listed.contains(text) || is_punctuation {
            continue;
        }
        looked += 1;
        let quoted = serde_json::to_string(text).unwrap();
        assert!(!recording.contains(&quoted), "{name}: {text}");
        // Shorter ones are there by chance, or as a part of what stays.
        if text.len() > 5 && !names.iter().any(is_part) && !listed.iter().any(is_part) {
            assert!(!recording.contains(text), "{name}: {text}");
        }
    }
    assert!(looked > 50, "{looked}");
}

#[test]
fn a_redacted_recording_tells_nothing_and_replays_as_the_original() {
    let pki = Pki::new();
    let real = data("real-events.ndjson");
    let real = ["--replay", real.to_str().unwrap()];
    let generated = ["--count", "300", "--profile", "guide", "--quirk", "netmap"];
    for (server, count) in [(&real[..], 3), (&generated[..], 300)] {
        let (events, path) = recorded(&pki, server, count);
        assert_eq!(events.len(), count);
        let bytes = redacted(&path, &[]);
        finds_nothing_of(&events, &bytes);
        let copy = pki.write("redacted", &bytes);
        assert_eq!(structure(&copy), structure(&path));

        let mut replay = estreamer(&["capture", "replay", &copy, "--listen", "127.0.0.1:0"]);
        replay.arg("--pki").arg(pki.path());
        let (replay, address) = Running::start_to_first_line(&mut replay);
        let stop = count.to_string();
        let arguments = ["--from", "oldest", "--stop-after", &stop];
        let ended = Ended::of(&mut collect(&pki, &address, &arguments)).success();
        let copies = json_lines(&ended.stdout);
        assert_eq!(copies.len(), count);
        for (event, copy) in events.iter().zip(&copies) {
            let keys = |event: &Value| -> Vec<String> {
                event.as_object().unwrap().keys().cloned().collect()
            };
            assert_eq!(keys(event), keys(copy));
            assert_eq!(event["EventType"], copy["EventType"]);
            assert_eq!(event["ResponderPort"], copy["ResponderPort"]);
        }
        let sent = format!("{} bytes sent, {} null", bytes.len(), count.div_ceil(100));
        replay.wait_for(&sent);
        replay.signal("TERM");
        replay.wait().success();
    }
}

#[test]
fn two_recordings_match_with_one_key_and_do_not_without() {
    let pki = Pki::new();
    let (_, path) = recorded(&pki, &["--count", "20"], 20);
    let key = pki.write("key", [7; 32]);
    let with_key = || redacted(&path, &["--key-file", &key]);
    assert_eq!(with_key(), with_key());
    assert_ne!(redacted(&path, &[]), redacted(&path, &[]));
    // What the client sent holds names of fields alone, and stays as readable.
    let sent = format!("{path}.sent");
    let request = redacted(&sent, &["--key-file", &key]);
    let request = String::from_utf8_lossy(&request).into_owned();
    for word in ["\"OutputFormat\"", "\"ConnectionEvent\"", "\"Impact\""] {
        assert!(request.contains(word), "{word} in {request}");
    }
    let short = pki.write("short", "secret");
    let mut command = estreamer(&["capture", "redact", &path, "--key-file", &short]);
    Ended::of(&mut command).failure(2, &["6 bytes", "/dev/urandom"]);
}

#[test]
fn a_truncated_recording_and_another_file_are_redacted_with_a_word() {
    let pki = Pki::new();
    let (_, path) = recorded(&pki, &["--count", "20"], 20);
    let bytes = fs::read(&path).unwrap();
    let cut = pki.write("cut", &bytes[..bytes.len() - 1]);
    let ended = Ended::of(&mut estreamer(&["capture", "redact", &cut])).success();
    assert!(ended.stderr.contains("into a message"), "{}", ended.stderr);
    assert_eq!(ended.stdout.len(), bytes.len() - 1);
    let other = pki.write("other", "HTTP/1.1 400 secret");
    let ended = Ended::of(&mut estreamer(&["capture", "redact", &other]));
    ended.failure(1, &["other", "byte 0", "without TLS"]);
    assert!(ended.stdout.is_empty());
    let lost = pki.write("lost", [&bytes, &b"HTTP/1.1 400 secret"[..]].concat());
    let ended = Ended::of(&mut estreamer(&["capture", "redact", &lost])).success();
    assert!(ended.stderr.contains("are replaced"), "{}", ended.stderr);
    assert!(ended.stdout.ends_with(&b"x".repeat(19)));
    Ended::of(&mut estreamer(&["capture", "redact", "/no/such/file"]))
        .failure(1, &["/no/such/file"]);
}

#[test]
fn a_replay_serves_each_client_the_whole_recording_and_closes_if_told() {
    let pki = Pki::new();
    let (_, path) = recorded(&pki, &["--count", "250"], 250);
    let mut replay = estreamer(&["capture", "replay", &path, "--listen", "127.0.0.1:0"]);
    replay.arg("--close").arg("--pki").arg(pki.path());
    let (replay, address) = Running::start_to_first_line(&mut replay);
    let request = Message::Request(EventStreamRequest {
        from: InitialTimestamp::OLDEST,
        flags: RequestFlags::EXTENDED_HEADER,
        block: b"{}",
    });
    let mut bytes = [0; 18];
    request.emit(&mut bytes).unwrap();
    for _ in 0..2 {
        let mut client = Raw::connect(&pki, address.parse().unwrap());
        client.send(&bytes);
        let mut received = Vec::new();
        while let Some((header, body)) = client.message() {
            let mut start = [0; 8];
            header.emit(&mut start).unwrap();
            received.extend_from_slice(&start);
            received.extend_from_slice(&body);
        }
        assert!(
            received == fs::read(&path).unwrap(),
            "{} {}",
            received.len(),
            replay.said()
        );
    }
    replay.wait_for("0 nulls received");
    replay.signal("TERM");
    replay.wait().success();
    let mut command = estreamer(&["capture", "replay", "/dev/null", "--pki"]);
    Ended::of(command.arg(pki.path())).failure(2, &["/dev/null", "regular file"]);
}
