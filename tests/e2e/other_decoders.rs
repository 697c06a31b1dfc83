//! The dissector for Wireshark, and the parser made of the Kaitai description, beside our
//! own decoder.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use estreamer_core::quirk::Quirk;
use estreamer_tests::{Ended, Fleet, Running, estreamer, json_lines, lines, wait_until};
use serde_json::Value;

/// A recording of the loopback interface, which ends when this is dropped.
struct Recording(Child);

impl Recording {
    fn start(port: u16, file: &Path) -> Self {
        // Not tshark, which would leave its child behind.
        let mut dumpcap = Command::new("dumpcap");
        dumpcap.args(["-q", "-i", "lo", "-f", &format!("tcp port {port}"), "-w"]);
        let child = dumpcap.arg(file).stderr(Stdio::null()).spawn();
        let recording = Self(child.expect("dumpcap"));
        wait_until(|| file.metadata().is_ok_and(|file| file.len() > 0));
        recording
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the values of these fields in a recording, each in one list.
fn dissected(fleet: &Fleet, port: u16, fields: &[&str]) -> Vec<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/wireshark/estreamer.lua");
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(fleet.path("session.pcapng"));
    tshark.args(["-X", &format!("lua_script:{}", script.display())]);
    tshark.args(["-o", &format!("estreamer.port:{port}")]);
    tshark.args(["-d", &format!("tcp.port=={port},tls")]);
    let keys = fleet.path("keys");
    tshark.args(["-o", &format!("tls.keylog_file:{}", keys.display())]);
    tshark.args([
        "-T",
        "fields",
        "-E",
        "separator=\u{1e}",
        "-E",
        "aggregator=\u{1f}",
    ]);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().expect("tshark");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!text.contains("Lua Error"), "{text}");
    let mut lists = vec![Vec::new(); fields.len()];
    for line in text.lines() {
        for (list, values) in lists.iter_mut().zip(line.split('\u{1e}')) {
            let values = values.split('\u{1f}').filter(|value| !value.is_empty());
            list.extend(values.map(str::to_owned));
        }
    }
    lists
}

/// Returns record type and data length of each event that our own decoder finds.
fn decoded(file: &Path) -> Vec<(String, String)> {
    let mut command = estreamer(&["capture", "decode"]);
    let ended = Ended::of(command.arg(file)).success();
    let text = String::from_utf8(ended.stdout).unwrap();
    let events = text.lines().filter(|line| line.contains(" event "));
    let read = |line: &str| {
        let (_, rest) = line.split_once('(')?;
        let (record, rest) = rest.split_once(')')?;
        let length = rest.split_once(" bytes")?.0.rsplit(' ').next()?;
        Some((record.to_owned(), length.to_owned()))
    };
    events.map(|line| read(line).expect(line)).collect()
}

#[test]
#[ignore = "needs tshark"]
fn wireshark_sees_the_messages_that_our_decoder_sees() {
    let quirks = [
        None,
        Some(Quirk::NestedVersion1),
        Some(Quirk::EventType3),
        Some(Quirk::ExtendedFlag),
        Some(Quirk::Netmap),
        Some(Quirk::RecordCoversExtension),
        Some(Quirk::RecordCoversHeader),
        Some(Quirk::NoExtension),
        Some(Quirk::TopLevelEvent),
        Some(Quirk::ErrorNul),
    ];
    for quirk in quirks {
        let fleet = Fleet::new();
        let server = fleet.server(3, 500, |builder| match quirk {
            Some(quirk) => builder.bundle(120).quirk(quirk),
            None => builder.bundle(120),
        });
        let port = server.address().port();
        fleet.configure_one(&server, &["file:out.ndjson"]);
        let recording = Recording::start(port, &fleet.path("session.pcapng"));
        let mut collect = fleet.collect();
        collect.env("SSLKEYLOGFILE", fleet.path("keys"));
        collect.arg("--capture").arg(fleet.path("received"));
        let ended = Running::until_served(&mut collect, &[&server]).success();
        assert!(
            ended.stderr.contains("SSLKEYLOGFILE is set"),
            "{quirk:?}: {}",
            ended.stderr
        );
        let events = decoded(&fleet.path("received"));
        assert_eq!(events.len(), 500, "{quirk:?}");
        let fields = [
            "estreamer.record.type",
            "estreamer.data.length",
            "estreamer.data",
            "estreamer.record.archival",
            "estreamer.record.malformed",
        ];
        let mut found = Vec::new();
        // What the interface has seen is written in blocks.
        wait_until(|| {
            found = dissected(&fleet, port, &fields);
            found[0].len() >= 500
        });
        drop(recording);
        let records = found[0].iter().cloned().zip(found[1].iter().cloned());
        assert!(records.eq(events), "{quirk:?}");
        let expected: Vec<String> = lines(&fleet.path("out.ndjson"))
            .into_iter()
            .map(|line| String::from_utf8(line).unwrap())
            .collect();
        assert!(found[2] == expected, "{quirk:?}");
        let archival = if quirk == Some(Quirk::NoExtension) {
            0
        } else {
            500
        };
        assert_eq!(found[3].len(), archival, "{quirk:?}");
        assert!(found[4].is_empty(), "{quirk:?}");
        let [from, sequences] = ["estreamer.request.from", "estreamer.bundle.sequence"];
        let found = dissected(&fleet, port, &[from, sequences]);
        assert_eq!(found[0], ["the oldest event"], "{quirk:?}");
        let sequences = (1..=found[1].len()).map(|number| number.to_string());
        assert!(found[1].len() >= 5, "{quirk:?}");
        assert!(sequences.eq(found[1].iter().cloned()), "{quirk:?}");
    }
}

#[test]
fn the_keys_of_sessions_are_written_only_if_it_is_asked_for() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 10, |builder| builder);
    fleet.configure_one(&server, &["file:out.ndjson"]);
    let mut collect = fleet.collect();
    collect.env_remove("SSLKEYLOGFILE");
    let ended = Running::until_served(&mut collect, &[&server]).success();
    assert!(!ended.stderr.contains("SSLKEYLOGFILE"), "{}", ended.stderr);
    server.archive().store(10);
    collect.env("SSLKEYLOGFILE", fleet.path("keys"));
    let ended = Running::until_served(&mut collect, &[&server]).success();
    let said = format!("are appended to {}", fleet.path("keys").display());
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    let keys = fs::read_to_string(fleet.path("keys")).unwrap();
    assert!(keys.contains("CLIENT_TRAFFIC_SECRET_0 "), "{keys}");
}

/// Makes the Python parser of the Kaitai description in this directory.
fn kaitai(directory: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut node = Command::new("node");
    node.arg(root.join("tests/kaitai/compile.js"));
    node.arg(root.join("tools/kaitai/estreamer.ksy"))
        .arg(directory);
    node.env("NODE_PATH", root.join("target/kaitai/node_modules"));
    assert!(node.status().expect("node").success());
}

/// Returns the messages of a stream as that parser reads them.
fn read_by_kaitai(directory: &Path, stream: &[u8]) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = directory.join("stream.bin");
    fs::write(&file, stream).unwrap();
    let paths = [directory.to_owned(), root.join("target/python")];
    let mut python = Command::new("python3");
    python
        .arg("-B")
        .arg(root.join("tests/kaitai/read.py"))
        .arg(file);
    python.env("PYTHONPATH", std::env::join_paths(paths).unwrap());
    let output = python.output().expect("python3");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    json_lines(&output.stdout)
}

#[test]
#[ignore = "needs kaitai-struct-compiler"]
fn the_parser_made_of_the_description_reads_streams_and_vectors() {
    let fleet = Fleet::new();
    let directory = fleet.path("");
    kaitai(&directory);
    let server = fleet.server(3, 200, |builder| builder);
    fleet.configure_one(&server, &["file:out.ndjson"]);
    let mut collect = fleet.collect();
    collect.arg("--capture").arg(fleet.path("received"));
    Running::until_served(&mut collect, &[&server]).success();
    let messages = read_by_kaitai(&directory, &fs::read(fleet.path("received")).unwrap());
    let nested = messages
        .iter()
        .filter_map(|message| message["messages"].as_array());
    let events: Vec<Vec<u8>> = nested
        .flatten()
        .map(|event| event["data"].as_str().unwrap().as_bytes().to_vec())
        .collect();
    assert!(events == lines(&fleet.path("out.ndjson")));

    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/vectors.txt");
    let vectors = fs::read_to_string(vectors).unwrap();
    let mut count = 0;
    for line in vectors.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, hex)) = line.split_once(": ") else {
            continue;
        };
        // The first declares a null message that follows, and the second is cut.
        if name.starts_with("04c") || name.starts_with("12") {
            continue;
        }
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let messages = read_by_kaitai(&directory, &bytes);
        let kind = u64::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!(messages[0]["type"], kind, "{name}");
        let all = match messages[0]["messages"].as_array() {
            Some(nested) => nested.clone(),
            None => messages,
        };
        for message in all.iter().filter(|message| message["data"].is_string()) {
            let data = message["data"].as_str().unwrap();
            assert!(data.starts_with("{\"EventID\":"), "{name}: {data}");
        }
        count += 1;
    }
    assert!(count >= 20, "{count} vectors");
}
