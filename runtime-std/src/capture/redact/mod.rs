//! Replaces in a recorded stream what others must not see. Messages, record headers and all
//! lengths stay.

mod body;
mod escapes;
mod fields;
mod json;
mod pseudonym;
mod symbols;
mod text;
mod token;

#[cfg(test)]
mod tests;

pub use pseudonym::RedactionKey;

use std::io::{Read, Write};

use estreamer_core::PeerError;
use estreamer_core::decode::Frame;
use estreamer_core::wire::{HEADER_LEN, Header};

use super::CaptureError;
use super::stream::{Piece, Stream};
use body::FILLER;
use text::Pseudonyms;

/// What [`redact`] found at the end of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Redacted {
    /// The stream is complete.
    Complete,
    /// The last message is truncated, after so many bytes.
    Truncated(u64),
    /// The rest is not an eStreamer stream. All its bytes are replaced.
    Lost(PeerError),
}

/// Copies one direction of a connection without TLS and replaces addresses, users, names, URLs
/// and all other text by pseudonyms that depend on the key. What is kept: message and record
/// headers, all lengths, the names of an event's fields, numbers that count something, words of
/// Cisco's own lists, and punctuation. A message that is larger than 1 MiB, or is not
/// understood, is replaced whole.
///
/// # Errors
/// The input cannot be read, the output cannot be written, or the input is not an eStreamer
/// stream from its first byte on; then nothing is written.
pub fn redact(
    input: &mut impl Read,
    key: RedactionKey,
    out: &mut impl Write,
) -> Result<Redacted, CaptureError> {
    let mut stream = Stream::new();
    let mut redactor = Redactor {
        pseudonyms: Pseudonyms::new(key),
        pieces: None,
        copy: Vec::new(),
        has_begun: false,
    };
    loop {
        match stream.next(input) {
            Ok(Some(piece)) => redactor.piece(&piece, out),
            Ok(None) => {
                let left = stream.rest();
                let copy = redactor.truncated(left);
                out.write_all(copy).map_err(CaptureError::Write)?;
                let length = left.len() as u64 + redactor.pieces.map_or(0, |pieces| pieces.length);
                return Ok(match length {
                    0 => Redacted::Complete,
                    length => Redacted::Truncated(length),
                });
            }
            Err(CaptureError::Peer(error)) if redactor.has_begun => {
                fill(stream.rest().len() as u64, out)?;
                let mut rest = [0; 4096];
                loop {
                    match input.read(&mut rest) {
                        Ok(0) => return Ok(Redacted::Lost(error)),
                        Ok(count) => fill(count as u64, out)?,
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(CaptureError::Read(error)),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        .map_err(CaptureError::Write)?;
    }
}

struct Redactor {
    pseudonyms: Pseudonyms,
    /// The message that comes in pieces.
    pieces: Option<Pieces>,
    /// The bytes to write.
    copy: Vec<u8>,
    /// Whether there was a message.
    has_begun: bool,
}

#[derive(Clone, Copy)]
struct Pieces {
    /// Its bytes so far.
    length: u64,
    /// Bytes to keep at the start of the next piece.
    kept: usize,
}

impl Redactor {
    /// Writes a piece with its variable part replaced.
    fn piece(&mut self, piece: &Piece<'_>, out: &mut impl Write) -> std::io::Result<()> {
        self.has_begun = true;
        self.copy.clear();
        self.copy.extend_from_slice(piece.bytes);
        match &piece.frame {
            Some(Frame::Message { head, body }) => {
                let end = body.start + body.len;
                let surplus = self.copy.split_off(end.min(self.copy.len()));
                let mut data = self.copy.split_off(body.start.min(self.copy.len()));
                body::redact(head, &mut data, &mut self.pseudonyms);
                self.copy.append(&mut data);
                self.copy.resize(self.copy.len() + surplus.len(), FILLER);
            }
            Some(Frame::Begin { head, .. }) => {
                self.pieces = Some(Pieces {
                    length: piece.bytes.len() as u64,
                    kept: body::lengths(head.kind),
                });
            }
            Some(Frame::Chunk { .. }) => {
                let pieces = self.pieces.get_or_insert(Pieces { length: 0, kept: 0 });
                let kept = pieces.kept.min(self.copy.len());
                pieces.kept -= kept;
                pieces.length += self.copy.len() as u64;
                body::fill(&mut self.copy[kept..]);
            }
            Some(Frame::End) => self.pieces = None,
            // Its fixed fields.
            Some(Frame::BundleBegin { .. } | Frame::BundleEnd) => {}
            // Bytes without meaning, and frames of later versions.
            _ => self.copy.fill(FILLER),
        }
        out.write_all(&self.copy)
    }

    /// Returns what is there of a truncated last message: its header is kept.
    fn truncated(&mut self, left: &[u8]) -> &[u8] {
        self.copy.clear();
        self.copy.extend_from_slice(left);
        let kept = match self.pieces.is_none() && Header::parse(left).is_ok() {
            true => HEADER_LEN,
            false => 0,
        };
        self.copy[kept..].fill(FILLER);
        &self.copy
    }
}

/// Writes so many bytes without meaning.
fn fill(mut count: u64, out: &mut impl Write) -> Result<(), CaptureError> {
    let filler = [FILLER; 4096];
    while count > 0 {
        let part = count.min(filler.len() as u64);
        out.write_all(&filler[..part as usize])
            .map_err(CaptureError::Write)?;
        count -= part;
    }
    Ok(())
}
