//! What people read when something is wrong: what happened, with the numbers
//! that help, in words that differ from each other.

use estreamer_core::decode::{Decoder, Frame, Limits, Oversize};
use estreamer_core::fqe::EventKind;
use estreamer_core::quirk::Quirk;
use estreamer_core::session::End;
use estreamer_core::wire::{Null, RecordType, RequestFlags};
use estreamer_core::{ConfigError, Malformed, PeerError, ResourceError};

const OUT_OF_STEP: PeerError = PeerError::OutOfStep {
    version: 7,
    message_type: 4,
    offset: 4096,
};

#[test]
fn errors_name_what_happened_and_how_much_is_missing() {
    for (words, expected) in [
        (
            PeerError::Truncated { needed: 12 }.to_string(),
            "message cut short, 12 bytes missing",
        ),
        (
            OUT_OF_STEP.to_string(),
            "out of step at byte 4096: header version 7 (type 4) where 1 belongs",
        ),
        (
            PeerError::from(Malformed::RecordLength).to_string(),
            "record length fits no layout of the message length",
        ),
        (
            ResourceError::BufferTooSmall { needed: 99 }.to_string(),
            "output buffer too small, 99 bytes needed",
        ),
        (
            ConfigError::WindowTooSmall { given: 63 }.to_string(),
            "window of 63 bytes is too small, give at least 64",
        ),
    ] {
        assert_eq!(words, expected);
    }
}

#[test]
fn every_malformation_and_every_end_has_words_of_its_own() {
    let malformed = [
        Malformed::RecordTooShort,
        Malformed::RecordLength,
        Malformed::ErrorTooShort,
        Malformed::RequestTooShort,
        Malformed::BundleTooShort,
        Malformed::BundleOverrun,
        Malformed::BundleTrailing,
    ];
    all_differ(malformed.map(|what| what.to_string()).to_vec());
    let ends = [
        End::PeerError { code: 19 },
        End::BeforeFirstByte,
        End::Idle,
        End::MidMessage,
        End::OutOfStep(OUT_OF_STEP),
        End::PeerSilent,
        End::Closed,
    ];
    assert_eq!(ends[0].to_string(), "the peer sent error 19");
    assert_eq!(ends[4].to_string(), OUT_OF_STEP.to_string());
    all_differ(ends.map(|end| end.to_string()).to_vec());
    let sentences = Quirk::ALL.iter().map(|quirk| quirk.sentence().to_owned());
    all_differ(sentences.collect());
}

#[track_caller]
fn all_differ(mut texts: Vec<String>) {
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), count, "{texts:?}");
    assert!(texts.iter().all(|text| !text.is_empty()));
}

#[test]
fn an_event_kind_is_found_by_its_records_and_malware_is_a_file() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_record_type(kind.record_type()), Some(kind));
        assert_eq!(EventKind::from_name(kind.name()), Some(kind));
    }
    let malware = EventKind::from_record_type(RecordType::FILE_MALWARE);
    assert_eq!(malware, Some(EventKind::File));
    assert_eq!(EventKind::from_record_type(RecordType(9)), None);
}

#[test]
fn flags_add_up_and_print_by_name() {
    let both = RequestFlags::EXTENDED_HEADER.union(RequestFlags(1 << 16));
    assert_eq!(
        both.to_string(),
        "0x00810000 [bit 16, extended event header]"
    );
    assert_eq!(RequestFlags(0).to_string(), "0x00000000");
}

/// A message's head is at hand wherever one comes, begins or is left out.
#[test]
fn only_frames_about_a_message_have_its_head() {
    let mut decoder = Decoder::new(64, Limits::default(), Oversize::Pieces).unwrap();
    let bundle = [
        &[0, 1, 0x0f, 0xa2, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1][..],
        &Null::BYTES,
    ]
    .concat();
    let mut rest = &bundle[..];
    let mut heads = Vec::new();
    while let Some(frame) = {
        let step = decoder.step(rest).unwrap();
        rest = &rest[step.consumed..];
        step.frame
    } {
        heads.push(frame.head().is_some());
        assert_eq!(
            frame.head().is_some(),
            matches!(frame, Frame::Message { .. })
        );
    }
    assert_eq!(heads, [false, true, false]);
}
