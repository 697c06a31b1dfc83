//! The decoder's settings and results.

use crate::Malformed;
use crate::wire::{
    BundleHeader, Header, InitialTimestamp, MessageType, RecordHeader, RecordLayout, RequestFlags,
};

/// The largest messages to accept, in bytes of the variable part, without headers.
/// Longer messages are skipped by their length, without buffering, and never end
/// the session. Bundles have no limit, because they are never buffered whole.
///
/// Later versions may add fields, so start with [`Limits::DEFAULT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Limits {
    /// Data of a record. Default: 16 MiB.
    pub record: u32,
    /// JSON block of an event stream request. Default: 1 MiB.
    pub request: u32,
    /// Body of any other message except bundles. Default: 16 MiB.
    pub message: u32,
}

impl Limits {
    /// The default limits.
    pub const DEFAULT: Self = Self {
        record: 16 << 20,
        request: 1 << 20,
        message: 16 << 20,
    };

    /// No limits.
    pub const UNLIMITED: Self = Self {
        record: u32::MAX,
        request: u32::MAX,
        message: u32::MAX,
    };

    /// The limit for messages of this type.
    pub const fn of(&self, message_type: MessageType) -> u32 {
        match message_type {
            MessageType::EVENT_DATA | MessageType::EVENT_DATA_3 => self.record,
            MessageType::EVENT_STREAM_REQUEST => self.request,
            _ => self.message,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How to return a message that is within the limits but larger than the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Oversize {
    /// As [`Frame::Begin`], [`Frame::Chunk`]s and [`Frame::End`].
    #[default]
    Pieces,
    /// As [`Frame::Skipped`].
    Skip,
}

/// A range of bytes in the input of the step that returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Number of bytes.
    pub len: usize,
}

impl Span {
    /// The bytes in `input`, which must be the input of the same step. Empty if `input`
    /// is too short.
    pub fn of<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input
            .get(self.start..)
            .and_then(|tail| tail.get(..self.len))
            .unwrap_or_default()
    }
}

/// The fixed fields of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Head {
    /// The message header as received.
    pub header: Header,
    /// Whether the message is in a bundle.
    pub nested: bool,
    /// The message type with its other fixed fields.
    pub kind: Kind,
}

/// The type of a message with its fixed fields. Each variant says what the variable
/// part of the message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Kind {
    /// A null message. The variable part is its body, which has no meaning.
    Null,
    /// An error message. The variable part is the text; see
    /// [`trim_nul`](crate::wire::trim_nul).
    Error {
        /// The error code.
        code: i32,
        /// The declared length of the text. The message may have more or less.
        text_length: u16,
    },
    /// An event stream request. The variable part is the JSON block with its optional
    /// NUL.
    Request {
        /// The start of the requested stream.
        from: InitialTimestamp,
        /// The request flags.
        flags: RequestFlags,
    },
    /// Event data. The variable part is the data.
    Event {
        /// The record header.
        record: RecordHeader,
        /// Which bytes the record length counts.
        layout: RecordLayout,
    },
    /// Any other message. The variable part is the whole body.
    Other,
    /// A malformed message. The variable part is the whole raw body. For
    /// [`Malformed::BundleOverrun`] and [`Malformed::BundleTrailing`] it is the rest
    /// of the bundle.
    Malformed(Malformed),
}

/// A unit of the stream: a message, or a part of a large message or of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Frame {
    /// A bundle begins. Its messages follow.
    BundleBegin {
        /// Connection id and sequence number.
        bundle: BundleHeader,
        /// Bytes of its nested messages.
        length: u32,
    },
    /// A complete message.
    Message {
        /// Its fixed fields.
        head: Head,
        /// Its variable part.
        body: Span,
    },
    /// A message larger than the window begins.
    Begin {
        /// Its fixed fields.
        head: Head,
        /// Bytes of its variable part.
        length: u32,
    },
    /// More bytes of the message that began.
    Chunk {
        /// At least one byte.
        body: Span,
    },
    /// The message that began is complete.
    End,
    /// A message is skipped: above the limit, or by [`Oversize::Skip`].
    Skipped {
        /// Its fixed fields.
        head: Head,
        /// Bytes of its variable part.
        length: u32,
    },
    /// The bundle is complete and can be acknowledged.
    BundleEnd,
}

impl Frame {
    /// The fixed fields of the message that is complete, begins or is skipped.
    pub const fn head(&self) -> Option<&Head> {
        match self {
            Self::Message { head, .. } | Self::Begin { head, .. } | Self::Skipped { head, .. } => {
                Some(head)
            }
            Self::BundleBegin { .. } | Self::Chunk { .. } | Self::End | Self::BundleEnd => None,
        }
    }
}

/// The result of [`Decoder::step`](super::Decoder::step).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Step {
    /// Bytes to remove from the front of the input after the frame was handled.
    pub consumed: usize,
    /// The frame found. `None` with 0 bytes consumed means that more input is needed.
    pub frame: Option<Frame>,
}
