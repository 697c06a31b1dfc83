//! Recorded streams: decodes them into text, message by message, and replaces in them what
//! others must not see.

mod explain;
mod redact;
mod stream;

pub use redact::{Redacted, RedactionKey, redact};

use std::fmt;
use std::io::{self, Read, Write};

use estreamer_core::PeerError;
use estreamer_core::decode::{Frame, Kind};
use estreamer_core::wire::{Evidence, HEADER_LEN, RecordReader};

use stream::Stream;

/// Why reading a recorded stream stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The input cannot be read.
    Read(io::Error),
    /// The output cannot be written.
    Write(io::Error),
    /// The rest is not an eStreamer stream.
    Peer(PeerError),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot read the stream: {error}"),
            Self::Write(error) => write!(f, "cannot write the result: {error}"),
            Self::Peer(error) => write!(f, "not an eStreamer stream: {error}"),
        }
    }
}

impl std::error::Error for CaptureError {}

/// Determines how the length of each record was interpreted.
#[derive(Default)]
struct Readings(RecordReader);

impl Readings {
    /// Returns the evidence for the first frame in `input`, if it is an event.
    fn evidence(&mut self, frame: &Frame, input: &[u8]) -> Option<Evidence> {
        let head = frame.head()?;
        let length = head.header.length;
        let body = input.get(HEADER_LEN..)?;
        let body = &body[..body.len().min(length as usize)];
        match head.kind {
            Kind::Event { .. } => {
                let evidence = self.0.evidence(body, length);
                // The decoder reports errors.
                let _ = self.0.read(body, length);
                Some(evidence)
            }
            _ => None,
        }
    }
}

/// Prints every message of one direction of a connection without TLS. Returns the number
/// of bytes of a truncated last message. With `explain`, prints each field with its
/// meaning.
///
/// # Errors
/// [`CaptureError`].
pub fn decode(
    input: &mut impl Read,
    explain: bool,
    out: &mut impl Write,
) -> Result<u64, CaptureError> {
    let mut stream = Stream::new();
    let mut readings = Readings::default();
    let mut pieces = 0;
    while let Some(piece) = stream.next(input)? {
        let Some(frame) = &piece.frame else {
            continue;
        };
        let raw = piece.bytes;
        match frame {
            Frame::Begin { .. } => pieces = raw.len() as u64,
            Frame::Chunk { body } => pieces += body.len as u64,
            Frame::End => pieces = 0,
            _ => {}
        }
        let evidence = readings.evidence(frame, piece.unread);
        explain::print(piece.offset, frame, raw, evidence, explain, out)
            .map_err(CaptureError::Write)?;
    }
    Ok(stream.rest().len() as u64 + pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(stream: &[u8], explain: bool) -> (String, Result<u64, CaptureError>) {
        let mut out = Vec::new();
        let result = decode(&mut &stream[..], explain, &mut out);
        (String::from_utf8(out).unwrap(), result)
    }

    const NULL: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];
    /// A bundle of one intrusion event with its archival time, from the test vectors.
    const BUNDLE: &[u8] = b"\0\x01\x0f\xa2\0\0\0\x2d\0\0\0\x2a\0\0\0\x01\
        \0\0\0\x04\0\0\0\x1d\0\0\x01\x90\0\0\0\x0d\x65\x53\xf1\x01\0\0\0\0{\"EventID\":7}";

    #[test]
    fn a_message_is_a_line_with_its_offset_and_nested_ones_are_indented() {
        let (text, result) = text(&[&NULL, BUNDLE, &NULL].concat(), false);
        assert!(matches!(result, Ok(0)));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("00000000  null"), "{text}");
        assert!(lines[1].starts_with("00000008  bundle 1 of connection 42"));
        assert!(
            lines[2].starts_with("00000018    event intrusion (400)"),
            "{text}"
        );
        assert!(lines[3].starts_with("0000003d  null"));
    }

    #[test]
    fn explained_each_byte_is_in_a_field_with_a_meaning_and_a_section() {
        let (text, _) = text(BUNDLE, true);
        for part in [
            "0fa2",
            "0000002a",
            "connection id",
            "00000190",
            "400 = intrusion",
            "2023-11-14T22:13:21Z",
            "{\"EventID\":7}",
            "classic guide, Message Bundle Format",
            "FQE, Fully-Qualified Event Messages",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }

    #[test]
    fn the_reading_of_a_record_length_is_named_with_its_evidence() {
        // R covers the extension: 8 more than the data.
        let mut covers = BUNDLE.to_vec();
        covers[31] += 8;
        let (plain, _) = text(&covers, false);
        let reading = "the record length counts archival timestamp, reserved word and data, decided \
                       by the beginning of the data";
        assert!(plain.contains(reading), "{plain}");
        assert!(plain.contains("13 bytes"), "{plain}");
        let (explained, _) = text(&covers, true);
        assert!(
            explained.contains("21 bytes: archival timestamp"),
            "{explained}"
        );
        let (strict, _) = text(BUNDLE, true);
        assert!(
            strict.contains("13 bytes: the data, decided by the lengths"),
            "{strict}"
        );
        let (plain, _) = text(BUNDLE, false);
        assert!(!plain.contains("decided by"), "{plain}");
    }

    #[test]
    fn a_cut_stream_says_how_much_of_a_message_there_is() {
        for cut in 1..BUNDLE.len() {
            let (_, result) = text(&BUNDLE[..cut], true);
            match (cut, result) {
                // Between the bundle's fixed fields and its event nothing is cut.
                (16, Ok(0)) | (_, Ok(1..)) => {}
                (_, Ok(0)) => panic!("{cut}"),
                (_, Err(_)) => panic!("{cut} is an error"),
            }
        }
    }

    #[test]
    fn what_is_no_stream_ends_with_its_offset() {
        let (text, result) = text(&[&NULL[..], b"HTTP/1.1 400"].concat(), true);
        assert!(text.starts_with("00000000"));
        assert!(matches!(
            result,
            Err(CaptureError::Peer(PeerError::InvalidHeader {
                offset: 8,
                ..
            }))
        ));
    }

    #[test]
    fn a_message_larger_than_the_window_is_shown_by_its_head() {
        let length: u32 = (3 << 20) + 8;
        let mut stream = vec![0, 1, 0, 4];
        for word in [length, 500, length - 8] {
            stream.extend_from_slice(&word.to_be_bytes());
        }
        stream.resize(8 + length as usize, b'x');
        let (text, result) = text(&stream, true);
        assert!(matches!(result, Ok(0)));
        assert!(text.contains("500 = file"), "{text}");
        assert!(text.len() < 2000);
    }

    #[test]
    fn the_peers_bytes_cannot_steer_a_terminal() {
        let mut message = vec![0, 1, 0, 1, 0, 0, 0, 10, 0, 0, 0, 1, 0, 4];
        message.extend_from_slice(b"\x1b[2J");
        for explain in [true, false] {
            let (text, _) = text(&message, explain);
            assert!(!text.contains('\x1b'), "{text}");
        }
    }
}
