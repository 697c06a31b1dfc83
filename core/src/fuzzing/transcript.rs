//! What a stream was decoded to, whatever pieces it came in.

use crate::decode::Frame;
use core::fmt::{self, Write};

/// FNV-1a: distinguishes transcripts without an allocator.
#[derive(Clone, Copy)]
struct TranscriptHash(u64);

impl TranscriptHash {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl Write for TranscriptHash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

/// A digest of the received messages, whether whole or in pieces.
pub(super) struct Transcript {
    whole: TranscriptHash,
    /// Includes the pieces of an incomplete message.
    pieces: TranscriptHash,
}

impl Default for Transcript {
    fn default() -> Self {
        let empty = TranscriptHash(0xcbf2_9ce4_8422_2325);
        Self {
            whole: empty,
            pieces: empty,
        }
    }
}

impl Transcript {
    /// Returns a digest of the complete messages.
    pub(super) const fn digest(&self) -> u64 {
        self.whole.0
    }

    pub(super) fn add(&mut self, frame: &Frame, input: &[u8]) {
        let pieces = &mut self.pieces;
        match frame {
            Frame::Message { head, body } => {
                let _ = write!(pieces, "{head:?} {}", body.len);
                pieces.add(body.of(input));
            }
            Frame::Begin { head, length } => {
                let _ = write!(pieces, "{head:?} {length}");
                return;
            }
            Frame::Chunk { body } => return pieces.add(body.of(input)),
            Frame::End => {}
            Frame::BundleBegin { .. } | Frame::Skipped { .. } | Frame::BundleEnd => {
                let _ = write!(pieces, "{frame:?}");
            }
        }
        self.whole = self.pieces;
    }
}
