//! Emitted messages parse back to the same value, for messages from random bytes.
#![cfg(feature = "arbitrary")]

use arbitrary::{Arbitrary, Unstructured};
use estreamer_core::ResourceError;
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::{
    Bundle, DataForm, Event, EventNumber, Expected, Header, Message, MessageType, RecordLength,
    RecordReader,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Emits a message, and asserts its length and that nothing is written on failure.
fn emit(message: &Message<'_>) -> Vec<u8> {
    let needed = message.encoded_len();
    let mut out = vec![0xaa; needed + 3];
    assert_eq!(message.emit(&mut out), Ok(needed));
    assert_eq!(out[needed..], [0xaa; 3], "nothing behind it");
    for room in [0, 7, needed / 2, needed - 1] {
        let mut short = vec![0xaa; room.min(needed - 1)];
        let refused = message.emit(&mut short);
        assert_eq!(refused, Err(ResourceError::BufferTooSmall { needed }));
        assert!(short.iter().all(|&byte| byte == 0xaa), "nothing on failure");
    }
    out.truncate(needed);
    out
}

/// Reads `sent` back after it was written with these quirks. The reader must know the
/// layout, because the data is random.
fn read<'a>(sent: &Message<'_>, quirks: Quirks, out: &'a [u8]) -> Message<'a> {
    let (header, body) = Header::parse(out).unwrap();
    let (Message::Event(event), Some(number)) =
        (sent, EventNumber::from_message_type(header.message_type))
    else {
        return Message::parse_body(header.message_type, body).unwrap();
    };
    let extended = event.record.extension.is_some() && !quirks.has(Quirk::NoExtension);
    let record_length = match extended {
        true if quirks.has(Quirk::RecordCoversHeader) => RecordLength::All,
        true if quirks.has(Quirk::RecordCoversExtension) => RecordLength::Extension,
        _ => RecordLength::Data,
    };
    let expected = Expected {
        extended,
        form: DataForm::Opaque,
    };
    let mut reader = RecordReader::new(record_length, Some(expected));
    Message::Event(Event::parse_with(number, body, &mut reader).unwrap())
}

#[test]
fn messages_of_every_type_and_no_mislabelled_ones_come_of_random_bytes() {
    let mut types = BTreeSet::new();
    let mut random = 1_u64;
    let mut bytes = [0; 200];
    for round in 0..2000 {
        for byte in &mut bytes {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            *byte = (random >> 56) as u8;
        }
        if round % 2 == 1 {
            // A number that is known.
            bytes[1..3].copy_from_slice(&[1, 0]);
        }
        let Ok(message) = Message::arbitrary(&mut Unstructured::new(&bytes)) else {
            continue;
        };
        types.insert(message.message_type());
        if let Message::Unknown { message_type, .. } = message {
            assert_eq!(message_type.name(), None);
        }
    }
    assert!(types.iter().any(|number| number.name().is_none()));
    for expected in [
        MessageType::NULL,
        MessageType::ERROR,
        MessageType::EVENT_STREAM_REQUEST,
        MessageType::EVENT_DATA,
        MessageType::BUNDLE,
        MessageType::STREAMING_INFORMATION,
        MessageType::STREAMING_REQUEST,
        MessageType::SINGLE_HOST,
    ] {
        assert!(types.contains(&expected), "{expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn every_message_survives(bytes in vec(any::<u8>(), 0..300)) {
        let message = Message::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        let out = emit(&message);
        let (header, _) = Header::parse(&out).unwrap();
        prop_assert_eq!(read(&message, Quirks::NONE, &out), message);
        prop_assert_eq!(header, Header::new(message.message_type(), out.len() as u32 - 8));
        prop_assert!(!message.to_string().contains(char::is_control), "one line");
    }

    #[test]
    fn every_header_survives(bytes in vec(any::<u8>(), 0..20)) {
        let header = Header::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        let mut out = [0; 8];
        prop_assert_eq!(header.emit(&mut out), Ok(header.encoded_len()));
        prop_assert_eq!(Header::parse(&out), Ok((header, &[][..])));
    }

    /// Whatever parses from random bytes is emitted as the guide describes it, and
    /// then parses to the same value.
    #[test]
    fn what_was_read_of_any_body_is_written_strictly(
        number in prop_oneof![0..8_u16, Just(2049), Just(2051), Just(4002), any::<u16>()],
        body in vec(any::<u8>(), 0..100),
    ) {
        let number = estreamer_core::wire::MessageType(number);
        if let Ok(message) = Message::parse_body(number, &body) {
            let out = emit(&message);
            prop_assert_eq!(Message::parse(&out).unwrap().0.1, message);
        }
    }

    /// With quirks, it parses to the same value, except for NULs.
    #[test]
    fn quirks_do_not_change_what_a_message_says(
        bytes in vec(any::<u8>(), 0..300),
        quirks in vec(any::<u8>(), 8),
        nested in any::<bool>(),
    ) {
        let message = Message::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
        let quirks = Quirks::arbitrary(&mut Unstructured::new(&quirks)).unwrap();
        let emit = |out: &mut [u8]| match nested {
            true => message.emit_nested(quirks, out),
            false => message.emit_with(quirks, out),
        };
        let Err(ResourceError::BufferTooSmall { needed }) = emit(&mut []) else {
            panic!("no message is empty");
        };
        let mut out = vec![0xaa; needed];
        let mut short = out[1..].to_vec();
        prop_assert!(emit(&mut short).is_err());
        prop_assert!(short.iter().all(|&byte| byte == 0xaa));
        prop_assert_eq!(emit(&mut out), Ok(needed));
        match (message, read(&message, quirks, &out)) {
            (Message::Event(sent), Message::Event(found)) => {
                prop_assert_eq!(sent.data, found.data);
                let left = sent.record.extension.filter(|_| !quirks.has(Quirk::NoExtension));
                prop_assert_eq!(left, found.record.extension);
                prop_assert_eq!(sent.record.record_type, found.record.record_type);
            }
            (Message::Request(sent), Message::Request(found)) => {
                prop_assert_eq!(sent.from, found.from);
                prop_assert!(found.block.starts_with(sent.block));
            }
            (sent, found) => prop_assert_eq!(sent, found),
        }
    }

    #[test]
    fn no_bundle_is_too_broken_to_be_looked_through(body in vec(any::<u8>(), 0..200)) {
        if let Ok(bundle) = Bundle::parse(&body) {
            prop_assert!(bundle.messages().count() <= body.len() / 8 + 1);
        }
    }
}
