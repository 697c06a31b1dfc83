//! The header of a record, and its type (FQE, Fully-Qualified Event Messages;
//! classic guide, Record Types). [`RecordReader`](super::RecordReader) reads it.

use core::fmt;

/// Bytes of the short record header.
pub(crate) const SHORT_LEN: usize = 8;
/// Bytes of the extended record header.
pub(crate) const EXTENDED_LEN: usize = 16;

/// What a record header says, its length apart (FQE, Fully-Qualified Event
/// Messages; classic guide, Intrusion Record Header).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Record {
    /// Bit 31. Real servers leave it clear although the extension is there.
    pub flag: bool,
    /// Netmap ID, 15 bits; 0 in a single-domain server.
    pub netmap: u16,
    /// What kind of event the data is.
    pub record_type: RecordType,
    /// Archival timestamp and reserved word, in an extended header.
    pub extension: Option<Extension>,
}

/// The second half of an extended record header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Extension {
    /// When the server stored the event, UNIX seconds; 0 for metadata.
    pub archival: u32,
    /// A checksum that no client checks; sent as 0.
    pub reserved: u32,
}

impl From<(u32, u32)> for Extension {
    fn from((archival, reserved): (u32, u32)) -> Self {
        Self { archival, reserved }
    }
}

/// How a record's length R relates to its message's length L, both in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Layout {
    /// L = R + 16: an extended header, and R counts the data.
    Extended,
    /// L = R + 8: a short header, and R counts the data.
    Short,
    /// L = R + 8: an extended header, and R counts archival timestamp, reserved
    /// word and data.
    CoversExtension,
    /// L = R: R counts the header, short or extended, and the data.
    CoversHeader,
    /// None of these, but the flag is set and there is room for the extension:
    /// the data is what the message holds.
    Clipped,
}

impl fmt::Display for Layout {
    /// What the record length counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Extended | Self::Short => "the data",
            Self::CoversExtension => "archival timestamp, reserved word and data",
            Self::CoversHeader => "record header and data",
            Self::Clipped => "something else than is there",
        })
    }
}

impl Record {
    /// A record header as strict servers emit it: bit 31 clear.
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

    /// The archival timestamp, UNIX seconds, where there is one.
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

    /// The header whose first word this is.
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

impl fmt::Display for Record {
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
    /// One packet of an intrusion event.
    pub const INTRUSION_PACKET: Self = Self(2);
    /// A connection's beginning or end.
    pub const CONNECTION: Self = Self(71);
    /// An intrusion event.
    pub const INTRUSION: Self = Self(400);
    /// A file event.
    pub const FILE: Self = Self(500);
    /// A file event with malware.
    pub const FILE_MALWARE: Self = Self(502);

    /// A name for the known types.
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
impl<'a> arbitrary::Arbitrary<'a> for Record {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let word = u32::arbitrary(u)?;
        Ok(Self::from_word(word, Option::arbitrary(u)?))
    }
}
