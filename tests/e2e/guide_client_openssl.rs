//! A client written from the guide alone, in Python's standard library, whose
//! TLS is OpenSSL's.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use estreamer_core::fqe::EventKind;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_simulate::Simulator;
use estreamer_simulate::catalog::Catalog;
use estreamer_simulate::selection::{RenderFormat, Selection};
use estreamer_simulate::tamper::guide;
use estreamer_tests::{Ended, Pki, events, json_lines};

/// The guide's own json_request.json.
const EXAMPLE: &str = r#"{ "Events":
  { "ConnectionEvent":
    { "FieldSetDef": { "OutputFieldSet": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"] },
      "Fields": ["OutputFieldSet"] },
    "IntrusionEvent":
    { "FieldSetDef": { "OutputFieldSet": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet", "Impact"] },
      "Fields": ["OutputFieldSet"] },
    "IntrusionPacket":
    { "FieldSetDef": { "OutputFieldSet": ["HeaderFieldSet", "DetailFieldSet"] },
      "Fields": ["OutputFieldSet"] },
    "FileEvent":
    { "FieldSetDef": { "OutputFieldSet": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"] },
      "Fields": ["OutputFieldSet"] } },
  "OutputFormat":
  { "Transform": "Text", "TransformConfig": "JSON" } }"#;

#[test]
fn it_is_at_most_eighty_lines() {
    let lines = std::fs::read_to_string(file(CLIENT))
        .unwrap()
        .lines()
        .count();
    assert!(lines <= 80, "{lines}");
}

#[test]
#[ignore = "needs python3; `cargo xtask interop` runs it"]
fn it_gets_json_with_exactly_the_fields_it_asked_for() {
    let pki = Pki::new();
    for quirks in [Quirks::NONE, guide()] {
        let simulator = simulator(&pki, quirks);
        let ended = run(&pki, &simulator, EXAMPLE, &["500"]).success();
        let events = json_lines(&ended.stdout);
        assert_eq!(events.len(), 500);
        let request = Selection::parse(EXAMPLE.as_bytes(), &Catalog::built_in()).unwrap();
        let stored = simulator.archive().events_for(&request);
        for kind in EventKind::ALL {
            let asked: BTreeSet<&str> = request
                .fields(kind)
                .unwrap()
                .iter()
                .map(String::as_str)
                .collect();
            let mut seen = BTreeSet::new();
            for event in events.iter().filter(|e| e["EventType"] == kind.name()) {
                seen.extend(event.as_object().unwrap().keys().map(String::as_str));
            }
            // Fields irrelevant to an event are absent, but not to all of them:
            // only these come so rarely that five hundred events may lack them.
            let rare = BTreeSet::from(["TunnelOrPrefilterRule", "InlineResultReason"]);
            assert!(seen.is_subset(&asked), "{kind}: {:?}", &seen - &asked);
            let missing = &asked - &seen;
            assert!(missing.is_subset(&rare), "{kind} lacks {missing:?}");
        }
        let lines: Vec<_> = ended.stdout.split(|&byte| byte == b'\n').collect();
        let expected: Vec<_> = stored.iter().map(|event| event.data.as_slice()).collect();
        assert!(lines[..500] == expected[..500], "byte for byte");
    }
}

#[test]
#[ignore = "needs python3; `cargo xtask interop` runs it"]
fn it_gets_csv_with_the_fields_in_its_own_order() {
    let pki = Pki::new();
    let simulator = simulator(&pki, Quirks::NONE);
    let request = r#"{ "Events": { "FileEvent": {
        "FieldSetDef": { "OutputFieldSet": ["EventSecond", "EventType", "ThreatScore", "FileSize"] },
        "Fields": ["OutputFieldSet"] } },
      "OutputFormat": { "Transform": "Text", "TransformConfig": "CSV" } }"#;
    for flags in ["0", "0x800000"] {
        let ended = run(&pki, &simulator, request, &["50", flags]).success();
        let text = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(text.lines().count(), 50);
        for line in text.lines() {
            let values: Vec<_> = line.split(',').collect();
            assert_eq!(values.len(), 4, "{line}");
            assert!(values[0].parse::<u32>().is_ok(), "{line}");
            assert_eq!(values[1], "FileEvent");
            assert!(values[2].is_empty() || values[2].parse::<u8>().is_ok());
            assert!(values[3].parse::<u32>().is_ok(), "{line}");
        }
        assert!(text.contains(",,"), "an irrelevant field is an empty one");
    }
    let parsed = Selection::parse(request.as_bytes(), &Catalog::built_in()).unwrap();
    assert_eq!(parsed.format(), RenderFormat::Csv);
}

#[test]
#[ignore = "needs python3; `cargo xtask interop` runs it"]
fn each_of_its_mistakes_is_answered() {
    let pki = Pki::new();
    let simulator = simulator(&pki, Quirks::NONE);
    let unknown = EXAMPLE.replace("FileEvent", "FlowEvent");
    let misspelt = EXAMPLE.replace("\"Impact\"", "\"Imapct\"");
    for (request, flags, words) in [
        // Its length is the literal reading of the guide, so half a JSON block
        // is one of which more is to come, unless the object is closed.
        ("{ \"Events\": ] }", "0x800000", "error 1: "),
        (&unknown, "0x800000", "error 2: "),
        (&misspelt, "0x800000", "did you mean \"Impact\"?"),
        (EXAMPLE, "0x40800000", "error 5: flag bit 30"),
        (EXAMPLE, "0x800001", "error 5: only flag bit 23"),
    ] {
        let ended = run(&pki, &simulator, request, &["1", flags]);
        assert_eq!(ended.status.code(), Some(1), "{words}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
}

/// The public client for fully-qualified events reads no other reading of the
/// record length; with the simulator, it can be tested.
#[test]
#[ignore = "needs python3; `cargo xtask interop` runs it"]
fn a_client_that_counts_the_extension_reads_a_server_that_does_and_no_other() {
    let pki = Pki::new();
    let covers = Quirks::NONE.with(Quirk::RecordCoversExtension);
    for (quirks, reads) in [(covers, true), (Quirks::NONE, false)] {
        let builder = Simulator::with_identity(pki.identity()).count(2000);
        let simulator = builder.quirks(quirks).spawn().unwrap();
        let client = "python/record_client.py";
        let ended = run_client(client, &pki, &simulator, EXAMPLE, &["2000"]);
        assert_eq!(ended.status.success(), reads, "{}", ended.stderr);
        if reads {
            let request = Selection::parse(EXAMPLE.as_bytes(), &Catalog::built_in()).unwrap();
            let stored = simulator.archive().events_for(&request);
            let expected: Vec<_> = stored.into_iter().map(|event| event.data).collect();
            assert!(events(&ended.stdout) == expected, "2000 of 2000");
        }
    }
}

fn simulator(pki: &Pki, quirks: Quirks) -> Simulator {
    let builder = Simulator::with_identity(pki.identity()).count(1000);
    builder.quirks(quirks).bundle(37).spawn().unwrap()
}

fn run(pki: &Pki, simulator: &Simulator, request: &str, arguments: &[&str]) -> Ended {
    run_client(CLIENT, pki, simulator, request, arguments)
}

fn run_client(
    client: &str,
    pki: &Pki,
    simulator: &Simulator,
    request: &str,
    arguments: &[&str],
) -> Ended {
    let request = pki.write("request.json", request);
    let mut command = Command::new("python3");
    command
        .arg(file(client))
        .arg(simulator.address().to_string());
    command.args(["client.pem", "client.key", "ca.pem"].map(|name| pki.file(name)));
    command.arg(request).args(arguments);
    Ended::of(&mut command)
}

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

const CLIENT: &str = "python/guide_client.py";
