//! The record header and the record type (FQE, Fully-Qualified Event Messages;
//! classic guide, Record Types). [`RecordReader`](super::RecordReader) reads it.

use core::fmt;

/// Bytes of the short record header.
pub(crate) const SHORT_LEN: usize = 8;
/// Bytes of the extended record header.
pub(crate) const EXTENDED_LEN: usize = 16;

/// The record header without its length field (FQE, Fully-Qualified Event Messages;
/// classic guide, Intrusion Record Header).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordHeader {
    /// Bit 31, the extended-header flag. Real servers send an extension with the flag
    /// clear.
    pub flag: bool,
    /// Netmap ID, 15 bits; 0 on a server with one domain.
    pub netmap: u16,
    /// The record type.
    pub record_type: RecordType,
    /// Archival timestamp and reserved word; `None` in a short header.
    pub extension: Option<Extension>,
}

/// The second half of an extended record header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Extension {
    /// Archival timestamp in UNIX seconds; 0 for metadata.
    pub archival: u32,
    /// A checksum, which no client verifies; sent as 0.
    pub reserved: u32,
}

impl From<(u32, u32)> for Extension {
    fn from((archival, reserved): (u32, u32)) -> Self {
        Self { archival, reserved }
    }
}

/// Which bytes the record length R counts, by its relation to the message length L.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RecordLayout {
    /// L = R + 16: an extended header, and R counts the data.
    Extended,
    /// L = R + 8: a short header, and R counts the data.
    Short,
    /// L = R + 8: an extended header, and R counts archival timestamp, reserved
    /// word and data.
    CoversExtension,
    /// L = R: R counts the header, short or extended, and the data.
    CoversHeader,
    /// None of these, but the flag is set and there is room for the extension. The
    /// data is the rest of the message.
    Clipped,
}

impl fmt::Display for RecordLayout {
    /// Writes what the record length counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extended | Self::Short => "the data",
            Self::CoversExtension => "archival timestamp, reserved word and data",
            Self::CoversHeader => "record header and data",
            Self::Clipped => "a number of bytes that does not fit the message",
        })
    }
}

impl RecordHeader {
    /// A record header as real servers send it, with bit 31 clear.
    pub const fn new(record_type: RecordType, archival: Option<u32>) -> Self {
        Self {
            flag: false,
            netmap: 0,
            record_type,
            extension: match archival {
                Some(archival) => Some(Extension {
                    archival,
                    reserved: 0,
                }),
                None => None,
            },
        }
    }

    /// The archival timestamp in UNIX seconds, if there is one.
    pub const fn archival(&self) -> Option<u32> {
        match self.extension {
            Some(extension) => Some(extension.archival),
            None => None,
        }
    }

    /// Bytes of the record header.
    pub const fn encoded_len(&self) -> usize {
        match self.extension {
            Some(_) => EXTENDED_LEN,
            None => SHORT_LEN,
        }
    }

    /// The header with this first word.
    pub(super) const fn from_word(word: u32, extension: Option<Extension>) -> Self {
        Self {
            flag: word >> 31 == 1,
            netmap: (word >> 16 & 0x7fff) as u16,
            record_type: RecordType(word as u16),
            extension,
        }
    }

    pub(super) fn word(&self) -> u32 {
        u32::from(self.flag) << 31
            | u32::from(self.netmap & 0x7fff) << 16
            | u32::from(self.record_type.0)
    }
}

impl fmt::Display for RecordHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record_type.fmt(f)?;
        if self.netmap != 0 {
            write!(f, ", netmap {}", self.netmap)?;
        }
        match self.archival() {
            Some(archival) => write!(f, ", archived {archival}"),
            None => Ok(()),
        }
    }
}

/// A record type (classic guide, Record Types); unknown numbers are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RecordType(pub u16);

impl RecordType {
    /// A packet of an intrusion event.
    pub const INTRUSION_PACKET: Self = Self(2);
    /// A connection event.
    pub const CONNECTION: Self = Self(71);
    /// An intrusion event.
    pub const INTRUSION: Self = Self(400);
    /// A file event.
    pub const FILE: Self = Self(500);
    /// A file event with malware.
    pub const FILE_MALWARE: Self = Self(502);

    /// The name of a known type.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::INTRUSION_PACKET => "intrusion packet",
            Self::CONNECTION => "connection",
            Self::INTRUSION => "intrusion",
            Self::FILE => "file",
            Self::FILE_MALWARE => "file malware",
            _ => return None,
        })
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "type {}", self.0),
        }
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for RecordHeader {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let word = u32::arbitrary(u)?;
        Ok(Self::from_word(word, Option::arbitrary(u)?))
    }
}
