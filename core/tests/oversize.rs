//! Messages above the limits, and messages larger than the window.

mod common;

use common::{
    Seen, bundle, decode, error, error_body, extended, message, nested_event, null, record, with,
    with_length,
};
use estreamer_core::decode::{Decoder, Frame, Kind, Limits, Oversize};

#[test]
fn a_message_above_a_limit_is_skipped_and_the_next_record_decodes() {
    let limits = with(Limits::DEFAULT, |it| {
        it.record = 100;
        it.request = 50;
        it.message = 20;
    });
    for (number, length, over) in [
        // The limit does not include the 8 bytes of fixed fields.
        (4, 108, false),
        (4, 109, true),
        (3, 109, true),
        (2, 58, false),
        (2, 59, true),
        (6, 20, false),
        (6, 21, true),
        (0, 21, true),
        (6, 100_000, true),
    ] {
        for oversize in [Oversize::Pieces, Oversize::Skip] {
            let body = record(71, length - 8, &vec![b'x'; length as usize - 8]);
            for stream in [
                [
                    message(1, number, &body),
                    message(1, 4, &extended(b"after")),
                ]
                .concat(),
                bundle(
                    1,
                    &[message(0, number, &body), nested_event(b"after")].concat(),
                ),
            ] {
                let out = decode(&stream, 128, 50, limits, oversize);
                assert_eq!((out.left, out.error), (0, None));
                let first = out
                    .seen
                    .iter()
                    .find(|seen| !matches!(seen, Seen::Bundle { .. }));
                let skipped = matches!(first, Some(Seen::Skipped { .. }));
                assert_eq!(skipped, over, "type {number}, {length} bytes");
                let mut bodies = out
                    .seen
                    .iter()
                    .filter(|s| matches!(s, Seen::Message { .. }));
                assert_eq!(bodies.next_back().unwrap().body(), b"after");
            }
        }
    }
}

#[test]
fn a_skipped_message_has_its_length() {
    let limits = with(Limits::DEFAULT, |it| {
        it.record = 16;
    });
    let stream = message(1, 4, &extended(&[b'x'; 500]));
    let out = decode(&stream, 64, 10, limits, Oversize::Pieces);
    let [Seen::Skipped { head, length }] = &out.seen[..] else {
        panic!("{:?}", out.seen);
    };
    assert_eq!(*length, 500);
    let Kind::Event { record, .. } = head.kind else {
        panic!("its fixed fields are known");
    };
    assert_eq!(record.archival(), Some(1));
}

#[test]
fn a_message_larger_than_the_window_is_skipped_or_in_pieces() {
    let event = message(1, 4, &extended(&[b'x'; 40])); // 64 bytes
    let larger = message(1, 4, &extended(&[b'x'; 41]));
    let text = "t".repeat(100);
    for (bytes, fits) in [(event, true), (larger, false), (error(1, &text), false)] {
        let stream = [bytes, null()].concat();
        let pieces = decode(&stream, 64, 9, Limits::DEFAULT, Oversize::Pieces);
        assert_eq!(pieces.pieces, !fits);
        assert!(matches!(pieces.seen[0], Seen::Message { .. }));
        let skip = decode(&stream, 64, 9, Limits::DEFAULT, Oversize::Skip);
        assert_eq!(matches!(skip.seen[0], Seen::Skipped { .. }), !fits);
        assert_eq!(skip.seen[0].head(), pieces.seen[0].head());
        assert_eq!((skip.left, skip.seen.len()), (0, 2));
    }
}

#[test]
fn an_error_in_pieces_ends_after_the_bytes_behind_its_text() {
    let body = error_body(3, 10, &[b'x'; 200]);
    let mut decoder = Decoder::new(64, Limits::DEFAULT, Oversize::Pieces).unwrap();
    let stream = message(1, 1, &body);
    let (mut at, mut ended) = (0, false);
    while !ended {
        let step = decoder
            .step(&stream[at..stream.len().min(at + 20)])
            .unwrap();
        at += step.consumed;
        ended = step.frame == Some(Frame::End);
    }
    assert_eq!(at, stream.len());
}

#[test]
fn a_record_of_megabytes_passes_through_64_bytes() {
    let data: Vec<u8> = (0..4_000_000_u32).map(|at| (at % 251) as u8).collect();
    let stream = bundle(1, &[nested_event(&data), nested_event(b"next")].concat());
    let out = decode(&stream, 64, 64, Limits::DEFAULT, Oversize::Pieces);
    assert!(out.pieces);
    assert_eq!(out.seen[1].body(), data);
    assert_eq!(out.seen[2].body(), b"next");
}

#[test]
fn a_bundle_of_256_megabytes_is_counted_through_a_kilobyte_and_never_held() {
    const RECORD: usize = 1 << 10;
    const RECORDS: u32 = 256 << 10;
    let record = nested_event(&[b'x'; RECORD - 24]);
    assert_eq!(record.len(), RECORD);
    let head = with_length(
        1,
        4002,
        RECORDS * RECORD as u32 + 8,
        &[0, 0, 0, 1, 0, 0, 0, 1],
    );
    let mut decoder = Decoder::new(RECORD, Limits::DEFAULT, Oversize::Pieces).unwrap();
    let step = decoder.step(&head).unwrap();
    assert!(matches!(step.frame, Some(Frame::BundleBegin { length, .. }) if length == 256 << 20));
    for _ in 0..RECORDS {
        let step = decoder.step(&record).unwrap();
        assert_eq!(step.consumed, RECORD);
        assert!(matches!(step.frame, Some(Frame::Message { .. })));
    }
    assert_eq!(decoder.step(&[]).unwrap().frame, Some(Frame::BundleEnd));
    assert_eq!(decoder.offset(), (256 << 20) + 16);
}
