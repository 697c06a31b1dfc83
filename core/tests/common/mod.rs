//! Messages as bytes, and the results of decoding them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod conversation;
pub mod provoke;

use estreamer_core::PeerError;
use estreamer_core::decode::{Decoder, Frame, Head, Limits, Oversize};

/// Changes a value. Non-exhaustive structures have no literals outside their crate.
pub fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}

/// Any message, valid or not.
pub fn message(version: u16, message_type: u16, body: &[u8]) -> Vec<u8> {
    with_length(version, message_type, body.len() as u32, body)
}

/// A message with any length field.
pub fn with_length(version: u16, message_type: u16, length: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(version.to_be_bytes());
    bytes.extend(message_type.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// A record: flag, Netmap ID and type in one word, record length, the rest.
pub fn record(word: u32, record_length: u32, rest: &[u8]) -> Vec<u8> {
    let mut body = word.to_be_bytes().to_vec();
    body.extend(record_length.to_be_bytes());
    body.extend(rest);
    body
}

/// The record of an intrusion event, with archival timestamp 1.
pub fn extended(data: &[u8]) -> Vec<u8> {
    let mut rest = vec![0, 0, 0, 1, 0, 0, 0, 0];
    rest.extend(data);
    record(400, data.len() as u32, &rest)
}

/// An event in a bundle.
pub fn nested_event(data: &[u8]) -> Vec<u8> {
    message(0, 4, &extended(data))
}

/// Code, text length, text.
pub fn error_body(code: i32, text_length: u16, text: &[u8]) -> Vec<u8> {
    let mut body = code.to_be_bytes().to_vec();
    body.extend(text_length.to_be_bytes());
    body.extend(text);
    body
}

pub fn error(code: i32, text: &str) -> Vec<u8> {
    message(1, 1, &error_body(code, text.len() as u16, text.as_bytes()))
}

pub fn null() -> Vec<u8> {
    message(1, 0, &[])
}

pub fn bundle(sequence: u32, nested: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 42];
    body.extend(sequence.to_be_bytes());
    body.extend(nested);
    message(1, 4002, &body)
}

pub fn request(from: u32, flags: u32, block: &[u8]) -> Vec<u8> {
    let mut body = from.to_be_bytes().to_vec();
    body.extend(flags.to_be_bytes());
    body.extend(block);
    message(1, 2, &body)
}

/// A result of decoding, with pieces joined.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Bundle { sequence: u32, length: u32 },
    Message { head: Head, body: Vec<u8> },
    Skipped { head: Head, length: u32 },
    BundleEnd,
}

impl Seen {
    pub fn head(&self) -> &Head {
        match self {
            Self::Message { head, .. } | Self::Skipped { head, .. } => head,
            other => panic!("no message: {other:?}"),
        }
    }

    pub fn body(&self) -> &[u8] {
        match self {
            Self::Message { body, .. } => body,
            other => panic!("no whole message: {other:?}"),
        }
    }
}

/// Joins the pieces of messages.
#[derive(Debug, Default)]
pub struct Join {
    pub seen: Vec<Seen>,
    /// The message in pieces: its head, its length, its bytes so far.
    open: Option<(Head, u32, Vec<u8>)>,
    /// Whether a message was in pieces.
    pub pieces: bool,
}

impl Join {
    pub fn add(&mut self, frame: &Frame, input: &[u8]) {
        match frame {
            Frame::BundleBegin { bundle, length } => self.seen.push(Seen::Bundle {
                sequence: bundle.sequence,
                length: *length,
            }),
            Frame::BundleEnd => self.seen.push(Seen::BundleEnd),
            Frame::Skipped { head, length } => self.seen.push(Seen::Skipped {
                head: *head,
                length: *length,
            }),
            Frame::Message { head, body } => self.seen.push(Seen::Message {
                head: *head,
                body: body.of(input).to_vec(),
            }),
            Frame::Begin { head, length } => {
                assert!(self.open.is_none(), "one message at a time");
                self.open = Some((*head, *length, Vec::new()));
                self.pieces = true;
            }
            Frame::Chunk { body } => {
                assert!(body.len > 0, "a chunk is not empty");
                let (_, _, joined) = self.open.as_mut().expect("a chunk follows a beginning");
                joined.extend(body.of(input));
            }
            Frame::End => {
                let (head, length, body) = self.open.take().expect("an end ends something");
                assert_eq!(body.len(), length as usize, "the length was announced");
                self.seen.push(Seen::Message { head, body });
            }
            other => panic!("handle this frame here: {other:?}"),
        }
    }
}

/// The result of decoding a stream.
#[derive(Debug)]
pub struct Decoded {
    pub seen: Vec<Seen>,
    pub pieces: bool,
    /// Bytes that were not consumed.
    pub left: usize,
    pub error: Option<PeerError>,
    pub decoder: Decoder,
}

/// Feeds a stream in chunks through a window.
pub fn decode(
    stream: &[u8],
    window: usize,
    chunk: usize,
    limits: Limits,
    oversize: Oversize,
) -> Decoded {
    let mut decoder = Decoder::new(window, limits, oversize).unwrap();
    let mut join = Join::default();
    let (mut start, mut end) = (0, 0);
    let error = loop {
        match decoder.step(&stream[start..end]) {
            Err(error) => break Some(error),
            Ok(step) => {
                if let Some(frame) = &step.frame {
                    join.add(frame, &stream[start..end]);
                }
                start += step.consumed;
                assert_eq!(decoder.offset(), start as u64);
                if step.consumed > 0 || step.frame.is_some() {
                    continue;
                }
            }
        }
        if end == stream.len() {
            break None;
        }
        assert!(end - start < window, "a full window is always enough");
        end = (end + chunk).min(start + window).min(stream.len());
    };
    Decoded {
        seen: join.seen,
        pieces: join.pieces,
        left: stream.len() - start,
        error,
        decoder,
    }
}

/// Decodes at once, and asserts the same result through small windows in small chunks.
#[track_caller]
pub fn decode_in_every_way(stream: &[u8]) -> Vec<Seen> {
    let limits = Limits::DEFAULT;
    let whole = decode(stream, 1 << 20, usize::MAX / 2, limits, Oversize::Pieces);
    assert_eq!((whole.left, whole.error), (0, None));
    assert!(whole.decoder.at_boundary());
    for (window, chunk) in [(64, 1), (64, 64), (65, 7), (100, 3)] {
        let parts = decode(stream, window, chunk, limits, Oversize::Pieces);
        assert_eq!(parts.seen, whole.seen, "window {window}, chunks of {chunk}");
        assert_eq!(parts.left, 0);
    }
    whole.seen
}
