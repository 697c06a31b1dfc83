use super::*;
use crate::generator::render_json;
use crate::generator::{Generator, GeneratorOptions};
use std::collections::BTreeSet;

/// The guide's example, in our words.
const EXAMPLE: &str = r#"{"Events": {
    "ConnectionEvent": {
        "FieldSetDef": {"OutputFieldSet": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"]},
        "Fields": ["OutputFieldSet"]},
    "IntrusionEvent": {
        "FieldSetDef": {"OutputFieldSet":
            ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet", "Impact"]},
        "Fields": ["OutputFieldSet"]},
    "IntrusionPacket": {
        "FieldSetDef": {"OutputFieldSet": ["HeaderFieldSet", "DetailFieldSet"]},
        "Fields": ["OutputFieldSet"]},
    "FileEvent": {
        "FieldSetDef": {"OutputFieldSet": ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"]},
        "Fields": ["OutputFieldSet"]}},
    "OutputFormat": {"Transform": "Text", "TransformConfig": "JSON"}}"#;

fn parse(json: &str) -> Result<Selection, SelectionError> {
    Selection::parse(json.as_bytes(), &Catalog::built_in())
}

fn refused(json: &str) -> String {
    parse(json).unwrap_err().to_string()
}

/// A request for file events alone.
fn for_files(fields: &str, config: &str) -> String {
    format!(
        r#"{{"Events": {{"FileEvent": {{"FieldSetDef": {{"OutputFieldSet": {fields}}},
            "Fields": ["OutputFieldSet"]}}}},
            "OutputFormat": {{"Transform": "Text", "TransformConfig": "{config}"}}}}"#
    )
}

#[test]
fn the_guides_example_asks_for_all_four_types() {
    let request = parse(EXAMPLE).unwrap();
    assert_eq!(request.format(), RenderFormat::Json);
    let intrusion = request.fields(EventKind::Intrusion).unwrap();
    assert_eq!(intrusion.last().map(String::as_str), Some("Impact"));
    let packet = request.fields(EventKind::Packet).unwrap();
    assert!(packet.iter().any(|name| name == "PacketData"));
    assert!(!packet.iter().any(|name| name == "ConnectionID"));
    let nul = [EXAMPLE.as_bytes(), b"\0"].concat();
    assert_eq!(Selection::parse(&nul, &Catalog::built_in()), Ok(request));
}

#[test]
fn rendered_events_have_exactly_the_fields_asked_for_and_relevant() {
    let request = parse(EXAMPLE).unwrap();
    for event in Generator::new(GeneratorOptions::default()).take(2_000) {
        let mut out = Vec::new();
        assert!(request.render(&event, &mut out));
        let read: serde_json::Map<_, _> = serde_json::from_slice(&out).unwrap();
        let got: BTreeSet<_> = read.keys().map(String::as_str).collect();
        let asked = request.fields(event.kind).unwrap();
        let due: BTreeSet<_> = asked
            .iter()
            .map(String::as_str)
            .filter(|name| event.get(name).is_some())
            .collect();
        assert_eq!(got, due);
    }
}

#[test]
fn csv_has_the_columns_in_the_order_asked_for() {
    let request = parse(&for_files(
        r#"["FileSize", "EventType", "ThreatName"]"#,
        "CSV",
    ))
    .unwrap();
    assert_eq!(request.format(), RenderFormat::Csv);
    let mut rows = 0;
    for event in Generator::new(GeneratorOptions::default()).take(1_000) {
        let mut out = Vec::new();
        let wanted = request.render(&event, &mut out);
        assert_eq!(wanted, event.kind == EventKind::File);
        assert_eq!(wanted, !out.is_empty());
        if wanted {
            rows += 1;
            let row = String::from_utf8(out).unwrap();
            let columns: Vec<_> = row.split(',').collect();
            assert_eq!(columns.len(), 3, "{row}");
            assert_eq!(columns[1], "FileEvent");
        }
    }
    assert_eq!(rows, 100);
}

#[test]
fn a_request_may_define_and_nest_sets_of_its_own() {
    let request = parse(
        r#"{"Events": {"FileEvent": {
            "FieldSetDef": {"Mine": ["FileName"], "OutputFieldSet": ["Mine", "HeaderFieldSet"]},
            "Fields": ["FileSize", "OutputFieldSet"]}},
            "OutputFormat": {"Transform": "Text", "TransformConfig": "JSON"}}"#,
    )
    .unwrap();
    assert_eq!(
        request.fields(EventKind::File).unwrap(),
        ["FileSize", "FileName", "EventType", "EventSecond"]
    );
    assert_eq!(request.fields(EventKind::Connection), None);
}

#[test]
fn everything_is_every_field_of_every_type() {
    let request = Selection::everything(RenderFormat::Json);
    for event in Generator::new(GeneratorOptions::default()).take(100) {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        request.render(&event, &mut one);
        render_json(&event, None, &mut other);
        assert_eq!(one, other);
    }
}

#[test]
fn mistakes_get_the_answer_that_helps() {
    assert!(refused("{\"Events\":").contains("not JSON"));
    assert!(refused("").contains("not JSON"));
    assert!(refused("\0\0").contains("not JSON"));
    assert!(refused("[]").starts_with("Events of the request must be"));
    assert!(refused(r#"{"Events": {}}"#).contains("a block per event type"));
    let unknown = EXAMPLE.replace("ConnectionEvent", "ConectionEvent");
    assert!(refused(&unknown).contains("did you mean ConnectionEvent?"));
    let unknown = EXAMPLE.replace("ConnectionEvent", "MalwareEvent");
    assert!(refused(&unknown).contains("\"MalwareEvent\""));
    let twice = EXAMPLE.replace("IntrusionEvent", "ConnectionEvent");
    assert!(refused(&twice).contains("only once"));
    let field = refused(&for_files(r#"["FileNmae"]"#, "JSON"));
    assert!(field.contains("did you mean \"FileName\"?"), "{field}");
    assert!(
        field.contains("requested by the set \"OutputFieldSet\""),
        "{field}"
    );
    let circle = refused(&for_files(r#"["OutputFieldSet"]"#, "JSON"));
    assert!(circle.contains("contains itself"), "{circle}");
    assert!(refused(&for_files("[]", "JSON")).contains("at least one field"));
    assert!(refused(&for_files("[1]", "JSON")).contains("a list of names"));
    assert!(refused(&for_files("{}", "JSON")).contains("OutputFieldSet of the request"));
    let format = refused(&for_files(r#"["FileName"]"#, "FlatBuffer"));
    assert!(
        format.contains("\"FlatBuffer\" is not supported"),
        "{format}"
    );
}

#[test]
fn what_the_guide_says_must_be_there_must_be_there() {
    let whole = for_files(r#"["FileName"]"#, "JSON");
    assert!(parse(&whole).is_ok());
    for (key, path) in [
        ("Events", "Events"),
        ("FieldSetDef", "Events.FileEvent.FieldSetDef"),
        ("Fields", "Events.FileEvent.Fields"),
        ("OutputFormat", "OutputFormat.Transform"),
        ("Transform", "OutputFormat.Transform"),
        ("TransformConfig", "OutputFormat.TransformConfig"),
    ] {
        let without = whole.replace(&format!("\"{key}\""), "\"Else\"");
        assert!(refused(&without).starts_with(path), "{key}");
    }
    let other_set = whole.replace("OutputFieldSet", "Mine");
    assert!(refused(&other_set).contains("defines OutputFieldSet"));
}
