//! Host data: request (5), one host (6), several hosts (7). They belong to the binary
//! mode, and the host profile is not parsed (classic guide, Host Data Messages).

use super::{MessageType, put};
use crate::ResourceError;
use crate::count::Bytes;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use nom::number::{be_u32, be_u128};
use nom::{IResult, Parser, bytes::take, sequence::preceded};

/// A message of the host data exchange with its raw body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct HostData<'a> {
    /// The message type.
    pub kind: HostKind,
    /// The body. An empty one in a [`HostKind::Multiple`] ends the answer.
    pub body: &'a [u8],
}

/// A message type of the host data exchange. Exhaustive: the guide has three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum HostKind {
    /// 5, from the client.
    Request,
    /// 6, from the server.
    Single,
    /// 7, from the server.
    Multiple,
}

impl HostKind {
    /// The message type of this kind.
    pub const fn message_type(self) -> MessageType {
        match self {
            Self::Request => MessageType::HOST_REQUEST,
            Self::Single => MessageType::SINGLE_HOST,
            Self::Multiple => MessageType::MULTIPLE_HOST,
        }
    }
}

impl HostData<'_> {
    /// Bytes of the body.
    pub fn encoded_len(&self) -> usize {
        self.body.len()
    }

    /// Writes the body; see [`crate::wire`] for the contract.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` is shorter than [`Self::encoded_len`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        put(out, &[self.body])
    }
}

/// First and last address of a 40-byte request, after data type and flags.
fn range(input: &[u8]) -> IResult<&[u8], (u128, u128), ()> {
    preceded(take(8usize), (be_u128(), be_u128())).parse(input)
}

/// The same with the 4-byte addresses of older clients.
fn legacy_range(input: &[u8]) -> IResult<&[u8], (u32, u32), ()> {
    preceded(take(8usize), (be_u32(), be_u32())).parse(input)
}

impl fmt::Display for HostData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.message_type())?;
        match (self.kind, self.body.len()) {
            (HostKind::Request, 40) => {
                if let Ok((_, (first, last))) = range(self.body) {
                    let (first, last) = (Ipv6Addr::from(first), Ipv6Addr::from(last));
                    write!(f, " {} to {}", first.to_canonical(), last.to_canonical())?;
                }
                Ok(())
            }
            (HostKind::Request, 16) => {
                if let Ok((_, (first, last))) = legacy_range(self.body) {
                    write!(f, " {} to {}", Ipv4Addr::from(first), Ipv4Addr::from(last))?;
                }
                Ok(())
            }
            (HostKind::Multiple, 0) => f.write_str(" end"),
            _ => write!(f, " {}", Bytes::of(self.body)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_addresses_of_a_request_are_printed_in_both_widths() {
        let mut body = [0; 40];
        body[18..24].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 0]);
        body[34..40].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 255]);
        let request = HostData {
            kind: HostKind::Request,
            body: &body,
        };
        assert_eq!(
            request.to_string(),
            "host data request (5) 10.0.0.0 to 10.0.0.255"
        );
        let legacy = HostData {
            kind: HostKind::Request,
            body: &[0, 0, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 10, 0, 0, 255],
        };
        assert_eq!(legacy.to_string(), request.to_string());
    }

    #[test]
    fn an_empty_body_ends_an_answer_of_several_hosts() {
        let end = HostData {
            kind: HostKind::Multiple,
            body: &[],
        };
        assert_eq!(end.to_string(), "multiple host data (7) end");
    }
}
