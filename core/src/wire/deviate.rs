//! Applies quirks: turns a message of the guide into one that deviates from it.

use super::record::{EXTENDED_LEN, SHORT_LEN};
use super::{HEADER_LEN, MessageType, Null};
use crate::quirk::{Quirk, Quirks};
use core::mem::take;

/// Bytes that the quirks add to a message.
pub(crate) fn extra(message_type: MessageType, quirks: Quirks) -> usize {
    match message_type {
        MessageType::ERROR => usize::from(quirks.has(Quirk::ErrorNul)),
        MessageType::EVENT_STREAM_REQUEST => {
            let null = match quirks.has(Quirk::RequestBoth) {
                true => Null::BYTES.len(),
                false => 0,
            };
            null + usize::from(quirks.has(Quirk::RequestNul))
        }
        _ => 0,
    }
}

/// Writes the length field of `message` and applies the quirks. The message is
/// complete, except for the [`extra`] bytes at its end.
pub(crate) fn finish(quirks: Quirks, message: &mut [u8]) {
    let Some((header, body)) = message.split_first_chunk_mut::<HEADER_LEN>() else {
        return;
    };
    let message_type = MessageType(u16::from_be_bytes([header[2], header[3]]));
    let mut length = body.len() as u32;
    match message_type {
        MessageType::ERROR if quirks.has(Quirk::ErrorNul) => {
            // The text length counts the NUL, up to 65 535.
            if let [_, _, _, _, high, low, .., nul] = body {
                let text = u16::from_be_bytes([*high, *low]).saturating_add(1);
                [*high, *low] = text.to_be_bytes();
                *nul = 0;
            }
        }
        MessageType::EVENT_STREAM_REQUEST => {
            let both = quirks.has(Quirk::RequestBoth);
            if !both && quirks.has(Quirk::RequestInclusive) {
                length += HEADER_LEN as u32;
            }
            let mut block = body;
            if both && let Some((before, null)) = take(&mut block).split_last_chunk_mut() {
                // The length counts it as a part of the body.
                *null = Null::BYTES;
                block = before;
            }
            if let (true, Some(nul)) = (quirks.has(Quirk::RequestNul), block.last_mut()) {
                *nul = 0;
            }
        }
        MessageType::EVENT_DATA | MessageType::EVENT_DATA_3 => record(quirks, header, body),
        _ => {}
    }
    [header[4], header[5], header[6], header[7]] = length.to_be_bytes();
}

fn record(quirks: Quirks, header: &mut [u8; HEADER_LEN], body: &mut [u8]) {
    if quirks.has(Quirk::EventType3) {
        [header[2], header[3]] = MessageType::EVENT_DATA_3.0.to_be_bytes();
    }
    let message_length = body.len();
    let Some((record, _)) = body.split_first_chunk_mut::<SHORT_LEN>() else {
        return;
    };
    let [flags, _, _, _, length @ ..] = record;
    let spare = message_length.wrapping_sub(u32::from_be_bytes(*length) as usize);
    if spare == EXTENDED_LEN && quirks.has(Quirk::ExtendedFlag) {
        *flags |= 0x80;
    }
    let covered = if quirks.has(Quirk::RecordCoversHeader) {
        message_length
    } else if quirks.has(Quirk::RecordCoversExtension) && spare == EXTENDED_LEN {
        message_length - SHORT_LEN
    } else {
        return;
    };
    *length = (covered as u32).to_be_bytes();
}
