//! Quirks shown by changing a whole bundle, one function for all of them.

use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::wire::HEADER_LEN;

/// The quirks the simulator shows, beside those of [`Quirk::SERVER`] that the
/// protocol core shows itself: here, and `data-not-json` in what is served.
pub const SHOWN: &[Quirk] = &[
    Quirk::DataNotJson,
    Quirk::NestedVersionOther,
    Quirk::FlagContradictsLengths,
    Quirk::Netmap,
    Quirk::RecordClipped,
    Quirk::RecordMalformed,
    Quirk::MessageMalformed,
    Quirk::ErrorLength,
    Quirk::NullBody,
    Quirk::NestedNull,
    Quirk::NestedError,
    Quirk::NestedUnknown,
    Quirk::UnknownMessage,
    Quirk::TopLevelEvent,
    Quirk::BundleOverrun,
    Quirk::BundleTrailing,
    Quirk::BundleEmpty,
];

/// A server that does all as the guides print it. Real servers, by what shipping
/// clients accept, do none of these.
pub fn guide() -> Quirks {
    Quirks::NONE
        .with(Quirk::NestedVersion1)
        .with(Quirk::EventType3)
        .with(Quirk::ExtendedFlag)
        .with(Quirk::ErrorNul)
}

/// Bytes before the first nested message: header, connection id, sequence number.
const FRONT: usize = HEADER_LEN + 8;
/// A message type nobody knows.
const UNKNOWN: [u8; 2] = 4711_u16.to_be_bytes();

/// Shows in one bundle, a whole message, those of `quirks` that are shown here.
/// Returns by how much later sequence numbers are too low then.
pub(super) fn show(quirks: Quirks, bundle: &mut Vec<u8>) -> u32 {
    let has = |quirk| quirks.has(quirk);
    for at in nested(bundle) {
        if has(Quirk::NestedVersionOther) {
            bundle[at + 1] = 7;
        }
        if has(Quirk::Netmap) {
            bundle[at + HEADER_LEN + 1] = 5;
        }
        if has(Quirk::RecordClipped) {
            clip(bundle, at);
        }
    }
    if has(Quirk::FlagContradictsLengths) {
        shorten_first(bundle);
    }
    let top_level = match has(Quirk::TopLevelEvent) {
        true => take_last(bundle),
        false => Vec::new(),
    };
    let record = [
        0, 0, 0, 4, 0, 0, 0, 12, 0, 0, 1, 144, 0, 0, 39, 15, 1, 2, 3, 4,
    ];
    let unknown = [0, 0, UNKNOWN[0], UNKNOWN[1], 0, 0, 0, 2, 1, 2];
    for (quirk, extra) in [
        (Quirk::NestedNull, &[0; HEADER_LEN][..]),
        (Quirk::NestedUnknown, &unknown),
        (Quirk::RecordMalformed, &record),
        // An error without room for code and length.
        (Quirk::MessageMalformed, &[0, 0, 0, 1, 0, 0, 0, 2, 1, 2]),
        // Behind these two nothing can be read.
        (Quirk::BundleOverrun, &[0, 0, 0, 4, 0, 0, 3, 232, 1, 2]),
        (Quirk::BundleTrailing, &[0, 0, 0]),
    ] {
        if has(quirk) {
            append_nested(bundle, extra);
        }
    }
    let mut before = Vec::new();
    if has(Quirk::NullBody) {
        before.extend_from_slice(&[0, 1, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
    }
    if has(Quirk::UnknownMessage) {
        before.extend_from_slice(&[0, 1, UNKNOWN[0], UNKNOWN[1], 0, 0, 0, 1, 9]);
    }
    let mut ahead = 0;
    if has(Quirk::BundleEmpty) {
        let mut empty = bundle[..FRONT.min(bundle.len())].to_vec();
        set_length(&mut empty);
        before.extend_from_slice(&empty);
        patch_sequence(bundle, 1);
        ahead = 1;
    }
    bundle.splice(..0, before);
    bundle.extend_from_slice(&top_level);
    ahead
}

/// Appends to a bundle whatever stands at its end.
pub(super) fn append_nested(bundle: &mut Vec<u8>, bytes: &[u8]) {
    bundle.extend_from_slice(bytes);
    set_length(bundle);
}

/// Raises a bundle's sequence number.
pub(super) fn patch_sequence(bundle: &mut [u8], by: u32) {
    if let Some(field) = bundle.get_mut(HEADER_LEN + 4..FRONT)
        && let Ok(number) = <[u8; 4]>::try_from(&*field)
    {
        let number = u32::from_be_bytes(number).wrapping_add(by);
        field.copy_from_slice(&number.to_be_bytes());
    }
}

/// Where the nested messages begin; each has a record header of 8 bytes or more.
fn nested(bundle: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = FRONT;
    while let Some(length) = word(bundle, at + 4)
        && at + 2 * HEADER_LEN <= bundle.len()
    {
        found.push(at);
        at += HEADER_LEN + length as usize;
    }
    found
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn put_word(bytes: &mut [u8], at: usize, value: u32) {
    if let Some(field) = bytes.get_mut(at..at + 4) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

/// The length field of a message that fills its buffer.
fn set_length(message: &mut [u8]) {
    let length = message.len().saturating_sub(HEADER_LEN) as u32;
    put_word(message, 4, length);
}

/// Whether the record at `at` has an archival timestamp.
fn is_extended(bundle: &[u8], at: usize) -> bool {
    word(bundle, at + 4)
        .zip(word(bundle, at + 12))
        .is_some_and(|(message, record)| u64::from(message) == u64::from(record) + 16)
}

/// The flag alone tells where the data of an extended record starts.
fn clip(bundle: &mut [u8], at: usize) {
    if is_extended(bundle, at)
        && let Some(record) = word(bundle, at + 12)
    {
        bundle[at + HEADER_LEN] |= 0x80;
        put_word(bundle, at + 12, record.wrapping_add(5));
    }
}

/// Takes the archival timestamp of a bundle's first record, and sets the flag
/// that says there is one.
fn shorten_first(bundle: &mut Vec<u8>) {
    let at = FRONT;
    if is_extended(bundle, at)
        && let Some(length) = word(bundle, at + 4)
    {
        bundle.drain(at + 16..at + 24);
        put_word(bundle, at + 4, length - 8);
        set_length(bundle);
    }
    if let Some(byte) = bundle.get_mut(at + HEADER_LEN) {
        *byte |= 0x80;
    }
}

/// Takes the last record out of a bundle, as a message of its own.
fn take_last(bundle: &mut Vec<u8>) -> Vec<u8> {
    let Some(&at) = nested(bundle).last() else {
        return Vec::new();
    };
    let mut last = bundle.split_off(at);
    set_length(bundle);
    // A top-level message has version 1.
    last[1] = 1;
    last
}
