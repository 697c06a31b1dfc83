//! The literal reading of a request's length (FQE, Requesting Fully-qualified
//! Events: "must include the length of the binary header").

use estreamer_core::wire::{HEADER_LEN, MessageType};

/// Subtracts the header from the length of a request that counts it, so that the
/// request is like every other message. Returns false while the header is not
/// complete.
pub(super) fn take_header_off(unread: &mut [u8]) -> bool {
    let Some(header) = unread.first_chunk_mut::<HEADER_LEN>() else {
        return false;
    };
    let [_, _, kind @ .., a, b, c, d] = header;
    if *kind == MessageType::EVENT_STREAM_REQUEST.0.to_be_bytes() {
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        [*a, *b, *c, *d] = length.saturating_sub(HEADER_LEN as u32).to_be_bytes();
    }
    true
}
