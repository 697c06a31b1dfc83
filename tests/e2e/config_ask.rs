//! What is asked for, from the option to the event.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use estreamer::config::ENVELOPE;
use estreamer::config::EventRequest;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::InitialTimestamp;
use estreamer_simulate::opaque::OPAQUE;
use estreamer_tests::{Ended, Pki, Simulator, collect, collect_all, estreamer, json_lines};
use serde_json::Value;

#[test]
fn exactly_the_fields_asked_for_come() {
    let fields = ["--fields", "connection=InitiatorIP,URL,EventType"];
    let more = ["--event", "file"];
    let events = collected(&[&fields[..], &more].concat());
    let mut both = [0, 0];
    for event in json_lines(&events) {
        let names: Vec<&str> = event
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        match event["EventType"].as_str().unwrap() {
            "ConnectionEvent" => {
                both[0] += 1;
                let asked = ["InitiatorIP", "URL", "EventType"];
                assert!(names.iter().all(|name| asked.contains(name)), "{names:?}");
            }
            "FileEvent" => {
                both[1] += 1;
                assert!(names.len() > 10, "the usual sets: {names:?}");
            }
            other => panic!("{other} was not asked for"),
        }
    }
    assert!(both[0] > 0 && both[1] > 0);
}

#[test]
fn csv_comes_in_the_columns_asked_for_each_event_type_in_its_file() {
    let pki = Pki::new();
    let url = format!("file:{}", pki.scratch("{event}.csv").display());
    let asked = [
        "--fields",
        "connection=EventType,InitiatorIP",
        "--fields",
        "file=EventType",
    ];
    let arguments = ["--transform", "csv", "--output", &url];
    collected_by(&pki, &[&asked[..], &arguments].concat());
    for (event, columns) in [("ConnectionEvent", 2), ("FileEvent", 1)] {
        let text = fs::read_to_string(pki.scratch(&format!("{event}.csv"))).unwrap();
        assert!(!text.is_empty());
        for line in text.lines() {
            assert!(line.starts_with(event), "{line}");
            assert_eq!(line.split(',').count(), columns, "{line}");
        }
    }
    let mut command = collect(&pki, "127.0.0.1:1", &asked);
    let ended = Ended::of(command.args(["--transform", "CSV"]));
    ended.failure(2, &["connection and file events as CSV", "{event}"]);
}

#[test]
fn a_ready_made_request_is_sent_byte_for_byte() {
    let pki = Pki::new();
    let json = "{ \"Note\": \"ours\", \"Events\": { \"FileEvent\": { \"FieldSetDef\": \
                { \"OutputFieldSet\": [\"FileName\"] }, \"Fields\": [\"OutputFieldSet\"] } },\n \
                \"OutputFormat\": { \"Transform\": \"Text\", \"TransformConfig\": \"JSON\" } }\n";
    let request = pki.write("json_request.json", json);
    let simulator = pki.server().count(100).spawn().unwrap();
    let ended = collect_all(&pki, &simulator, &["--request", &request]).success();
    for event in json_lines(&ended.stdout) {
        assert_eq!(event.as_object().unwrap().len(), 1, "{event}");
    }
    assert_eq!(simulator.connections()[0].requests[0].json, json);
}

#[test]
fn a_request_that_a_server_would_refuse_is_not_sent() {
    let pki = Pki::new();
    for (json, words) in [
        ("{", "syntax error"),
        ("{\"Events\":{}}", "no event type is requested"),
        (
            "{\"Events\":{\"HostEvent\":{\"Fields\":[\"A\"]}}}",
            "FileEvent",
        ),
    ] {
        let request = pki.write("json_request.json", json);
        let arguments = ["--request", &request];
        let ended = Ended::of(&mut collect(&pki, "127.0.0.1:1", &arguments));
        ended.failure(2, &["json_request.json", "a server would refuse", words]);
    }
    for arguments in [
        &["--request", "x", "--event", "file"][..],
        &["--request", "x", "--transform", "CSV"],
        &["--fields", "file"],
        &["--fields", "fil=FileName"],
        &["--fields", "file=", "--event", "file"],
        &["--transform", "a\"b"],
        &["--quirk", "nonsense"],
        &["--format", "csv"],
        &["--format", "pcapng", "--output", "tcp://127.0.0.1:1"],
    ] {
        Ended::of(&mut collect(&pki, "127.0.0.1:1", arguments)).failure(2, &[]);
    }
}

#[test]
fn quirks_are_shown_in_the_request() {
    let pki = Pki::new();
    let simulator = pki.server().count(10).spawn().unwrap();
    let quirks = ["--quirk", "request-nul", "--quirk", "request-inclusive"];
    collect_all(&pki, &simulator, &quirks).success();
    let seen = simulator.connections()[0].statistics.deviations;
    assert_eq!(
        (seen.of(Quirk::RequestNul), seen.of(Quirk::RequestInclusive)),
        (1, 1)
    );
}

#[test]
fn bytes_of_another_transform_come_out_of_either_format_as_they_were_sent() {
    let expected = json_lines(&collected(&[]));
    let flat = ["--transform", "FlatBuffer"];
    let envelopes = json_lines(&collected(&flat));
    let shown: Vec<Value> = envelopes
        .iter()
        .map(|line| {
            let envelope = &line["estreamer_data"];
            assert_eq!(envelope["transform"], "FlatBuffer");
            assert_eq!(envelope["source"], "fmc");
            let bytes = STANDARD
                .decode(envelope["data_base64"].as_str().unwrap())
                .unwrap();
            assert_eq!(envelope["length"], bytes.len());
            event(&bytes)
        })
        .collect();
    assert!(shown == expected);
    let pki = Pki::new();
    let url = format!("file:{}", pki.scratch("{event}.bin").display());
    let raw = ["--format", "raw", "--output", &url];
    collected_by(&pki, &[&flat[..], &raw].concat());
    for kind in [
        "ConnectionEvent",
        "IntrusionEvent",
        "IntrusionPacket",
        "FileEvent",
    ] {
        let bytes = fs::read(pki.scratch(&format!("{kind}.bin"))).unwrap();
        let found: Vec<Value> = records(&bytes)
            .iter()
            .map(|(_, data)| event(data))
            .collect();
        let expected = expected.iter().filter(|event| event["EventType"] == kind);
        assert!(found.iter().eq(expected), "{kind}");
    }
}

#[test]
fn an_envelope_costs_no_allocation_of_its_own() {
    let pki = Pki::new();
    let simulate = ["--opaque", "FlatBuffer", "--unacked", "16"];
    let server = Simulator::start(&pki.path(), &simulate);
    let allocations = |events: &str| {
        let arguments = ["--from", "oldest", "--transform", "FlatBuffer"];
        let mut command = collect(&pki, &server.address, &arguments);
        command.args(["--stop-after", events]);
        command.env("ESTREAMER_TEST_ALLOCATIONS", "1");
        Ended::of(&mut command).success().allocations()
    };
    // What a start costs is in both.
    let (few, many) = (allocations("5000"), allocations("25000"));
    let per_event = many.saturating_sub(few) as f64 / 20_000.0;
    assert!(per_event <= 0.5, "{per_event} allocations per event");
}

#[test]
fn text_can_be_written_raw_and_an_unreadable_record_is_marked() {
    let pki = Pki::new();
    let builder = pki.server().count(100).quirk(Quirk::RecordMalformed);
    let server = builder.spawn().unwrap();
    let ended = collect_all(&pki, &server, &["--format", "raw"]).success();
    let records = records(&ended.stdout);
    let errors = records.iter().filter(|(error, _)| *error).count();
    assert!(errors > 0 && records.len() - errors >= 99, "{errors}");
    for (error, data) in records {
        let value: Value = serde_json::from_slice(data).unwrap();
        assert_eq!(value.get("estreamer_error").is_some(), error);
    }
}

#[test]
fn the_request_is_printed_in_words_in_json_and_in_hexadecimal() {
    let quirk = ["--quirk", "request-nul"];
    let ended = Ended::of(estreamer(&["request", "--from", "oldest"]).args(quirk)).success();
    let text = String::from_utf8(ended.stdout).unwrap();
    let ask = EventRequest::everything();
    for part in [
        "from oldest, flags 0x00800000 [extended event header]",
        "IntrusionPacket and FileEvent as JSON",
        "request-nul: The JSON block",
        std::str::from_utf8(&ask.json).unwrap(),
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let quirks = Quirks::NONE.with(Quirk::RequestNul);
    let message = ask.message(InitialTimestamp::OLDEST, quirks);
    let dump = text.lines().filter(|line| line.get(8..10) == Some("  "));
    let bytes: Vec<u8> = dump
        .flat_map(|line| line[10..58].split_whitespace())
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    assert!(bytes == message, "{text}");
}

#[test]
fn the_request_of_a_source_is_printed_without_its_identity() {
    let pki = Pki::new();
    let source = |name: &str, more: &str| {
        format!("[[source]]\nname = \"{name}\"\nserver = \"{name}\"\npkcs12 = \"no\"\n{more}\n")
    };
    let text = source("berlin", "events = [\"file\"]") + &source("rome", "from = 7");
    let config = pki.write("estreamer.toml", text);
    let request = |more: &[&str]| Ended::of(estreamer(&["request", "-c", &config]).args(more));
    let text = |ended: Ended| String::from_utf8(ended.success().stdout).unwrap();
    let both = text(request(&[]));
    assert!(
        both.contains("source berlin at berlin:8302") && both.contains("source rome"),
        "{both}"
    );
    let one = text(request(&["--source", "rome"]));
    assert!(
        one.contains("from second 7") && !one.contains("source berlin"),
        "{one}"
    );
    request(&["--source", "paris"]).failure(2, &["no source \"paris\"", "berlin or rome"]);
    request(&["--event", "file"]).failure(2, &["--event"]);
}

/// What the source `fmc` of 100 events is collected as.
fn collected(arguments: &[&str]) -> Vec<u8> {
    collected_by(&Pki::new(), arguments)
}

fn collected_by(pki: &Pki, arguments: &[&str]) -> Vec<u8> {
    let server = pki
        .server()
        .count(100)
        .opaque("FlatBuffer")
        .spawn()
        .unwrap();
    let arguments = [&["--name", "fmc"], arguments].concat();
    collect_all(pki, &server, &arguments).success().stdout
}

/// The event the simulator made these bytes of.
fn event(bytes: &[u8]) -> Value {
    let json: Vec<u8> = bytes.iter().map(|byte| byte ^ OPAQUE).collect();
    serde_json::from_slice(&json).unwrap()
}

/// Records behind their lengths, with whether each is an error envelope.
fn records(mut bytes: &[u8]) -> Vec<(bool, &[u8])> {
    let mut records = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_be_bytes(*length);
        let (data, rest) = rest.split_at((length & !ENVELOPE) as usize);
        records.push((length & ENVELOPE != 0, data));
        bytes = rest;
    }
    assert!(bytes.is_empty());
    records
}
