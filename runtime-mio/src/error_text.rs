//! The text of a peer's error message.

use std::fmt;

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::wire::{Lossy, trim_nul};

/// Collects the text of a peer's error message, which may come in pieces.
#[derive(Default)]
pub(crate) struct ErrorText {
    bytes: Vec<u8>,
    inside: bool,
}

/// Bytes of the text that are kept.
const KEPT: usize = 4096;

impl ErrorText {
    /// Keeps the text of a frame found in `input`, if the frame has one.
    pub(crate) fn keep(&mut self, frame: &Frame, input: &[u8]) {
        let is_error = |head: &Head| matches!(head.kind, Kind::Error { .. });
        let part = match frame {
            Frame::Message { head, body } if is_error(head) => body,
            Frame::Chunk { body } if self.inside => body,
            Frame::Begin { head, .. } => {
                self.inside = is_error(head);
                return;
            }
            _ => return,
        };
        let room = KEPT.saturating_sub(self.bytes.len());
        let part = part.of(input);
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
    }
}

impl fmt::Display for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Lossy(trim_nul(&self.bytes)).fmt(f)
    }
}
