//! Event data: one record (FQE, Fully-Qualified Event Messages).

use super::reading::RecordReader;
use super::{MessageType, put};
use crate::{Malformed, ResourceError};
use core::fmt;

/// Bytes of the short record header.
pub(crate) const SHORT_LEN: usize = 8;
/// Bytes of the extended record header.
pub(crate) const EXTENDED_LEN: usize = 16;

/// An event data message (FQE, Fully-Qualified Event Messages).
///
/// | off | type | field | present |
/// |---|---|---|---|
/// | 0 | u32 | bit 31 extended-header flag · bits 30–16 Netmap ID · bits 15–0 record type | always |
/// | 4 | u32 | record length: bytes after the record header; some servers count more, see [`Layout`] | always |
/// | 8 | u32 | archival timestamp, UNIX seconds | extended |
/// | 12 | u32 | reserved | extended |
/// | 8/16 | n | data | |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Event<'a> {
    /// The number the message travels under.
    pub number: EventNumber,
    /// The record header.
    pub record: Record,
    /// The event, in the format that was asked for.
    pub data: &'a [u8],
}

/// The two message types event data travels under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum EventNumber {
    /// 4, by the classic guide and every known server.
    #[default]
    Four,
    /// 3, by the fully-qualified guide.
    Three,
}

impl EventNumber {
    /// The message type of this number.
    pub const fn message_type(self) -> MessageType {
        match self {
            Self::Four => MessageType::EVENT_DATA,
            Self::Three => MessageType::EVENT_DATA_3,
        }
    }

    /// The number of a message type, if it is one of the two.
    pub const fn from_message_type(message_type: MessageType) -> Option<Self> {
        match message_type {
            MessageType::EVENT_DATA => Some(Self::Four),
            MessageType::EVENT_DATA_3 => Some(Self::Three),
            _ => None,
        }
    }
}

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
    /// A checksum nobody checks; sent as 0.
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

    /// Reads the record header of a message of `length` bytes from its body, or
    /// the first [`PEEK`](RecordReader::PEEK) bytes of it, by itself. A
    /// [`RecordReader`] knows more about a stream.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn parse(body: &[u8], length: u32) -> Result<(Self, Layout), Malformed> {
        RecordReader::default().read(body, length)
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

    fn word(&self) -> u32 {
        u32::from(self.flag) << 31
            | u32::from(self.netmap & 0x7fff) << 16
            | u32::from(self.record_type.0)
    }
}

impl<'a> Event<'a> {
    /// An event as strict servers emit it.
    pub const fn new(record_type: RecordType, archival: Option<u32>, data: &'a [u8]) -> Self {
        Self {
            number: EventNumber::Four,
            record: Record::new(record_type, archival),
            data,
        }
    }

    /// Reads a whole body by itself.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn parse(number: EventNumber, body: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse_with(number, body, &mut RecordReader::default())
    }

    /// Reads a whole body, one of those that `reader` reads.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn parse_with(
        number: EventNumber,
        body: &'a [u8],
        reader: &mut RecordReader,
    ) -> Result<Self, Malformed> {
        let length = u32::try_from(body.len()).map_err(|_| Malformed::RecordLength)?;
        let (record, _) = reader.read(body, length)?;
        Ok(Self {
            number,
            record,
            data: body.get(record.encoded_len()..).unwrap_or_default(),
        })
    }

    /// Bytes of the body.
    pub fn encoded_len(&self) -> usize {
        self.record.encoded_len() + self.data.len()
    }

    /// Writes the body; see [`crate::wire`] for the contract.
    ///
    /// # Errors
    /// [`ResourceError`] when `out` is shorter than [`Self::encoded_len`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        let word = self.record.word().to_be_bytes();
        let length = (self.data.len() as u32).to_be_bytes();
        match self.record.extension {
            None => put(out, &[&word, &length, self.data]),
            Some(Extension { archival, reserved }) => put(
                out,
                &[
                    &word,
                    &length,
                    &archival.to_be_bytes(),
                    &reserved.to_be_bytes(),
                    self.data,
                ],
            ),
        }
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

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}, {} bytes", self.record, self.data.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netmap_and_record_type_share_a_word() {
        let body = [0x80, 5, 1, 0xf6, 0, 0, 0, 0];
        let (record, _) = Record::parse(&body, 8).unwrap();
        assert_eq!(record.netmap, 5);
        assert_eq!(record.record_type, RecordType::FILE_MALWARE);
        assert!(record.flag);
    }
}
