//! Event data: one record (FQE, Fully-Qualified Event Messages).

use super::record::{Extension, RecordHeader, RecordType};
use super::record_reader::RecordReader;
use super::{MessageType, put};
use crate::count::Bytes;
use crate::{Malformed, ResourceError};
use core::fmt;

/// An event data message (FQE, Fully-Qualified Event Messages).
///
/// | off | type | field | present |
/// |---|---|---|---|
/// | 0 | u32 | bit 31 extended-header flag · bits 30–16 Netmap ID · bits 15–0 record type | always |
/// | 4 | u32 | record length: bytes after the record header; some servers count more, see [`RecordLayout`](super::RecordLayout) | always |
/// | 8 | u32 | archival timestamp, UNIX seconds | extended |
/// | 12 | u32 | reserved | extended |
/// | 8/16 | n | data | |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Event<'a> {
    /// The message type.
    pub number: EventNumber,
    /// The record header.
    pub record: RecordHeader,
    /// The event in the requested format.
    pub data: &'a [u8],
}

/// The two message types of event data. Exhaustive: the guides name no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum EventNumber {
    /// 4, in the classic guide and from every known server.
    #[default]
    Four,
    /// 3, in the fully-qualified guide.
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

    /// The number of a message type; `None` for other messages.
    pub const fn from_message_type(message_type: MessageType) -> Option<Self> {
        match message_type {
            MessageType::EVENT_DATA => Some(Self::Four),
            MessageType::EVENT_DATA_3 => Some(Self::Three),
            _ => None,
        }
    }
}

impl<'a> Event<'a> {
    /// An event as real servers send it.
    pub const fn new(record_type: RecordType, archival: Option<u32>, data: &'a [u8]) -> Self {
        Self {
            number: EventNumber::Four,
            record: RecordHeader::new(record_type, archival),
            data,
        }
    }

    /// Reads a complete body without knowledge of the stream.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn parse(number: EventNumber, body: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse_with(number, body, &mut RecordReader::default())
    }

    /// Reads a complete body of the stream that `reader` reads.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn parse_with(
        number: EventNumber,
        body: &'a [u8],
        reader: &mut RecordReader,
    ) -> Result<Self, Malformed> {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
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
    /// [`ResourceError`] if `out` is shorter than [`Self::encoded_len`].
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

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}, {}", self.record, Bytes::of(self.data))
    }
}
