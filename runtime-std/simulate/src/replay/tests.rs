//! Tests which lines of a file a request receives.

use super::*;

fn replay(text: &str) -> Result<Replay, ReplayError> {
    Replay::parse(text.into())
}

#[test]
fn lines_are_kept_byte_for_byte_with_the_latest_time_they_name() {
    let first = r#"{"EventType":"FileEvent", "EventSecond":7, "FirstPacketSecond":5}"#;
    let second = r#"{ "EventType" : "ConnectionEvent" } "#;
    let replay = replay(&format!("{first}\n\n{second}")).unwrap();
    assert_eq!(
        replay.line(0),
        Some(ReplayLine {
            kind: EventKind::File,
            archival: 7,
            data: first.as_bytes()
        })
    );
    assert_eq!(replay.line(1).unwrap().data, second.as_bytes());
    assert_eq!(replay.line(2), None);
}

#[test]
fn a_line_that_is_no_event_is_named() {
    let good = r#"{"EventType":"FileEvent"}"#;
    for (bad, part) in [
        ("nonsense", "line 2"),
        ("{}", "EventType"),
        (r#"{"EventType":"Foo"}"#, "Foo"),
        ("[1]", "line 2"),
    ] {
        let error = replay(&format!("{good}\n{bad}\n")).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(matches!(replay("\n"), Err(ReplayError::Empty)));
}

/// Returns `line` as rendered for a request with this block.
fn served(line: &str, request: &str) -> Option<String> {
    let replay = replay(line).unwrap();
    let request = Selection::parse(request.as_bytes(), replay.catalog()).unwrap();
    let mut out = Vec::new();
    replay
        .view(request)
        .render(&replay.line(0).unwrap(), &mut out)
        .then(|| String::from_utf8(out).unwrap())
}

fn block(fields: &str, format: &str) -> String {
    format!(
        r#"{{"Events":{{"FileEvent":{{"FieldSetDef":{{"OutputFieldSet":[{fields}]}},"Fields":["OutputFieldSet"]}}}},"OutputFormat":{{"Transform":"Text","TransformConfig":"{format}"}}}}"#
    )
}

const SETS: &str = r#""HeaderFieldSet","ConnectionKeySet","DetailFieldSet""#;

#[test]
fn the_guides_sets_cover_foreign_fields_and_leave_lines_alone() {
    let line = r#"{"EventType":"FileEvent",  "Made_Up" : 1.50e3, "FileName":"a\u0062"}"#;
    assert_eq!(served(line, &block(SETS, "JSON")).unwrap(), line);
}

#[test]
fn fewer_fields_are_picked_in_the_order_asked_for_with_their_values_as_they_stand() {
    let line = r#"{"EventType":"FileEvent", "Made_Up":[1, 2], "FileName":"a\u0062, \"c\""}"#;
    let fields = r#""FileName","FileSize","Made_Up""#;
    assert_eq!(
        served(line, &block(fields, "JSON")).unwrap(),
        r#"{"FileName":"a\u0062, \"c\"", "Made_Up":[1, 2]}"#
    );
    assert_eq!(
        served(line, &block(fields, "CSV")).unwrap(),
        "\"ab, \"\"c\"\"\",,\"[1, 2]\""
    );
}

#[test]
fn lines_of_other_event_types_are_not_served() {
    let line = r#"{"EventType":"IntrusionPacket", "PacketData":"00ff", "EventID":258}"#;
    assert_eq!(served(line, &block(SETS, "JSON")), None);
}

#[test]
fn a_packet_line_becomes_a_binary_record() {
    let line = r#"{"EventType":"IntrusionPacket", "PacketData":"00ff", "EventID":258}"#;
    let replay = replay(line).unwrap();
    let mut out = Vec::new();
    let view = replay.view(Selection::packet_records());
    assert!(view.render(&replay.line(0).unwrap(), &mut out));
    assert_eq!(out.len(), 28 + 2);
    assert_eq!((&out[4..8], &out[28..]), (&[0, 0, 1, 2][..], &[0, 255][..]));
}
