//! Events that were collected earlier, in other formats.

use std::fs;
use std::path::Path;

use estreamer_tests::{Ended, Pki, collect, data, estreamer, json_lines};

fn real_events() -> String {
    data("real-events.ndjson").to_string_lossy().into_owned()
}

fn converted(file: &str, format: &str) -> String {
    let ended = Ended::of(&mut estreamer(&["convert", file, "--format", format])).success();
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn real_events_are_one_line_each_in_every_dialect() {
    for (format, begins) in [
        ("ftd", "<166>"),
        ("cef", "CEF:0|"),
        ("leef", "LEEF:2.0|"),
        ("ecs", "{\"@timestamp\":\"2025-04-01T09:45:34.000000Z\","),
        ("ocsf", "{\"class_uid\":4001,"),
        ("splunk", "{\"time\":1743500734.000000,\"host\":\"11bc8e94-"),
    ] {
        let lines = converted(&real_events(), format);
        assert_eq!(lines.lines().count(), 3);
        assert!(lines.starts_with(begins), "{lines}");
    }
}

#[test]
fn an_envelope_is_opened_and_gives_its_source_type_and_time() {
    let pki = Pki::new();
    let event = "{\"source\":\"fmc-b\",\"record_type\":2,\"archival\":1750000000,\"received\":5,\
                 \"event\":{\"PacketLength\":3}}\n";
    let file = pki.write("enveloped.ndjson", event);
    assert_eq!(converted(&file, "ndjson+envelope"), event);
    let cef = converted(&file, "cef");
    assert!(
        cef.contains("|intrusion-packet|Intrusion packet|3|rt=1750000000000 "),
        "{cef}"
    );
    assert_eq!(converted(&file, "ndjson"), "{\"PacketLength\":3}\n");
}

#[test]
fn an_error_envelope_as_raw_has_its_length_and_its_mark() {
    let pki = Pki::new();
    let envelope = "{\"estreamer_error\":{\"kind\":\"malformed\",\"source\":\"fmc\"}}";
    let file = pki.write("errors.ndjson", format!("{envelope}\n"));
    let ended = Ended::of(&mut estreamer(&["convert", &file, "--format", "raw"]));
    let (length, rest) = ended.stdout.split_at(4);
    let mark = 0x8000_0000 | envelope.len() as u32;
    assert_eq!(length, mark.to_be_bytes());
    assert_eq!(rest, envelope.as_bytes());
}

#[test]
fn what_is_no_event_is_told_and_goes_to_an_error_envelope() {
    let pki = Pki::new();
    let file = pki.write("mixed", "{\"EventType\":\"FileEvent\"}\n\nnot json\n");
    let ended = Ended::of(&mut estreamer(&["convert", &file, "--format", "leef"]));
    let lines = String::from_utf8(ended.stdout).unwrap();
    let [event, error] = lines.lines().collect::<Vec<_>>()[..] else {
        panic!("two lines: {lines}")
    };
    assert!(event.starts_with("LEEF:2.0|"));
    let error = &json_lines(error.as_bytes())[0]["estreamer_error"];
    assert_eq!(error["reason"], "not JSON at line 1, column 2");
    assert!(error.get("digest").is_none());
    assert_eq!(ended.status.code(), Some(1));
    let said = "1 of 2 events is not converted but in error envelopes";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    let ended = Ended::of(&mut estreamer(&[
        "convert",
        "/no/such/file",
        "--format",
        "cef",
    ]));
    ended.failure(1, &["/no/such/file"]);
}

#[test]
fn a_comma_that_would_end_a_value_is_replaced_and_counted() {
    let pki = Pki::new();
    let event = "{\"EventType\":\"FileEvent\",\"FileName\":\"a, b: c\"}";
    let file = pki.write("comma", event);
    let ended = Ended::of(&mut estreamer(&["convert", &file, "--format", "ftd"])).success();
    let line = String::from_utf8(ended.stdout).unwrap();
    assert!(line.contains("FileName: a; b: c"), "{line}");
    assert!(
        ended.stderr.contains("1 value had a comma"),
        "{}",
        ended.stderr
    );
}

#[test]
fn each_field_is_explained_by_its_row() {
    let ended = Ended::of(&mut estreamer(&[
        "convert",
        &real_events(),
        "--format",
        "cef",
        "--explain",
    ]));
    let text = String::from_utf8(ended.success().stdout).unwrap();
    let page =
        "Connection start, written as cef by the table ConnectionEvent in docs/formats/cef.md:\n";
    assert!(text.contains(page), "no {page} in {text}");
    let row = "  `InitiatorIP` -> src: src=172.16.3.110\n";
    assert!(text.contains(row), "no {row} in {text}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats/cef.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("### ConnectionEvent\n") && page.contains("| `InitiatorIP` | `src` |"));
    assert!(text.contains("  `EVE_Process` has no place in cef: EVE_Process=firefox browser\n"));
    assert!(text.contains("\nCEF:0|Cisco|"));
}

#[test]
fn a_document_is_explained_without_the_braces_of_other_fields() {
    let ended = Ended::of(&mut estreamer(&[
        "convert",
        &real_events(),
        "--format",
        "ecs",
        "--explain",
    ]));
    let text = String::from_utf8(ended.success().stdout).unwrap();
    for row in [
        "  `FirewallRule` -> rule.name: \"rule\":{\"name\":\"NasBlock\"\n",
        "  `Protocol` -> network.transport (lower case): \"network\":{\"transport\":\"tcp\"\n",
    ] {
        assert!(text.contains(row), "no {row} in {text}");
    }
}

#[test]
fn formatting_allocates_nothing_for_an_event() {
    let pki = Pki::new();
    let event = fs::read_to_string(real_events()).unwrap();
    let allocations = |file: &str, format: &str| {
        let mut command = estreamer(&["convert", file, "--format", format]);
        let command = command.env("ESTREAMER_TEST_ALLOCATIONS", "1");
        Ended::of(command).success().allocations()
    };
    let (few, many) = (event.repeat(10), event.repeat(1010));
    let (few, many) = (pki.write("few", few), pki.write("many", many));
    for format in ["ndjson", "ftd", "cef", "leef", "ecs", "ocsf", "splunk"] {
        let (few, many) = (allocations(&few, format), allocations(&many, format));
        assert!(
            many < few + 30,
            "{format}: {few} for 30 events, {many} for 3030"
        );
    }
}

#[test]
fn a_catalogue_shows_which_fields_have_a_home() {
    let pki = Pki::new();
    let json = Ended::of(&mut estreamer(&["catalog", "list", "--json"])).success();
    let file = pki.write("EventCatalog.json", json.stdout);
    let lint = Ended::of(&mut estreamer(&[
        "catalog", "lint", &file, "--format", "cef",
    ]))
    .success();
    let text = String::from_utf8(lint.stdout).unwrap();
    for line in [
        "ConnectionEvent InitiatorIP -> src\n",
        "ConnectionEvent EVE_Process keeps its name\n",
        "IntrusionEvent EventID -> externalId\n",
        "IntrusionEvent ConnectionID keeps its name\n",
    ] {
        assert!(text.contains(line), "no {line} in {text}");
    }
    for (format, line) in [
        ("ecs", "ConnectionEvent InitiatorPort -> source.port\n"),
        ("ocsf", "FileEvent FileName -> file.name\n"),
    ] {
        let lint = ["catalog", "lint", &file, "--format", format];
        let lint = Ended::of(&mut estreamer(&lint)).success();
        let text = String::from_utf8(lint.stdout).unwrap();
        assert!(text.contains(line), "no {line} in {text}");
    }
    let lint = Ended::of(&mut estreamer(&[
        "catalog", "lint", &file, "--format", "raw",
    ]));
    lint.failure(2, &["raw", "no mapping table"]);
}

#[test]
fn a_format_that_cannot_hold_what_is_requested_is_refused() {
    let pki = Pki::new();
    for (more, expected) in [
        (&["--format", "ftd"][..], "no message for packet events"),
        (
            &["--format", "cef", "--transform", "FlatBuffer"],
            "needs JSON, and 127.0.0.1:9 requests FlatBuffer",
        ),
    ] {
        Ended::of(&mut collect(&pki, "127.0.0.1:9", more)).failure(2, &[expected]);
    }
}

#[test]
fn a_compressed_file_is_converted_as_its_content() {
    let pki = Pki::new();
    let expected = "{\"EventType\":\"FileEvent\"}\n";
    // One raw block each, so that the text can be seen.
    let gzip = [
        &b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x1a\x00\xe5\xff"[..],
        expected.as_bytes(),
        b"\x6e\x60\xdd\xe3\x1a\x00\x00\x00",
    ]
    .concat();
    let zstd = [
        &b"\x28\xb5\x2f\xfd\x20\x1a\xd1\x00\x00"[..],
        expected.as_bytes(),
        b"",
    ]
    .concat();
    for (name, bytes) in [("events.gz", gzip), ("events.zst", zstd)] {
        let file = pki.write(name, bytes);
        assert_eq!(converted(&file, "ndjson"), expected, "{name}");
    }
}

#[test]
fn half_a_line_is_no_event() {
    let pki = Pki::new();
    let file = pki.write(
        "torn.ndjson",
        "{\"EventType\":\"FileEvent\"}\n{\"EventType\":\"Conn",
    );
    for format in ["ndjson", "raw", "ndjson+envelope", "cef"] {
        let ended = Ended::of(&mut estreamer(&["convert", &file, "--format", format]));
        assert_eq!(ended.status.code(), Some(1), "{format}: {}", ended.stderr);
        let out = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(
            out.contains("\"reason\":\"not JSON at line 1"),
            "{format}: {out}"
        );
    }
}

#[test]
fn a_format_without_a_table_explains_nothing() {
    let pki = Pki::new();
    let events = pki.write("e.ndjson", "{\"URL\":\"a\"}\n");
    for (format, more) in [("ndjson", &[][..]), ("csv", &["--columns", "URL"])] {
        let mut command = estreamer(&["convert", &events, "--format", format, "--explain"]);
        let ended = Ended::of(command.args(more));
        ended.failure(
            2,
            &["has no table of fields to explain", "Remove --explain"],
        );
    }
}
