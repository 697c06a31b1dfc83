//! The message bundle: several messages, acknowledged together (FQE,
//! Fully-Qualified Event Messages; classic guide, Message Bundle Format).

use super::{Event, HEADER_LEN, Header, Message, put};
use crate::count::Bytes;
use crate::quirk::Quirks;
use crate::{Malformed, PeerError, ResourceError};
use core::fmt;
use nom::{IResult, Parser, number::be_u32};

/// Bytes of connection id and sequence number.
pub(crate) const FIXED_LEN: usize = 8;

/// The fixed fields of a bundle (classic guide, Message Bundle Format).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct BundleHeader {
    /// Opaque to the client.
    pub connection_id: u32,
    /// Counts the bundles of a connection: 1, 2, 3 …
    pub sequence: u32,
}

/// A complete bundle in one buffer. To receive bundles of any size, use the
/// [`Decoder`](crate::decode::Decoder), which does not buffer them.
///
/// | off | type | field |
/// |---|---|---|
/// | 0 | u32 | connection id |
/// | 4 | u32 | sequence number |
/// | 8 | … | nested messages, no count, no padding |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Bundle<'a> {
    /// Connection id and sequence number.
    pub header: BundleHeader,
    /// The nested messages as received.
    pub nested: &'a [u8],
}

impl<'a> Bundle<'a> {
    /// Reads a body without parsing the nested messages.
    ///
    /// # Errors
    /// [`Malformed::BundleTooShort`] below 8 bytes.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (nested, header) = fixed(body).map_err(|_| Malformed::BundleTooShort)?;
        Ok(Self { header, nested })
    }

    /// Parses the nested messages. A message that is longer than the rest of the
    /// bundle, or fewer than 8 bytes at its end, is the last item, an error.
    pub fn messages(&self) -> impl Iterator<Item = Result<(Header, Message<'a>), PeerError>> {
        let mut rest = self.nested;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            match Header::parse(rest) {
                Err(_) => {
                    rest = &[];
                    Some(Err(Malformed::BundleTrailing.into()))
                }
                Ok((header, tail)) if header.length as usize > tail.len() => {
                    rest = &[];
                    Some(Err(Malformed::BundleOverrun.into()))
                }
                Ok((header, tail)) => {
                    let (body, tail) = tail.split_at(header.length as usize);
                    rest = tail;
                    Some(
                        Message::parse_body(header.message_type, body)
                            .map(|message| (header, message))
                            .map_err(PeerError::from),
                    )
                }
            }
        })
    }

    /// Bytes of the body.
    pub fn encoded_len(&self) -> usize {
        FIXED_LEN + self.nested.len()
    }

    /// Writes the body; see [`crate::wire`] for the contract.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` is shorter than [`Self::encoded_len`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        put(
            out,
            &[
                &self.header.connection_id.to_be_bytes(),
                &self.header.sequence.to_be_bytes(),
                self.nested,
            ],
        )
    }
}

/// The streaming parser for connection id and sequence number.
pub(crate) fn fixed(input: &[u8]) -> IResult<&[u8], BundleHeader, ()> {
    (be_u32(), be_u32())
        .map(|(connection_id, sequence)| BundleHeader {
            connection_id,
            sequence,
        })
        .parse(input)
}

/// Writes a bundle message into a buffer, event by event.
///
/// ```
/// use estreamer_core::quirk::Quirks;
/// use estreamer_core::wire::{BundleHeader, BundleWriter, Event, RecordType};
/// let mut buffer = [0; 128];
/// let header = BundleHeader { connection_id: 42, sequence: 1 };
/// let mut bundle = BundleWriter::new(&mut buffer, header, Quirks::NONE)?;
/// bundle.push(&Event::new(RecordType::INTRUSION, Some(1_700_000_001), b"{}"))?;
/// assert_eq!(bundle.finish().len(), 16 + 8 + 16 + 2);
/// # Ok::<_, estreamer_core::ResourceError>(())
/// ```
#[derive(Debug)]
pub struct BundleWriter<'b> {
    buffer: &'b mut [u8],
    filled: usize,
    quirks: Quirks,
}

impl<'b> BundleWriter<'b> {
    /// Starts a bundle in `buffer`. Its events are written with those of `quirks`
    /// that concern them. `no-extension` omits their archival timestamps.
    /// `record-covers-header` takes precedence over `record-covers-extension`.
    ///
    /// # Errors
    /// [`ResourceError`] if the buffer is smaller than the 16 bytes of an empty
    /// bundle.
    pub fn new(
        buffer: &'b mut [u8],
        header: BundleHeader,
        quirks: Quirks,
    ) -> Result<Self, ResourceError> {
        let empty = Message::Bundle(Bundle {
            header,
            nested: &[],
        });
        let filled = empty.emit(buffer)?;
        Ok(Self {
            buffer,
            filled,
            quirks,
        })
    }

    /// Appends one event.
    ///
    /// # Errors
    /// [`ResourceError`] if it does not fit. The bundle is unchanged.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), ResourceError> {
        let free = &mut self.buffer[self.filled..];
        self.filled += Message::Event(*event).emit_nested(self.quirks, free)?;
        Ok(())
    }

    /// Bytes written so far, including the header of the bundle.
    #[expect(clippy::len_without_is_empty, reason = "an empty bundle has 16 bytes")]
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Writes the length field and returns the message.
    pub fn finish(self) -> &'b [u8] {
        let message = &mut self.buffer[..self.filled];
        let length = (message.len() - HEADER_LEN) as u32;
        message[4..8].copy_from_slice(&length.to_be_bytes());
        message
    }
}

impl fmt::Display for BundleHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bundle {} of connection {}",
            self.sequence, self.connection_id
        )
    }
}

impl fmt::Display for Bundle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.header, Bytes::of(self.nested))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{MessageType, RecordType};
    use std::vec::Vec;

    const HEADER: BundleHeader = BundleHeader {
        connection_id: 42,
        sequence: 7,
    };

    #[test]
    fn a_written_bundle_reads_back_event_by_event() {
        let mut buffer = [0; 256];
        let mut writer = BundleWriter::new(&mut buffer, HEADER, Quirks::NONE).unwrap();
        let events = [
            Event::new(RecordType::FILE, Some(1), b"one"),
            Event::new(RecordType::CONNECTION, None, b""),
        ];
        for event in &events {
            writer.push(event).unwrap();
        }
        let length = writer.len();
        let written = writer.finish();
        assert_eq!(length, written.len());
        let (header, message) = Message::parse(written).unwrap().0;
        assert_eq!(header.message_type, MessageType::BUNDLE);
        let Message::Bundle(bundle) = message else {
            panic!("not a bundle: {message}");
        };
        assert_eq!(bundle.header, HEADER);
        let nested: Vec<_> = bundle.messages().map(Result::unwrap).collect();
        assert_eq!(nested.len(), 2);
        for ((header, message), event) in nested.into_iter().zip(events) {
            assert_eq!(header.version, 0);
            assert_eq!(message, Message::Event(event));
        }
    }

    #[test]
    fn an_event_that_does_not_fit_leaves_the_bundle_as_it_was() {
        let mut buffer = [0; 16 + 8 + 8 + 3];
        let mut writer = BundleWriter::new(&mut buffer, HEADER, Quirks::NONE).unwrap();
        let event = Event::new(RecordType::FILE, None, b"abc");
        writer.push(&event).unwrap();
        assert_eq!(
            writer.push(&event),
            Err(ResourceError::BufferTooSmall { needed: 19 })
        );
        let message = writer.finish();
        assert_eq!(message[4..8], [0, 0, 0, 27]);
    }

    #[test]
    fn an_overrun_and_stray_bytes_end_the_bundle_after_what_parsed() {
        for (tail, expected) in [
            (&[0, 0, 0, 4, 0, 0, 0, 9, 1][..], Malformed::BundleOverrun),
            (&[0, 0, 0][..], Malformed::BundleTrailing),
        ] {
            let mut nested = crate::wire::Null::BYTES.to_vec();
            nested.extend(tail);
            let bundle = Bundle {
                header: HEADER,
                nested: &nested,
            };
            let messages: Vec<_> = bundle.messages().collect();
            assert_eq!(messages.len(), 2);
            assert!(messages[0].is_ok());
            assert_eq!(messages[1], Err(PeerError::Malformed(expected)));
        }
    }
}
