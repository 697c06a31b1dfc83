//! What both layers ask for, in the same way.

use core::fmt;

use estreamer_core::ResourceError;
use estreamer_core::fqe::{self, EventKind, RequestError};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{
    EventStreamRequest, Expected, InitialTimestamp, RecordLength, RequestFlags,
};

use super::types::*;

/// What C asks for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Where to start.
    pub from: u32,
    /// Which events, with the guide's fields; of a JSON block, 0.
    pub events: u32,
    /// A JSON block, instead.
    pub json: Option<&'a str>,
}

/// The setting of C; `None` for a number that is none.
pub fn record_length(number: u32) -> Option<RecordLength> {
    Some(match number {
        EST_RECORD_LENGTH_AUTO => RecordLength::Auto,
        EST_RECORD_LENGTH_DATA => RecordLength::Data,
        EST_RECORD_LENGTH_EXTENSION => RecordLength::Extension,
        EST_RECORD_LENGTH_ALL => RecordLength::All,
        _ => return None,
    })
}

/// Why it cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// The arguments contradict each other.
    Arguments,
    /// The message needs so many bytes of room.
    TooLarge(usize),
    /// The request would not work.
    Request(RequestError),
}

impl Request<'_> {
    /// Whether the arguments go together.
    ///
    /// # Errors
    /// [`Mistake::Arguments`].
    pub const fn check(&self) -> Result<(), Mistake> {
        match (self.events, self.json) {
            (0, Some(_)) | (1..=EST_ALL_EVENTS, None) => Ok(()),
            _ => Err(Mistake::Arguments),
        }
    }

    /// The kinds of event that are named by their bits.
    pub fn kinds(&self) -> impl Iterator<Item = EventKind> {
        let bits = [
            (EST_CONNECTION_EVENTS, EventKind::Connection),
            (EST_INTRUSION_EVENTS, EventKind::Intrusion),
            (EST_PACKET_EVENTS, EventKind::Packet),
            (EST_FILE_EVENTS, EventKind::File),
        ];
        let events = self.events;
        let named = bits.into_iter().filter(move |(bit, _)| events & bit != 0);
        named.map(|(_, kind)| kind)
    }

    /// Writes the whole message into `out` and returns its length.
    ///
    /// # Errors
    /// [`Mistake`]; nothing is written that counts.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, Mistake> {
        self.check()?;
        Ok(match self.json {
            Some(json) => self.block(json, out)?,
            None => self.events(out)?,
        })
    }

    /// What it asks records to be.
    pub fn expected(&self) -> Option<Expected> {
        match self.json {
            Some(json) => EventStreamRequest {
                from: InitialTimestamp(self.from),
                flags: RequestFlags::EXTENDED_HEADER,
                block: json.as_bytes(),
            }
            .expected(),
            None => Some(fqe::Request::new(InitialTimestamp(self.from)).expected()),
        }
    }

    fn block(&self, json: &str, out: &mut [u8]) -> Result<usize, RequestError> {
        let request = EventStreamRequest {
            from: InitialTimestamp(self.from),
            flags: RequestFlags::EXTENDED_HEADER,
            block: json.as_bytes(),
        };
        request.check()?.check_csv()?;
        Ok(fqe::emit(&request, Quirks::NONE, out)?.len())
    }

    fn events(&self, out: &mut [u8]) -> Result<usize, RequestError> {
        let mut request = fqe::Request::new(InitialTimestamp(self.from));
        for kind in self.kinds() {
            request = request.event(kind, kind.default_fields());
        }
        Ok(request.emit(Quirks::NONE, out)?.len())
    }
}

impl From<RequestError> for Mistake {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Resource(ResourceError::BufferTooSmall { needed }) => {
                Self::TooLarge(needed)
            }
            error => Self::Request(error),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments => f.write_str(
                "name events by their bits, 1 to 15, or give a JSON block and no events",
            ),
            Self::TooLarge(needed) => write!(f, "the request needs {needed} bytes of output"),
            Self::Request(error) => error.fmt(f),
        }
    }
}
