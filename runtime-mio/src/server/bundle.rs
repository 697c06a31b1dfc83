//! Builds one bundle from the records of a feed.

use estreamer_core::quirk::Quirks;
use estreamer_core::session::Instant;
use estreamer_core::wire::{Bundle, BundleHeader, Event, HEADER_LEN, Message};

use super::feed::{Feed, Supply};

/// The largest bundle in bytes, unless a single record is larger. Its length field
/// has 32 bits.
const MAX_LEN: usize = 1 << 30;
/// Bytes of the buffer that are kept allocated for the next bundle.
const KEPT: usize = 1 << 20;

/// Builds one bundle of at most `count` records in `buffer`, which is cleared and
/// grows as it has to. A [`BundleWriter`](estreamer_core::wire::BundleWriter) needs
/// a buffer of known size instead.
pub(super) fn build(
    buffer: &mut Vec<u8>,
    header: BundleHeader,
    quirks: Quirks,
    feed: &mut impl Feed,
    count: usize,
    now: Instant,
) {
    buffer.clear();
    buffer.shrink_to(KEPT);
    let empty = Message::Bundle(Bundle {
        header,
        nested: &[],
    });
    append(buffer, &empty, |out| empty.emit(out).ok());
    for _ in 0..count {
        let Supply::Record(record) = feed.peek(now) else {
            break;
        };
        if buffer.len() > HEADER_LEN + 8 && buffer.len() + record.data.len() > MAX_LEN {
            break;
        }
        let event = Event::new(record.record_type, record.archival, record.data);
        let message = Message::Event(event);
        append(buffer, &message, |out| {
            message.emit_nested(quirks, out).ok()
        });
        feed.take();
    }
    let length = buffer.len().saturating_sub(HEADER_LEN) as u32;
    if let Some(field) = buffer.get_mut(4..HEADER_LEN) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends a message that `emit` writes.
fn append(
    buffer: &mut Vec<u8>,
    message: &Message<'_>,
    emit: impl FnOnce(&mut [u8]) -> Option<usize>,
) {
    let start = buffer.len();
    buffer.resize(start + message.encoded_len(), 0);
    let length = emit(&mut buffer[start..]).unwrap_or(0);
    buffer.truncate(start + length);
}
