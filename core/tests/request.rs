//! Requests: built, ready-made, and malformed.
#![cfg(feature = "json")]

use estreamer_core::fqe::{self, EventKind, Request, RequestError, Transform};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, Message, RequestFlags};
use proptest::collection::vec;
use proptest::prelude::*;

/// The guide's example, with its white space.
const GUIDE: &str = r#"{ "Events":
 { "ConnectionEvent":
  { "FieldSetDef":
    { "OutputFieldSet":
      ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"] },
    "Fields":
      ["OutputFieldSet"] },
"IntrusionEvent":
  { "FieldSetDef":
    { "OutputFieldSet":
      ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet", "Impact"] },
    "Fields": ["OutputFieldSet"] },
"IntrusionPacket":
  { "FieldSetDef":
    { "OutputFieldSet":
      ["HeaderFieldSet", "DetailFieldSet"] },
    "Fields": ["OutputFieldSet"] },
"FileEvent":
  { "FieldSetDef":
    { "OutputFieldSet":
      ["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"] },
    "Fields":
      ["OutputFieldSet"] } },
"OutputFormat":
  { "Transform": "Text", "TransformConfig": "JSON" } }
"#;

#[test]
fn the_guides_example_parses_and_is_sent_unchanged() {
    let request = EventStreamRequest {
        from: InitialTimestamp(1),
        flags: RequestFlags::EXTENDED_HEADER,
        block: GUIDE.as_bytes(),
    };
    let parsed = request.parse_json().unwrap();
    assert!(EventKind::ALL.into_iter().all(|kind| parsed.has(kind)));
    assert_eq!(
        (parsed.transform, parsed.check_csv()),
        (Transform::Json, Ok(()))
    );
    let mut out = [0; 2000];
    let message = fqe::emit(&request, Quirks::NONE, &mut out).unwrap();
    assert_eq!(&message[16..], GUIDE.as_bytes());
}

#[test]
fn a_request_says_what_records_are_expected_built_or_ready_made() {
    use estreamer_core::wire::{DataForm, Expected};
    for (transform, form) in [
        (Transform::Json, DataForm::Json),
        (Transform::Csv, DataForm::Text),
        (Transform::Named("FlatBuffer"), DataForm::Opaque),
    ] {
        for flags in [RequestFlags(0), RequestFlags::EXTENDED_HEADER] {
            let request = Request::new(InitialTimestamp::NOW)
                .event(EventKind::File, &["FileName"])
                .transform(transform)
                .flags(flags);
            let expected = Expected {
                extended: flags != RequestFlags(0),
                form,
            };
            assert_eq!(request.expected(), expected);
            let mut json = [0; 256];
            let length = request.emit_json(&mut json).unwrap();
            let mut ready = EventStreamRequest {
                from: InitialTimestamp::NOW,
                flags,
                block: &json[..length],
            };
            assert_eq!(ready.expected(), Some(expected));
            ready.block = b"{}";
            assert_eq!(ready.expected(), None);
        }
    }
}

#[test]
fn flags_that_do_not_go_with_a_block_are_refused() {
    for (flags, expected) in [
        (RequestFlags(0), None),
        (RequestFlags::EXTENDED_HEADER, None),
        (
            RequestFlags::EXTENDED_REQUEST,
            Some(RequestError::ExtendedRequest),
        ),
        (RequestFlags(1 << 31), Some(RequestError::UnsupportedFlags)),
    ] {
        let request = EventStreamRequest {
            from: InitialTimestamp::NOW,
            flags,
            block: GUIDE.as_bytes(),
        };
        assert_eq!(request.parse_json().err(), expected, "{flags}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_built_request_parses(
        fields in vec(vec("[^\"\\\\\\p{C}]{1,12}", 1..4), 1..5),
        transform in "[^\"\\\\\\p{C}]{1,12}",
        nul in any::<bool>(),
    ) {
        let fields: Vec<Vec<&str>> = fields.iter()
            .map(|names| names.iter().map(String::as_str).collect())
            .collect();
        let mut request = Request::new(InitialTimestamp::OLDEST)
            .transform(Transform::Named(&transform));
        for (kind, fields) in EventKind::ALL.into_iter().zip(&fields) {
            request = request.event(kind, fields);
        }
        let quirks = match nul {
            true => Quirks::NONE.with(estreamer_core::quirk::Quirk::RequestNul),
            false => Quirks::NONE,
        };
        let mut out = [0; 4096];
        let message = request.emit(quirks, &mut out).unwrap();
        let ((_, parsed), rest) = Message::parse(message).unwrap();
        prop_assert!(rest.is_empty());
        let Message::Request(parsed) = parsed else {
            panic!("no request");
        };
        prop_assert_eq!(parsed.block.ends_with(&[0]), nul);
        let found = parsed.parse_json();
        // An event type with only the name of the set has no fields.
        if !fields.iter().any(|names| names.iter().all(|&name| name == "OutputFieldSet")) {
            let found = found.unwrap();
            prop_assert_eq!(found.transform.name(), &transform);
            for (at, kind) in EventKind::ALL.into_iter().enumerate() {
                prop_assert_eq!(found.has(kind), at < fields.len());
            }
        }
    }

    #[test]
    fn no_edited_block_makes_the_parser_panic(
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..12),
    ) {
        let mut block = GUIDE.as_bytes().to_vec();
        for (at, byte, edit) in edits {
            let at = at.index(block.len());
            match edit {
                0 => block[at] = byte,
                1 => block.insert(at, b"{}[]\",:\\0e-"[usize::from(byte) % 11]),
                _ => block.truncate(at + 1),
            }
        }
        if let Err(problem) = fqe::parse(&block) {
            prop_assert!(!problem.to_string().is_empty());
            prop_assert!(problem.code() > 0);
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(block in vec(any::<u8>(), 0..64)) {
        prop_assert!(fqe::parse(&block).is_err());
    }
}
