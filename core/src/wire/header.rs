//! The message header: the first 8 bytes of every message (FQE, Error Message
//! Format).

use super::put;
use crate::{PeerError, ResourceError};
use core::fmt;
use nom::{IResult, Parser, number::be_u16, number::be_u32};

/// Bytes of a message header.
pub const HEADER_LEN: usize = 8;

/// The header of a message, top-level or nested in a bundle (FQE, Error Message
/// Format; classic guide, Message Header).
///
/// | off | type | field |
/// |---|---|---|
/// | 0 | u16 | version, 1 (nested: real servers send 0) |
/// | 2 | u16 | message type |
/// | 4 | u32 | length: bytes that follow this header |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Header {
    /// 1 at top level; any value inside a bundle.
    pub version: u16,
    /// The type of the message.
    pub message_type: MessageType,
    /// Bytes that follow the header.
    pub length: u32,
}

impl Header {
    /// A top-level header, version 1.
    pub const fn new(message_type: MessageType, length: u32) -> Self {
        Self {
            version: 1,
            message_type,
            length,
        }
    }

    /// Reads a header and returns the bytes after it.
    ///
    /// # Errors
    /// [`PeerError::Truncated`] below 8 bytes. Any version is accepted.
    pub fn parse(input: &[u8]) -> Result<(Self, &[u8]), PeerError> {
        match header(input) {
            Ok((rest, header)) => Ok((header, rest)),
            Err(_) => Err(PeerError::Truncated {
                needed: HEADER_LEN.saturating_sub(input.len()) as u32,
            }),
        }
    }

    /// Always [`HEADER_LEN`].
    pub const fn encoded_len(&self) -> usize {
        HEADER_LEN
    }

    /// Writes the header; see [`crate::wire`] for the contract.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` is shorter than 8 bytes.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        put(
            out,
            &[
                &self.version.to_be_bytes(),
                &self.message_type.0.to_be_bytes(),
                &self.length.to_be_bytes(),
            ],
        )
    }
}

/// The streaming nom parser for [`Header::parse`] and the decoder.
#[inline]
pub(crate) fn header(input: &[u8]) -> IResult<&[u8], Header, ()> {
    (be_u16(), be_u16(), be_u32())
        .map(|(version, message_type, length)| Header {
            version,
            message_type: MessageType(message_type),
            length,
        })
        .parse(input)
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} v{} length {}",
            self.message_type, self.version, self.length
        )
    }
}

/// A message type (classic guide, Message Types). May hold an unknown number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MessageType(pub u16);

impl MessageType {
    /// Acknowledgement or keep-alive.
    pub const NULL: Self = Self(0);
    /// Error code and text, sent before the sender closes the connection.
    pub const ERROR: Self = Self(1);
    /// A client's request for events.
    pub const EVENT_STREAM_REQUEST: Self = Self(2);
    /// Event data, with the number from the fully-qualified guide.
    pub const EVENT_DATA_3: Self = Self(3);
    /// Event data, with the number from the classic guide.
    pub const EVENT_DATA: Self = Self(4);
    /// Host data request.
    pub const HOST_REQUEST: Self = Self(5);
    /// Data of one host.
    pub const SINGLE_HOST: Self = Self(6);
    /// Data of one of several hosts; an empty one ends the list.
    pub const MULTIPLE_HOST: Self = Self(7);
    /// The services that a client chooses, in extended mode.
    pub const STREAMING_REQUEST: Self = Self(2049);
    /// The services that a server offers, in extended mode.
    pub const STREAMING_INFORMATION: Self = Self(2051);
    /// Several messages, acknowledged together.
    pub const BUNDLE: Self = Self(4002);

    /// The name of the type in the guides; `None` for an unknown number.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NULL => "null",
            Self::ERROR => "error",
            Self::EVENT_STREAM_REQUEST => "event stream request",
            Self::EVENT_DATA_3 | Self::EVENT_DATA => "event data",
            Self::HOST_REQUEST => "host data request",
            Self::SINGLE_HOST => "single host data",
            Self::MULTIPLE_HOST => "multiple host data",
            Self::STREAMING_REQUEST => "streaming request",
            Self::STREAMING_INFORMATION => "streaming information",
            Self::BUNDLE => "bundle",
            _ => return None,
        })
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name().unwrap_or("unknown"), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_a_round_trip_with_any_numbers() {
        let header = Header {
            version: 0xabcd,
            message_type: MessageType(0x1234),
            length: u32::MAX,
        };
        let mut out = [0; 8];
        assert_eq!(header.emit(&mut out), Ok(8));
        assert_eq!(
            out,
            [0xab, 0xcd, 0x12, 0x34, 0xff, 0xff, 0xff, 0xff],
            "big-endian throughout"
        );
        assert_eq!(Header::parse(&out), Ok((header, &[][..])));
    }

    #[test]
    fn a_cut_header_says_how_many_bytes_are_missing() {
        for have in 0..8 {
            assert_eq!(
                Header::parse(&[0; 8][..have]),
                Err(PeerError::Truncated {
                    needed: 8 - have as u32
                })
            );
        }
    }
}
