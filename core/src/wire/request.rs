//! The event stream request (FQE, Requesting Fully-qualified Events).

use super::flags::RequestFlags;
use super::{Null, put};
use crate::count::Bytes;
use crate::{Malformed, ResourceError};
use core::fmt;
use nom::{IResult, Parser, number::be_u32};

/// Bytes of timestamp and flags.
pub(crate) const FIXED_LEN: usize = 8;

/// An event stream request (FQE, Requesting Fully-qualified Events).
///
/// | off | type | field |
/// |---|---|---|
/// | 0 | u32 | initial timestamp |
/// | 4 | u32 | flags |
/// | 8 | n | JSON block, fully-qualified requests only; a terminating NUL is optional |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct EventStreamRequest<'a> {
    /// The start of the stream in the server's archive.
    pub from: InitialTimestamp,
    /// The request flags. A fully-qualified request has bit 23 only.
    pub flags: RequestFlags,
    /// The JSON block as received; empty in a binary request.
    pub block: &'a [u8],
}

impl<'a> EventStreamRequest<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Malformed::RequestTooShort`] below 8 bytes.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (block, (from, flags)) = fixed(body).map_err(|_| Malformed::RequestTooShort)?;
        Ok(Self { from, flags, block })
    }

    /// The JSON block without its optional NUL, and without the null message that the
    /// length may include; see [`crate::fqe::RequestForm::Both`].
    pub fn json(&self) -> &'a [u8] {
        let block = self.block.strip_suffix(&Null::BYTES).unwrap_or(self.block);
        block.strip_suffix(&[0]).unwrap_or(block)
    }

    /// Bytes of the body.
    pub fn encoded_len(&self) -> usize {
        FIXED_LEN + self.block.len()
    }

    /// Writes the body; see [`crate::wire`] for the contract.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` is shorter than [`Self::encoded_len`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        put(
            out,
            &[
                &self.from.0.to_be_bytes(),
                &self.flags.0.to_be_bytes(),
                self.block,
            ],
        )
    }
}

/// The streaming parser for timestamp and flags.
pub(crate) fn fixed(input: &[u8]) -> IResult<&[u8], (InitialTimestamp, RequestFlags), ()> {
    (be_u32(), be_u32())
        .map(|(from, flags)| (InitialTimestamp(from), RequestFlags(flags)))
        .parse(input)
}

impl fmt::Display for EventStreamRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event stream request from {}", self.from)?;
        write!(f, ", flags {}", self.flags)?;
        match self.json() {
            [] => Ok(()),
            json => write!(f, ", JSON {}", Bytes::of(json)),
        }
    }
}

/// The start of a stream in the server's archive (FQE, Accepting Data). The stream
/// has the events with this archival timestamp or a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct InitialTimestamp(
    /// UNIX seconds, or one of the two constants.
    pub u32,
);

impl InitialTimestamp {
    /// The oldest event in the archive.
    pub const OLDEST: Self = Self(0);
    /// Only new events.
    pub const NOW: Self = Self(u32::MAX);
}

impl fmt::Display for InitialTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OLDEST => f.write_str("oldest"),
            Self::NOW => f.write_str("now"),
            Self(seconds) => write!(f, "second {seconds}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn one_trailing_nul_is_not_part_of_the_json() {
        let body = [0, 0, 0, 0, 0, 0x80, 0, 0, b'{', b'}', 0];
        let request = EventStreamRequest::parse(&body).unwrap();
        assert_eq!(request.json(), b"{}");
        assert_eq!(request.block, b"{}\0", "but it survives a round trip");
        assert_eq!(
            request.to_string(),
            "event stream request from oldest, flags 0x00800000 [extended event header], JSON 2 bytes"
        );
    }

    #[test]
    fn a_null_message_that_the_length_counts_is_not_part_of_the_json() {
        for nul in [&[][..], &[0]] {
            let body = [&[0; 8], &b"{}"[..], nul, &Null::BYTES].concat();
            let request = EventStreamRequest::parse(&body).unwrap();
            assert_eq!(request.json(), b"{}");
        }
    }

    #[test]
    fn a_request_without_flags_is_malformed() {
        assert_eq!(
            EventStreamRequest::parse(&[0; 7]),
            Err(Malformed::RequestTooShort)
        );
    }
}
