//! Where a server's answers and records come from.

use estreamer_core::session::{Instant, Statistics};
use estreamer_core::wire::{EventStreamRequest, RecordType, Services};

use super::end::ServerEnd;
use super::outgoing::{Outgoing, Tampered};

/// What one connection is served: answers to its requests, then records.
pub trait Feed {
    /// Answers the request.
    ///
    /// # Errors
    /// The error message to send before closing.
    fn request(&mut self, request: &EventStreamRequest<'_>) -> Result<Answer, RequestRefusal>;

    /// Answers the streaming request that follows [`Answer::Offer`].
    ///
    /// # Errors
    /// The error message to send before closing.
    fn choice(&mut self, chosen: &Services<'_>) -> Result<(), RequestRefusal> {
        let _ = chosen;
        Ok(())
    }

    /// Returns the next record, without taking it.
    fn peek(&mut self, now: Instant) -> Supply<'_>;

    /// Takes the record that [`peek`](Self::peek) returned: it is in a bundle.
    fn take(&mut self);

    /// Returns what is sent instead of a message, so that a server can misbehave on
    /// purpose; `None` sends the message as it is.
    fn tamper(&mut self, outgoing: Outgoing, message: &[u8]) -> Option<Tampered> {
        let _ = (outgoing, message);
        None
    }

    /// Takes the counters after each turn of the session.
    fn progress(&mut self, statistics: &Statistics) {
        let _ = statistics;
    }

    /// Takes the end of the connection. There are counters if a session began.
    fn ended(&mut self, end: &ServerEnd, statistics: Option<&Statistics>) {
        let _ = (end, statistics);
    }
}

/// How a request is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Bundles follow.
    Stream,
    /// Extended mode: the eStreamer service is offered, and the client's
    /// streaming request awaited (classic guide, Streaming Information Message).
    Offer,
    /// Nothing is sent, and everything received is discarded until the client
    /// closes.
    Silence,
}

/// Why a request is not granted: an error message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRefusal {
    /// Its code.
    pub code: i32,
    /// Its text.
    pub text: String,
}

/// What a feed has next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Supply<'a> {
    /// A record.
    Record(SuppliedRecord<'a>),
    /// Nothing before this time.
    Later(Instant),
    /// No more records.
    Finished,
}

/// A record to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuppliedRecord<'a> {
    /// Its type.
    pub record_type: RecordType,
    /// When it was archived, UNIX seconds, if the request asked for that.
    pub archival: Option<u32>,
    /// The event, in the format asked for.
    pub data: &'a [u8],
}
