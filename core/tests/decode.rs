//! Every deviation that the decoder accepts, as tables of bytes.

mod common;

use common::{
    Seen, bundle, decode, decode_in_every_way, error, error_body, extended, message, nested_event,
    null, record, request, with_length,
};
use estreamer_core::decode::{Decoder, Frame, Kind, Limits, Oversize};
use estreamer_core::wire::{Header, MessageType, RecordHeader, RecordLayout, RecordType};
use estreamer_core::{ConfigError, Malformed, PeerError};

/// The only message of a bundle that holds `nested`.
#[track_caller]
fn only(nested: &[u8]) -> Seen {
    let seen = decode_in_every_way(&bundle(1, nested));
    let [Seen::Bundle { .. }, message, Seen::BundleEnd] = &seen[..] else {
        panic!("not one message in a bundle: {seen:?}");
    };
    message.clone()
}

#[track_caller]
fn event_of(seen: &Seen) -> (RecordHeader, RecordLayout) {
    match seen.head().kind {
        Kind::Event { record, layout } => (record, layout),
        other => panic!("no event: {other:?}"),
    }
}

#[test]
fn nested_messages_may_have_any_version() {
    for version in [0, 1, 2, 0xffff] {
        let seen = only(&message(version, 4, &extended(b"{}")));
        assert_eq!(seen.head().header.version, version);
        assert_eq!(event_of(&seen).0.archival(), Some(1));
        assert_eq!(seen.body(), b"{}");
    }
}

#[test]
fn event_data_may_have_either_message_type() {
    for number in [3, 4] {
        for bytes in [
            message(1, number, &extended(b"data")),
            bundle(1, &message(0, number, &extended(b"data"))),
        ] {
            let seen = decode_in_every_way(&bytes);
            let event = seen
                .iter()
                .find(|seen| matches!(seen, Seen::Message { .. }));
            assert_eq!(event.unwrap().body(), b"data");
        }
    }
}

#[test]
fn the_lengths_decide_where_the_data_starts() {
    let time = [0, 0, 0, 9, 0, 0, 0, 0];
    let with_time = [&time[..], b"data"].concat();
    let flag = 1 << 31;
    for (body, layout, archival, data) in [
        // L = R + 16, with the flag clear as in real servers, or set as in the guide.
        (
            record(71, 4, &with_time),
            RecordLayout::Extended,
            Some(9),
            "data",
        ),
        (
            record(flag | 71, 4, &with_time),
            RecordLayout::Extended,
            Some(9),
            "data",
        ),
        // L = R + 8, with the flag clear or set.
        (record(71, 4, b"data"), RecordLayout::Short, None, "data"),
        (
            record(flag | 71, 4, b"data"),
            RecordLayout::Short,
            None,
            "data",
        ),
        // The flag decides.
        (
            record(flag | 71, 99, &with_time),
            RecordLayout::Clipped,
            Some(9),
            "data",
        ),
        // L = R.
        (
            record(71, 12, b"data"),
            RecordLayout::CoversHeader,
            None,
            "data",
        ),
        (
            record(flag | 71, 20, &with_time),
            RecordLayout::CoversHeader,
            Some(9),
            "data",
        ),
        // No data.
        (record(71, 0, &time), RecordLayout::Extended, Some(9), ""),
        (record(71, 0, b""), RecordLayout::Short, None, ""),
        (record(71, 8, b""), RecordLayout::CoversHeader, None, ""),
    ] {
        let seen = only(&message(0, 4, &body));
        let (record, found) = event_of(&seen);
        assert_eq!(
            (found, record.archival()),
            (layout, archival),
            "{body:02x?}"
        );
        assert_eq!(record.record_type, RecordType::CONNECTION);
        assert_eq!(seen.body(), data.as_bytes());
    }
}

#[test]
fn a_netmap_id_is_kept_apart_from_type_and_flag() {
    let seen = only(&message(0, 4, &record(0xffff_0190, 0, b"")));
    let (record, _) = event_of(&seen);
    assert_eq!(
        (record.flag, record.netmap, record.record_type),
        (true, 0x7fff, RecordType::INTRUSION)
    );
}

#[test]
fn an_unknown_record_type_passes_through_with_its_number() {
    let seen = only(&message(0, 4, &record(0xbeef, 2, b"??")));
    assert_eq!(event_of(&seen).0.record_type, RecordType(0xbeef));
    assert_eq!(seen.body(), b"??");
}

#[test]
fn an_error_text_is_what_both_lengths_cover() {
    for (text_length, text, expected) in [
        (4, &b"full"[..], &b"full"[..]),
        (5, b"full\0", b"full\0"),
        (2, b"full", b"fu"),
        (0, b"full", b""),
        (65_535, b"full", b"full"),
        (0, b"", b""),
    ] {
        let body = error_body(19, text_length, text);
        for bytes in [message(1, 1, &body), bundle(1, &message(0, 1, &body))] {
            let seen = decode_in_every_way(&[bytes, null()].concat());
            let error = seen
                .iter()
                .find(|seen| matches!(seen, Seen::Message { .. }));
            let error = error.unwrap();
            let kind = Kind::Error {
                code: 19,
                text_length,
            };
            assert_eq!((error.head().kind, error.body()), (kind, expected));
            let Some(Seen::Message { head, .. }) = seen.last() else {
                panic!("what follows is lost");
            };
            assert_eq!(head.kind, Kind::Null);
        }
    }
}

#[test]
fn bundles_hold_any_message_and_the_next_one_follows() {
    for (inner, kind) in [
        (message(0, 0, b""), Kind::Null),
        (message(0, 0, b"body"), Kind::Null),
        (message(0, 0xabcd, b"what"), Kind::Other),
        (message(0, 4002, &[0; 12]), Kind::Other),
        (message(0, 6, b"host"), Kind::Other),
        (
            message(0, 1, &error_body(7, 2, b"no")),
            Kind::Error {
                code: 7,
                text_length: 2,
            },
        ),
    ] {
        let nested = [inner, nested_event(b"next")].concat();
        let seen = decode_in_every_way(&bundle(1, &nested));
        assert_eq!(seen[1].head().kind, kind);
        assert!(seen[1].head().nested);
        assert_eq!(seen[2].body(), b"next");
        assert_eq!(seen[3], Seen::BundleEnd);
    }
}

#[test]
fn an_empty_bundle_begins_and_ends() {
    let seen = decode_in_every_way(&[bundle(7, b""), null()].concat());
    assert_eq!(
        seen[0],
        Seen::Bundle {
            sequence: 7,
            length: 0
        }
    );
    assert_eq!(seen[1], Seen::BundleEnd);
    assert_eq!(seen.len(), 3);
}

/// Malformed messages, with the reason and the raw bytes to expect.
fn malformed() -> Vec<(Vec<u8>, Malformed, Vec<u8>)> {
    let mut rows = Vec::new();
    for length in 0..8 {
        let body = vec![0xee; length];
        rows.push((4, body.clone(), Malformed::RecordTooShort));
        rows.push((3, body.clone(), Malformed::RecordTooShort));
        rows.push((2, body.clone(), Malformed::RequestTooShort));
        if length < 6 {
            rows.push((1, body, Malformed::ErrorTooShort));
        }
    }
    for record in [
        record(71, 3, b"data"),
        record(71, 5, b"data"),
        record(71, u32::MAX, b"data and more data"),
        // The flag has no effect without room for the extension.
        record(1 << 31 | 71, 3, b"data"),
        record(71, 3, &[b'x'; 200]),
    ] {
        let length = record[4..8].try_into().unwrap();
        let malformed = Malformed::RecordLength {
            record: u32::from_be_bytes(length),
            message: record.len() as u32,
        };
        rows.push((4, record, malformed));
    }
    rows.into_iter()
        .map(|(number, body, malformed)| (message(0, number, &body), malformed, body))
        .collect()
}

#[test]
fn after_every_malformed_message_in_a_bundle_the_next_record_decodes() {
    for (bytes, malformed, raw) in malformed() {
        let nested = [nested_event(b"before"), bytes, nested_event(b"after")].concat();
        let seen = decode_in_every_way(&bundle(1, &nested));
        assert_eq!(seen.len(), 5);
        assert_eq!(seen[1].body(), b"before");
        assert_eq!(seen[2].head().kind, Kind::Malformed(malformed));
        assert_eq!(seen[2].body(), raw, "every byte is kept");
        assert_eq!(seen[3].body(), b"after");
    }
}

#[test]
fn after_every_malformed_message_at_top_level_the_next_record_decodes() {
    for (mut bytes, malformed, raw) in malformed() {
        bytes[1] = 1;
        bytes.extend(message(1, 4, &extended(b"after")));
        let seen = decode_in_every_way(&bytes);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].head().kind, Kind::Malformed(malformed));
        assert_eq!(seen[0].body(), raw);
        assert_eq!(seen[1].body(), b"after");
    }
}

#[test]
fn a_bundle_too_short_is_returned_raw_and_the_next_decodes() {
    for length in 0..8 {
        let short = message(1, 4002, &[0xee; 8][..length]);
        let seen = decode_in_every_way(&[short, bundle(1, &nested_event(b"x"))].concat());
        let kind = Kind::Malformed(Malformed::BundleTooShort);
        assert_eq!(seen[0].head().kind, kind);
        assert_eq!(seen[0].body().len(), length);
        assert_eq!(seen[2].body(), b"x");
    }
}

#[test]
fn a_message_longer_than_its_bundle_is_returned_raw_and_the_next_bundle_decodes() {
    for (stray, malformed) in [
        (
            with_length(0, 4, 100, b"too little"),
            Malformed::BundleOverrun,
        ),
        (with_length(0, 4, u32::MAX, b""), Malformed::BundleOverrun),
        (with_length(9, 9, 1, b""), Malformed::BundleOverrun),
        (
            with_length(0, 4, 500, &[b'x'; 300]),
            Malformed::BundleOverrun,
        ),
        (vec![0], Malformed::BundleTrailing),
        (vec![0, 1, 0, 4, 0, 0, 0], Malformed::BundleTrailing),
    ] {
        let nested = [nested_event(b"before"), stray.clone()].concat();
        let stream = [bundle(1, &nested), bundle(2, &nested_event(b"after"))].concat();
        let seen = decode_in_every_way(&stream);
        assert_eq!(seen[1].body(), b"before");
        assert_eq!(seen[2].head().kind, Kind::Malformed(malformed));
        assert_eq!(seen[2].body(), stray, "from its header to the bundle's end");
        assert_eq!(seen[3], Seen::BundleEnd, "and it is acknowledged");
        assert_eq!(seen[5].body(), b"after");
    }
}

#[test]
fn a_null_with_a_body_is_skipped_by_its_length() {
    for length in [1, 8, 300] {
        let seen = decode_in_every_way(&[message(1, 0, &vec![7; length]), null()].concat());
        assert_eq!(seen[0].head().kind, Kind::Null);
        assert_eq!(seen.len(), 2);
    }
}

#[test]
fn an_unknown_type_at_top_level_is_skipped_by_its_length() {
    for number in [5, 6, 7, 2049, 2051, 8, 0xffff] {
        let seen = decode_in_every_way(&[message(1, number, &[9; 70]), error(1, "x")].concat());
        assert_eq!(seen[0].head().kind, Kind::Other);
        assert_eq!(seen[0].body(), [9; 70]);
        assert_eq!(seen[1].body(), b"x");
    }
}

#[test]
fn a_request_comes_with_its_timestamp_flags_and_block() {
    let seen = decode_in_every_way(&request(5, 1 << 23, b"{}\0"));
    let Kind::Request { from, flags } = seen[0].head().kind else {
        panic!("no request");
    };
    assert_eq!(
        (from.0, flags.0, seen[0].body()),
        (5, 1 << 23, &b"{}\0"[..])
    );
}

#[test]
fn a_top_level_version_other_than_1_ends_decoding() {
    for version in [0, 2, 0xffff] {
        for before in [vec![], null(), bundle(1, &nested_event(b"x"))] {
            let stream = [before.clone(), message(version, 4, &extended(b"x")), null()].concat();
            for chunk in [1, 1000] {
                let mut out = decode(&stream, 64, chunk, Limits::DEFAULT, Oversize::Pieces);
                let error = PeerError::InvalidHeader {
                    version,
                    message_type: 4,
                    offset: before.len() as u64,
                };
                assert_eq!(out.error, Some(error));
                assert_eq!(out.left, stream.len() - before.len());
                assert_eq!(out.decoder.step(&null()), Err(error), "no way back");
                assert!(!out.decoder.at_boundary());
            }
        }
    }
}

#[test]
fn a_window_below_64_bytes_is_refused() {
    for window in [0, 63] {
        let refused = Decoder::new(window, Limits::DEFAULT, Oversize::Skip).map(|_| ());
        assert_eq!(refused, Err(ConfigError::WindowTooSmall { given: window }));
    }
}

#[test]
fn a_span_in_the_wrong_input_is_empty() {
    let step = Decoder::new(64, Limits::DEFAULT, Oversize::Skip)
        .unwrap()
        .step(&error(1, "text"))
        .unwrap();
    let Some(Frame::Message { body, .. }) = step.frame else {
        panic!("an error");
    };
    assert_eq!(body.of(b"short"), b"");
}

#[test]
fn stray_bytes_have_the_bundles_type_and_their_own_length() {
    let seen = only(&[1, 2, 3]);
    let header = Header {
        version: 0,
        message_type: MessageType::BUNDLE,
        length: 3,
    };
    assert_eq!(seen.head().header, header);
}
