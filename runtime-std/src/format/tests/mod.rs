//! What every format promises, on odd events.

mod documents;

use estreamer_core::Malformed;
use estreamer_core::wire::RecordType;

use super::csv::Columns;
use super::*;

fn record(kind: RecordKind, data: &[u8]) -> EventRecord<'_> {
    EventRecord {
        kind,
        record_type: RecordType::CONNECTION,
        archival: Some(1),
        bundle: None,
        length: data.len() as u32,
        data,
    }
}

fn written(format: Format, transform: &OwnedTransform, record: &EventRecord<'_>) -> Vec<u8> {
    let origin = RecordOrigin {
        source: "fmc",
        transform,
        received: 2,
        columns: &Columns::default(),
    };
    let mut out = Vec::new();
    Formatter::new(format).append(origin, record, Some(Digest::new(0)), &mut out);
    out
}

/// A connection event in a dialect, as text.
fn line(format: Format, json: &str) -> String {
    let event = record(RecordKind::Event, json.as_bytes());
    String::from_utf8(written(format, &OwnedTransform::Json, &event)).unwrap()
}

const DIALECTS: [Format; 3] = [Format::Ftd, Format::Cef, Format::Leef];

#[test]
fn bytes_come_out_of_either_format_as_they_went_in() {
    let event = record(RecordKind::Event, b"a\nb\0\r\n\0");
    let flat = OwnedTransform::Other("FlatBuffer".into());
    for data in [OwnedTransform::Json, OwnedTransform::Csv, flat.clone()] {
        let out = written(Format::Raw, &data, &event);
        assert_eq!(out, b"\0\0\0\x07a\nb\0\r\n\0");
    }
    for format in [Format::Lines, Format::Envelope] {
        let out = written(format, &flat, &event);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"estreamer_data\":{\"source\":\"fmc\",\"record_type\":71,\"archival\":1,\
             \"transform\":\"FlatBuffer\",\"length\":7,\"data_base64\":\"YQpiAA0KAA==\"}}\n"
        );
    }
}

#[test]
fn an_error_envelope_among_raw_records_is_marked_in_its_length() {
    let malformed = record(RecordKind::Malformed(Malformed::RecordTooShort), b"xy");
    let out = written(Format::Raw, &OwnedTransform::Json, &malformed);
    let length = u32::from_be_bytes([out[0], out[1], out[2], out[3]]);
    assert_eq!(length, ENVELOPE | (out.len() - 4) as u32);
    assert!(out[4..].starts_with(b"{\"estreamer_error\":{"));
    assert!(out.ends_with(b"\"eHk=\"}}"));
}

#[test]
fn an_envelope_holds_the_event_as_it_is_and_text_as_a_string() {
    assert_eq!(
        line(Format::Envelope, "{\"a\" :\r\n 1e400}\r\n\0"),
        "{\"source\":\"fmc\",\"record_type\":71,\"archival\":1,\"received\":2,\
         \"event\":{\"a\" :   1e400}}\n"
    );
    let csv = record(RecordKind::Event, b"\"a\nb\",c\r\n\0");
    assert_eq!(
        String::from_utf8(written(Format::Envelope, &OwnedTransform::Csv, &csv)).unwrap(),
        "{\"source\":\"fmc\",\"record_type\":71,\"archival\":1,\"received\":2,\
         \"event\":\"\\\"a\\nb\\\",c\"}\n"
    );
}

#[test]
fn what_a_format_cannot_hold_goes_out_in_an_error_envelope_with_the_reason() {
    let others = [Format::Ecs, Format::Ocsf, Format::Splunk, Format::Envelope];
    for format in DIALECTS.into_iter().chain(others) {
        for (data, reason) in [
            (&b"{\"a\":\"\xff\"}"[..], "not UTF-8 at byte 6"),
            (b"a,b", "not JSON at line 1, column 1"),
            (b"[]", "not a JSON object"),
            (b"{\"a\":1,\"a\":1}", "has the member \"a\" twice"),
        ] {
            let out = written(
                format,
                &OwnedTransform::Json,
                &record(RecordKind::Event, data),
            );
            let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
            let error = &line["estreamer_error"];
            assert_eq!(error["reason"], reason, "{format}");
            assert_eq!(error["length"], data.len());
        }
    }
}

#[test]
fn numbers_and_text_keep_every_digit_and_letter() {
    let json = "{\"InitiatorBytes\":123456789012345678901, \"New\":1.50E+3, \
                \"FirewallRule\":\"\\u00e4\\ud83d\\ude00 \\ud800\", \"Sets\":[1, {\"a\":2}], \
                \"Gone\":null, \"On\":true}";
    for (format, separator) in [(Format::Ftd, ": "), (Format::Cef, "="), (Format::Leef, "=")] {
        let out = line(format, json);
        for value in [
            "123456789012345678901",
            "New?1.50E+3",
            "ä😀 \u{fffd}",
            "Sets?[1, {\"a\":2}]",
            "On?true",
        ] {
            let value = value.replace('?', separator);
            assert!(out.contains(&value), "{value} in {out}");
        }
        assert!(!out.contains("Gone"), "{out}");
    }
}

#[test]
fn cef_escapes_what_would_end_a_value_or_a_header() {
    let out = line(
        Format::Cef,
        r#"{"IntrusionRuleMessage":"a|b\\c\nd","URL":"x=1\\2\r\ny","src":"s","Odd key=":"v"}"#,
    );
    assert!(out.contains("|-|430002|a\\|b\\\\c d|3|"), "{out}");
    assert!(out.contains(" request=x\\=1\\\\2\\r\\ny "), "{out}");
    assert!(out.ends_with(" FQE_src=s Odd_key_=v\n"), "{out}");
}

#[test]
fn addresses_of_version_6_have_their_own_keys_in_cef_as_well() {
    let out = line(
        Format::Cef,
        r#"{"InitiatorIP":"2001:db8::1","ResponderIP":"192.0.2.1"}"#,
    );
    let expected = "src=2001:db8::1 c6a2=2001:db8::1 c6a2Label=Source IPv6 Address dst=192.0.2.1\n";
    assert!(out.ends_with(expected), "{out}");
}

#[test]
fn no_comma_in_a_value_of_ftd_begins_a_key() {
    for (value, expected) in [
        ("a, b", "a, b"),
        ("a, b: c", "a; b: c"),
        ("a,b c:d", "a;b c:d"),
        ("a,\\nX_1:", "a; X_1:"),
        (", :", "; :"),
        ("1, 2,3:4", "1, 2;3:4"),
        ("a,é:", "a;é:"),
        ("a,", "a,"),
        ("(a, b: c", "(a; b: c"),
    ] {
        let out = line(Format::Ftd, &format!("{{\"User\":\"{value}\",\"X\":1}}"));
        let (_, found) = out.split_once(": User: ").unwrap();
        assert_eq!(found, format!("{expected}, X: 1\n"));
    }
}

#[test]
fn tabs_and_line_ends_do_not_end_a_value_of_leef() {
    let out = line(Format::Leef, r#"{"User":"a\tb\nc=d"}"#);
    assert!(out.ends_with("\tusrName=a b c=d\n"), "{out}");
}

#[test]
fn a_value_that_does_not_fit_its_place_keeps_its_own_name() {
    let out = line(
        Format::Ftd,
        r#"{"FirstPacketSecond":"soon","DeviceUUID":"x"}"#,
    );
    assert!(
        out.ends_with(": DeviceUUID: x, FQE_FirstPacketSecond: soon\n"),
        "{out}"
    );
    let out = line(
        Format::Cef,
        r#"{"AC_RuleAction":"Allow","InlineResult":"Dropped"}"#,
    );
    assert!(out.ends_with(" act=Allow InlineResult=Dropped\n"), "{out}");
}

#[test]
fn the_readers_of_ftd_get_every_pair_back() {
    let hostile = [
        "a, b: c",
        "a,b:c",
        ", x:",
        ",,  y :z",
        "\\n, q: 1",
        ": , : ",
        ",",
        "",
        "é, ö: ü",
        "A, 1 2 3:",
        "http://x/?a=1,b:2",
        "\\\\, [x]: y",
        "\\\"quoted\\\", z: 1",
        "\\ud83d\\ude00, k: v",
        ",\\t t:1",
    ];
    let hostile = hostile.iter().enumerate().map(|(n, value)| {
        let name = ["URL", "User", "FirewallRule", "Unheard_Of"][n % 4];
        format!(
            "{{\"EventType\":\"ConnectionEvent\",\"{name}\":\"{value}\",\"DNS_Query\":\"{value}\"}}"
        )
    });
    let mut generated = Vec::new();
    let options = estreamer_simulate::generator::GeneratorOptions {
        awkward_percent: 50,
        ..Default::default()
    };
    for event in estreamer_simulate::generator::Generator::new(options).take(10_000) {
        let mut json = Vec::new();
        estreamer_simulate::generator::render_json(&event, None, &mut json);
        generated.push(String::from_utf8(json).unwrap());
    }
    let real = include_str!("../../../../tests/data/real-events.ndjson");
    let real = real.lines().map(str::to_owned);
    let rows = mapping(Format::Ftd).unwrap();
    let mut converter = Converter::new(Format::Ftd, "fmc");
    let mut read = 0;
    for json in generated.into_iter().chain(real).chain(hostile) {
        let event: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&json).unwrap();
        let mut out = Vec::new();
        if converter.append(json.as_bytes(), &mut out) == Converted::Error {
            assert_eq!(event["EventType"], "IntrusionPacket");
            continue;
        }
        let line = String::from_utf8(out).unwrap();
        let mut expected: Vec<(String, String)> = Vec::new();
        for (name, value) in &event {
            let value = match value {
                serde_json::Value::String(text) => text.replace(['\r', '\n'], " "),
                other => other.to_string(),
            };
            for row in rows.iter().filter(|row| row.field == Some(name)) {
                let value = match (row.written_as, &*value) {
                    ("", _) => value.clone(),
                    ("time", _) => {
                        let mut time = String::new();
                        crate::utc::append(value.parse().unwrap(), &mut time).unwrap();
                        time
                    }
                    (_, "1") => "High".into(),
                    (_, "2") => "Medium".into(),
                    (_, "3") => "Low".into(),
                    (_, _) => continue,
                };
                expected.push((row.target.into(), value));
            }
            if !rows.iter().any(|row| row.field == Some(name)) {
                expected.push((name.clone(), value));
            }
        }
        expected.sort();
        for blank in [true, false] {
            let mut found = readers::ftd(&line, blank).unwrap();
            found.sort();
            assert_eq!(found.len(), expected.len(), "{line}");
            for (found, expected) in found.iter().zip(&expected) {
                // A comma may have become a semicolon, and nothing else changes.
                let same =
                    |(found, sent): (char, char)| found == sent || (found, sent) == (';', ',');
                let (length, sent) = (found.1.chars().count(), expected.1.chars().count());
                assert!(
                    found.0 == expected.0
                        && length == sent
                        && found.1.chars().zip(expected.1.chars()).all(same),
                    "{found:?} of {expected:?}"
                );
            }
        }
        read += 1;
    }
    assert!(read > 8_000, "{read}");
}

fn convert(format: Format, event: &str) -> String {
    let mut out = Vec::new();
    Converter::new(format, "fmc").append(event.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_field_of_an_event_of_an_unknown_type_is_written() {
    for format in [Format::Ocsf, Format::Ecs, Format::Cef, Format::Leef] {
        let mapping = mapping(format).unwrap();
        let names = mapping.iter().filter_map(|row| row.field);
        for name in names.filter(|name| *name != "EventType") {
            let event = format!("{{\"EventType\":\"Other\",\"{name}\":\"v4lue\"}}");
            let written = convert(format, &event);
            assert!(
                written.to_lowercase().contains("v4lue"),
                "{format:?} {event}: {written}"
            );
        }
    }
}

#[test]
fn what_let_nothing_pass_is_blocked_and_what_would_have_is_not() {
    for (kind, name, actions, severity) in [
        (
            "FileEvent",
            "FileAction",
            &[
                "Block",
                "Malware Block",
                "Custom Detection Block",
                "Archive Block (Depth)",
            ][..],
            "5",
        ),
        (
            "FileEvent",
            "FileAction",
            &["Custom Detection", "Detect"],
            "3",
        ),
        (
            "ConnectionEvent",
            "AC_RuleAction",
            &["Block with reset", "Interactive Block"],
            "5",
        ),
        (
            "IntrusionEvent",
            "InlineResult",
            &["Dropped", "Drop", "Reject", "Blocked"],
            "5",
        ),
        (
            "IntrusionEvent",
            "InlineResult",
            &["Would have dropped", "Partially dropped"],
            "3",
        ),
    ] {
        for action in actions {
            let event = format!("{{\"EventType\":\"{kind}\",\"{name}\":\"{action}\"}}");
            let written = convert(Format::Cef, &event);
            assert_eq!(
                written.split('|').nth(6),
                Some(severity),
                "{event}: {written}"
            );
        }
    }
}

#[test]
fn nul_ends_no_message() {
    for format in [Format::Cef, Format::Leef, Format::Ftd] {
        let event = "{\"EventType\":\"ConnectionEvent\",\"UserAgent\":\"x\\u0000<13>su: no\"}";
        let written = convert(format, event);
        assert!(
            written.contains("x <13>su: no") && !written.contains('\0'),
            "{written}"
        );
    }
}

#[test]
fn the_title_of_a_finding_names_no_dropped_field() {
    let event = record(
        RecordKind::Event,
        br#"{"EventType":"FileEvent","ThreatName":"W32.X"}"#,
    );
    let event = EventRecord {
        record_type: RecordType::FILE,
        ..event
    };
    let origin = RecordOrigin {
        source: "fmc",
        transform: &OwnedTransform::Json,
        received: 2,
        columns: &Columns::default(),
    };
    let dropped = FieldSelection::drop(["ThreatName".into()]);
    let mut titles = [None, Some(dropped)].map(|fields| {
        let mut out = Vec::new();
        let mut formatter = Formatter::new(Format::Ocsf).with_fields(fields);
        formatter.append(origin, &event, Some(Digest::new(0)), &mut out);
        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
        out["finding_info"]["title"].as_str().unwrap().to_owned()
    });
    titles.sort();
    assert_eq!(titles, ["Malware", "W32.X"]);
}

#[test]
fn a_line_of_ftd_without_a_time_has_that_of_its_receipt() {
    let event = EventRecord {
        archival: None,
        ..record(RecordKind::Event, b"{}")
    };
    let out = written(Format::Ftd, &OwnedTransform::Json, &event);
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("<166>1970-01-01T00:00:02Z fmc : "), "{out}");
}
