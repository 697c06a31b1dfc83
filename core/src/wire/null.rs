//! The null message: an acknowledgement from a client, a keep-alive from a server.

use super::{HEADER_LEN, Header, MessageType};
use core::fmt;

/// A null message (FQE, Fully-Qualified Event Messages; Accepting Data).
///
/// It has no body. A body from a peer is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Null;

impl Null {
    /// The whole message, including its header.
    pub const BYTES: [u8; HEADER_LEN] = [0, 1, 0, 0, 0, 0, 0, 0];
    /// Its header.
    pub const HEADER: Header = Header::new(MessageType::NULL, 0);
}

impl fmt::Display for Null {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_bytes_are_the_emitted_header() {
        let mut out = [0xff; 8];
        Null::HEADER.emit(&mut out).unwrap();
        assert_eq!(out, Null::BYTES);
    }
}
