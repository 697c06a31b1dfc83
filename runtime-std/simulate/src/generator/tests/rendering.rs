//! How events are written.

use super::*;

/// Three events as a real Management Center sent them, published as sample logs
/// in the Apache-2.0 repository splunk/security_content.
const REAL_EVENTS: &str = include_str!("../real-events.ndjson");

#[test]
fn real_events_taken_apart_and_written_again_are_the_same_bytes() {
    for line in REAL_EVENTS.lines() {
        let Json::Object(read) = serde_json::from_str(line).unwrap() else {
            panic!("{line}");
        };
        let mut fields: Vec<(&'static str, FieldValue)> = read
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    Json::String(text) => FieldValue::Text(text.into()),
                    number => FieldValue::Integer(number.as_u64().unwrap()),
                };
                (&*name.leak(), value)
            })
            .collect();
        fields.sort_by_key(|(name, _)| line.find(&format!("\"{name}\":")));
        assert_eq!(json(&made_up(fields), None), line);
    }
}

#[test]
fn awkward_text_is_escaped_where_json_demands_it_and_nowhere_else() {
    let event = made_up(vec![(
        "FileName",
        text("a\"b\\c\n\r\t\u{1}\u{1f}\u{7f}/é\u{1f680}\u{2028}"),
    )]);
    assert_eq!(
        json(&event, None),
        "{\"FileName\":\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\u{7f}/é\u{1f680}\u{2028}\"}"
    );
    assert_eq!(json(&made_up(vec![]), None), "{}");
    let limits = made_up(vec![
        ("ThreatScore", FieldValue::Integer(0)),
        ("FileSize", FieldValue::Integer(u64::MAX)),
    ]);
    assert_eq!(
        json(&limits, None),
        r#"{"ThreatScore":0, "FileSize":18446744073709551615}"#
    );
}

#[test]
fn a_selection_gives_its_fields_in_its_order_and_skips_what_is_not_there() {
    let event = made_up(vec![
        ("EventType", text("FileEvent")),
        ("FileName", text("x")),
        ("FileSize", FieldValue::Integer(3)),
    ]);
    let names = ["FileSize", "ThreatName", "FileName", "EventType"].map(str::to_owned);
    assert_eq!(
        json(&event, Some(&names)),
        r#"{"FileSize":3, "FileName":"x", "EventType":"FileEvent"}"#
    );
    assert_eq!(json(&event, Some(&[])), "{}");
}

#[test]
fn csv_has_a_place_for_every_column_and_quotes_by_rfc_4180() {
    let event = made_up(vec![
        ("A", text("plain")),
        ("B", text("one, two")),
        ("C", text("say \"hi\"")),
        ("D", text("two\r\nlines")),
        ("E", FieldValue::Integer(5)),
        ("F", text("")),
        ("G", text("back\\slash \u{1f680}")),
    ]);
    assert_eq!(
        csv(&event, &["A", "B", "C", "D", "E", "F", "G"]),
        "plain,\"one, two\",\"say \"\"hi\"\"\",\"two\r\nlines\",5,,back\\slash \u{1f680}"
    );
    assert_eq!(csv(&event, &["X", "E", "Y", "A", "Z"]), ",5,,plain,");
    assert_eq!(csv(&event, &["X"]), "");
}

#[test]
fn every_field_is_in_the_catalogue_in_its_order_and_none_is_there_in_vain() {
    for size in [PayloadSize::Small, PayloadSize::Typical, PayloadSize::Large] {
        let options = GeneratorOptions {
            size,
            ..GeneratorOptions::default()
        };
        let mut seen = HashSet::new();
        for event in events(5_000, options) {
            let all = field_names(event.kind).all;
            let places: Vec<_> = event
                .fields
                .iter()
                .map(|(name, _)| {
                    let found = all.iter().position(|n| n == name);
                    found.unwrap_or_else(|| panic!("{name} is not in the catalogue"))
                })
                .collect();
            assert!(places.windows(2).all(|w| w[0] < w[1]), "{:?}", event.fields);
            assert_eq!(string(&event, "EventType"), event.kind.name());
            seen.extend(event.fields.iter().map(|(name, _)| (event.kind, *name)));
        }
        if size == PayloadSize::Typical {
            for kind in EventKind::ALL {
                for name in field_names(kind).all {
                    assert!(seen.contains(&(kind, *name)), "{kind} never has {name}");
                }
            }
        }
    }
}
