//! The request flags and their names (classic guide, Request Flags; FQE uses bit 23 only).

use core::fmt;

/// The flags of an event stream request. May hold unknown bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RequestFlags(pub u32);

impl RequestFlags {
    /// Bit 23: records have an archival timestamp. Resuming needs it.
    pub const EXTENDED_HEADER: Self = Self(1 << 23);
    /// Bit 30: the server offers its services first. Cannot be combined with a JSON
    /// block.
    pub const EXTENDED_REQUEST: Self = Self(1 << 30);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits of `self` that are not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The name of bit `bit` (0–31) in the guides.
    pub fn name(bit: u32) -> Option<&'static str> {
        NAMES
            .iter()
            .find_map(|&(number, name)| (number == bit).then_some(name))
    }
}

impl fmt::Display for RequestFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)?;
        let mut separator = " [";
        for bit in (0..u32::BITS).filter(|bit| self.0 >> bit & 1 == 1) {
            f.write_str(separator)?;
            match Self::name(bit) {
                Some(name) => f.write_str(name)?,
                None => write!(f, "bit {bit}")?,
            }
            separator = ", ";
        }
        if self.0 == 0 {
            Ok(())
        } else {
            f.write_str("]")
        }
    }
}

const NAMES: [(u32, &str); 30] = [
    (0, "packet data"),
    (1, "metadata v1"),
    (2, "intrusion"),
    (3, "discovery v1"),
    (4, "correlation v1"),
    (5, "impact alerts"),
    (6, "intrusion with impact"),
    (7, "discovery v2"),
    (8, "connection v1"),
    (9, "correlation v2"),
    (10, "discovery v3"),
    (11, "suppress default events"),
    (12, "connection v3"),
    (13, "correlation v3"),
    (14, "metadata v2"),
    (15, "metadata v3"),
    (17, "discovery v4"),
    (18, "connection v4"),
    (19, "correlation v4"),
    (20, "metadata v4"),
    (21, "user"),
    (22, "correlation v5"),
    (23, "extended event header"),
    (24, "discovery v5"),
    (25, "discovery v6"),
    (26, "connection v5"),
    (27, "extra data"),
    (28, "discovery v7"),
    (29, "correlation v6"),
    (30, "extended request"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn set_bits_are_printed_by_name_and_unnamed_ones_by_number() {
        let flags = RequestFlags(0x4881_0001);
        assert_eq!(
            flags.to_string(),
            "0x48810001 [packet data, bit 16, extended event header, extra data, extended request]"
        );
        assert_eq!(RequestFlags(0).to_string(), "0x00000000");
    }

    #[test]
    fn every_bit_but_16_and_31_has_a_name() {
        let unnamed: std::vec::Vec<u32> = (0..32)
            .filter(|&bit| RequestFlags::name(bit).is_none())
            .collect();
        assert_eq!(unnamed, [16, 31]);
    }
}
