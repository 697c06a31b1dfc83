//! The texts of errors: what happened, with the numbers that help. No two are equal.

use estreamer_core::decode::{Decoder, Frame, Limits, Oversize};
use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirk;
use estreamer_core::session::End;
use estreamer_core::wire::{
    Evidence, Header, MessageType, Null, RecordLayout, RecordLength, RecordType, RequestFlags,
};
use estreamer_core::{ConfigError, Malformed, PeerError, ResourceError};

const INVALID_HEADER: PeerError = PeerError::InvalidHeader {
    version: 7,
    message_type: 4,
    offset: 4096,
};

const RECORD_LENGTH: Malformed = Malformed::RecordLength {
    record: 99,
    message: 26,
};

#[test]
fn errors_name_what_happened_and_how_much_is_missing() {
    for (words, expected) in [
        (
            PeerError::Truncated { needed: 12 }.to_string(),
            "truncated message: 12 bytes missing",
        ),
        (
            PeerError::Truncated { needed: 1 }.to_string(),
            "truncated message: 1 byte missing",
        ),
        (
            INVALID_HEADER.to_string(),
            "invalid header at byte 4096: version 7, expected 1 (message type 4)",
        ),
        (
            PeerError::from(RECORD_LENGTH).to_string(),
            "record length 99 does not fit message length 26",
        ),
        (
            ResourceError::BufferTooSmall { needed: 99 }.to_string(),
            "output buffer too small: 99 bytes needed",
        ),
        (
            ConfigError::WindowTooSmall { given: 63 }.to_string(),
            "window too small: 63 bytes, expected at least 64",
        ),
    ] {
        assert_eq!(words, expected);
    }
}

#[test]
fn a_header_names_its_type_with_version_and_length() {
    let header = Header {
        version: 7,
        ..Header::new(MessageType::BUNDLE, 1)
    };
    assert_eq!(header.to_string(), "bundle (4002) v7 length 1");
    let unknown = Header::new(MessageType(9), 0);
    assert_eq!(unknown.to_string(), "unknown (9) v1 length 0");
}

#[test]
fn every_malformation_and_every_end_has_words_of_its_own() {
    let malformed = [
        Malformed::RecordTooShort,
        RECORD_LENGTH,
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
        End::InvalidHeader(INVALID_HEADER),
        End::PeerSilent,
        End::Closed,
    ];
    assert_eq!(ends[0].to_string(), "the peer sent error 19");
    assert_eq!(ends[4].to_string(), INVALID_HEADER.to_string());
    all_differ(ends.map(|end| end.to_string()).to_vec());
    let evidence = [
        Evidence::Lengths,
        Evidence::Setting,
        Evidence::Request,
        Evidence::Data,
        Evidence::Timestamp,
        Evidence::Earlier,
        Evidence::Nothing,
    ];
    for setting in RecordLength::ALL {
        assert_eq!(RecordLength::from_name(&setting.to_string()), Some(setting));
    }
    let layouts = [
        RecordLayout::Extended,
        RecordLayout::CoversExtension,
        RecordLayout::CoversHeader,
        RecordLayout::Clipped,
    ];
    all_differ(layouts.map(|what| what.to_string()).to_vec());
    all_differ(evidence.map(|what| what.to_string()).to_vec());
    let descriptions = Quirk::ALL
        .iter()
        .map(|quirk| quirk.description().to_owned());
    all_differ(descriptions.collect());
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
fn an_event_kind_is_found_by_its_records_and_prints_its_name() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_record_type(kind.record_type()), Some(kind));
        assert_eq!(EventKind::from_name(kind.name()), Some(kind));
    }
    for kind in EventKind::ALL {
        assert_eq!(kind.to_string(), kind.name());
    }
    for form in RequestForm::ALL {
        assert_eq!(form.to_string(), form.name());
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
