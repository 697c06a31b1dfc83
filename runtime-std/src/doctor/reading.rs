//! Determines what the server's record length counts, from the first event.

use estreamer_core::decode::{Decoder, Kind, Limits, Oversize};
use estreamer_core::wire::{
    Evidence, Expected, HEADER_LEN, RecordLayout, RecordLength, RecordReader,
};

/// Returns the layout of the first event in the first bytes of a stream, and the
/// evidence for it.
pub(super) fn first(bytes: &[u8], expected: Expected) -> Option<(RecordLayout, Evidence)> {
    let reader = RecordReader::new(RecordLength::Auto, Some(expected));
    let window = bytes.len().max(estreamer_core::decode::MIN_WINDOW);
    let decoder = Decoder::new(window, Limits::DEFAULT, Oversize::Pieces).ok()?;
    let mut decoder = decoder.with_records(reader);
    let mut rest = bytes;
    loop {
        let step = decoder.step(rest).ok()?;
        let head = step.frame.as_ref().and_then(|frame| frame.head());
        if let Some(head) = head
            && let Kind::Event { layout, .. } = head.kind
        {
            let length = head.header.length;
            let body = rest.get(HEADER_LEN..)?;
            let body = &body[..body.len().min(length as usize)];
            return Some((layout, reader.evidence(body, length)));
        }
        if step.consumed == 0 && step.frame.is_none() {
            return None;
        }
        rest = rest.get(step.consumed..)?;
    }
}
