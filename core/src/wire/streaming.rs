//! Streaming information (2051) and streaming request (2049): the services that a
//! server offers and a client chooses in extended mode (classic guide, Streaming Information Message).

use super::put;
use crate::ResourceError;
use core::fmt;
use nom::{IResult, Parser, number::be_u16, number::be_u32};

/// The service id of eStreamer.
pub const ESTREAMER_SERVICE: u32 = 6667;

/// Bytes of service id, length, flags and timestamp.
const ENTRY_LEN: usize = 16;

/// The body of either message: a list of service entries.
///
/// | off | type | field |
/// |---|---|---|
/// | 0 | u32 | service id |
/// | 4 | u32 | length: some senders count id and length, some do not |
/// | 8 | u32 | flags |
/// | 12 | u32 | initial timestamp |
/// | 16 | … | in a request: pairs of u16 version, u16 event type, ended by two zeros |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Services<'a> {
    /// The entries as received.
    pub body: &'a [u8],
}

impl<'a> Services<'a> {
    /// Parses the entries. With a length of 8, no list of events follows. With any
    /// other length, the list is read to its end mark, because senders do not agree
    /// on what the length counts. Fewer than 16 bytes at the end are ignored.
    pub fn entries(&self) -> impl Iterator<Item = ServiceEntry<'a>> {
        let mut rest = self.body;
        core::iter::from_fn(move || {
            let (tail, (service, length, flags, timestamp)) = entry(rest).ok()?;
            let (events, tail) = match length {
                0..=8 => (None, tail),
                _ => {
                    let list = list_len(tail);
                    (
                        Some(EventList(&tail[..list])),
                        &tail[(list + 4).min(tail.len())..],
                    )
                }
            };
            rest = tail;
            Some(ServiceEntry {
                service,
                flags,
                timestamp,
                events,
            })
        })
    }

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

/// A service that is offered or chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServiceEntry<'a> {
    /// The service id; [`ESTREAMER_SERVICE`] for events.
    pub service: u32,
    /// The flags, as in the event stream request.
    pub flags: u32,
    /// The initial timestamp, as in the event stream request.
    pub timestamp: u32,
    /// The chosen events; `None` in an offer.
    pub events: Option<EventList<'a>>,
}

impl ServiceEntry<'_> {
    /// Bytes of the entry.
    pub fn encoded_len(&self) -> usize {
        ENTRY_LEN + self.events.map_or(0, |list| list.0.len() + 4)
    }

    /// Writes the entry with the length that known clients and servers send: 8 in an
    /// offer, the length of the whole entry in a request.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` is shorter than [`Self::encoded_len`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        let (length, list, end): (u32, &[u8], &[u8]) = match self.events {
            None => (8, &[], &[]),
            Some(list) => (self.encoded_len() as u32, list.0, &[0; 4]),
        };
        put(
            out,
            &[
                &self.service.to_be_bytes(),
                &length.to_be_bytes(),
                &self.flags.to_be_bytes(),
                &self.timestamp.to_be_bytes(),
                list,
                end,
            ],
        )
    }
}

/// A list of event types with versions, four bytes each, without the end mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EventList<'a>(
    /// u16 version, u16 event type, …, big-endian.
    pub &'a [u8],
);

impl EventList<'_> {
    /// The pairs (version, event type).
    pub fn pairs(&self) -> impl Iterator<Item = (u16, u16)> {
        self.0
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&[a, b, c, d]| (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

fn entry(input: &[u8]) -> IResult<&[u8], (u32, u32, u32, u32), ()> {
    (be_u32(), be_u32(), be_u32(), be_u32()).parse(input)
}

fn pair(input: &[u8]) -> IResult<&[u8], (u16, u16), ()> {
    (be_u16(), be_u16()).parse(input)
}

/// Bytes of whole pairs before the end mark, or before the end of the input.
fn list_len(input: &[u8]) -> usize {
    let mut rest = input;
    while let Ok((tail, numbers)) = pair(rest) {
        if numbers == (0, 0) {
            break;
        }
        rest = tail;
    }
    input.len() - rest.len()
}

impl fmt::Display for Services<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for entry in self.entries() {
            write!(f, "{separator}{entry}")?;
            separator = "; ";
        }
        if separator.is_empty() {
            f.write_str("no service")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for ServiceEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}", self.service)?;
        if let Some(list) = self.events {
            let flags = super::RequestFlags(self.flags);
            let from = super::InitialTimestamp(self.timestamp);
            write!(f, " from {from}, flags {flags}, events")?;
            for (version, event_type) in list.pairs() {
                write!(f, " {event_type}v{version}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{string::ToString, vec, vec::Vec};

    fn request(declared: u32) -> Vec<u8> {
        let mut body = Vec::new();
        for word in [ESTREAMER_SERVICE, declared, 0x4000_0000, 0] {
            body.extend(word.to_be_bytes());
        }
        body.extend([0, 6, 0, 71, 0, 4, 0, 21, 0, 0, 0, 0]);
        body
    }

    #[test]
    fn the_next_service_is_found_whichever_way_the_length_counts() {
        for declared in [28, 20] {
            let mut body = request(declared);
            body.extend(request(declared));
            let services = Services { body: &body };
            let entries: Vec<_> = services.entries().collect();
            assert_eq!(entries.len(), 2, "length {declared}");
            for entry in entries {
                let pairs: Vec<_> = entry.events.unwrap().pairs().collect();
                assert_eq!(pairs, [(6, 71), (4, 21)]);
            }
        }
    }

    #[test]
    fn a_list_without_end_mark_ends_with_the_message() {
        let body = request(28);
        for cut in 1..=4 {
            let services = Services {
                body: &body[..body.len() - cut],
            };
            let entry = services.entries().next().unwrap();
            assert_eq!(entry.events.unwrap().pairs().count(), 2, "cut {cut}");
            assert_eq!(services.entries().count(), 1);
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let list = [0, 6, 0, 71];
        for events in [None, Some(EventList(&list)), Some(EventList(&[]))] {
            let entry = ServiceEntry {
                service: 5000,
                flags: 1,
                timestamp: 2,
                events,
            };
            let mut body = vec![0; entry.encoded_len()];
            assert_eq!(entry.emit(&mut body), Ok(body.len()));
            let services = Services { body: &body };
            assert_eq!(services.entries().collect::<Vec<_>>(), [entry]);
        }
    }

    #[test]
    fn it_prints_service_and_events() {
        let body = request(28);
        assert_eq!(
            Services { body: &body }.to_string(),
            "service 6667 from oldest, flags 0x40000000 [extended request], events 71v6 21v4"
        );
    }
}
