//! The request as both C layers take it.

use core::fmt;

use estreamer_core::ResourceError;
use estreamer_core::fqe::{self, EventKind, RequestError};
use estreamer_core::wire::{InitialTimestamp, RecordLength};

use super::types::*;

/// The arguments of a request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The start: `EST_FROM_OLDEST`, `EST_FROM_NOW`, or UNIX seconds.
    pub from: u32,
    /// The bits of the requested event types; 0 with a JSON block.
    pub events: u32,
    /// A ready-made JSON block; `None` with event types.
    pub json: Option<&'a str>,
}

/// Converts the setting `record_length`. Returns `None` for an unknown number.
pub fn record_length(number: u32) -> Option<RecordLength> {
    Some(match number {
        EST_RECORD_LENGTH_AUTO => RecordLength::Auto,
        EST_RECORD_LENGTH_DATA => RecordLength::Data,
        EST_RECORD_LENGTH_EXTENSION => RecordLength::Extension,
        EST_RECORD_LENGTH_ALL => RecordLength::All,
        _ => return None,
    })
}

/// Why a request cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFailure {
    /// Neither event types nor a JSON block, or both.
    Arguments,
    /// The message needs this many bytes of the output buffer.
    TooLarge(usize),
    /// The server would refuse the request.
    Request(RequestError),
}

impl<'a> Request<'a> {
    /// Checks that the arguments fit together.
    ///
    /// # Errors
    /// [`RequestFailure::Arguments`].
    pub const fn check(&self) -> Result<(), RequestFailure> {
        match (self.events, self.json) {
            (0, Some(_)) | (1..=EST_ALL_EVENTS, None) => Ok(()),
            _ => Err(RequestFailure::Arguments),
        }
    }

    /// The event types whose bits are set.
    pub fn kinds(&self) -> impl Iterator<Item = EventKind> {
        let bits = [
            (EST_CONNECTION_EVENTS, EventKind::Connection),
            (EST_INTRUSION_EVENTS, EventKind::Intrusion),
            (EST_PACKET_EVENTS, EventKind::Packet),
            (EST_FILE_EVENTS, EventKind::File),
        ];
        let events = self.events;
        let requested = bits.into_iter().filter(move |(bit, _)| events & bit != 0);
        requested.map(|(_, kind)| kind)
    }

    /// The request that these arguments describe.
    ///
    /// # Errors
    /// [`RequestFailure`].
    pub fn build(&self) -> Result<fqe::Request<'a>, RequestFailure> {
        self.check()?;
        let from = InitialTimestamp(self.from);
        Ok(match self.json {
            Some(json) => fqe::Request::from_json(from, json.as_bytes())?,
            None => self.kinds().fold(fqe::Request::new(from), |request, kind| {
                request.event(kind, kind.default_fields())
            }),
        })
    }
}

impl From<RequestError> for RequestFailure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Resource(ResourceError::BufferTooSmall { needed }) => {
                Self::TooLarge(needed)
            }
            error => Self::Request(error),
        }
    }
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments => f.write_str(
                "set events to the bits of event types (1 to 15) or json to a JSON block, not both",
            ),
            Self::TooLarge(needed) => write!(f, "the request needs {needed} bytes of output"),
            Self::Request(error) => error.fmt(f),
        }
    }
}
