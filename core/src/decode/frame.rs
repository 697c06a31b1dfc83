//! What the decoder accepts and what it answers.

use crate::Malformed;
use crate::wire::{
    BundleHeader, Header, InitialTimestamp, Layout, MessageType, Record, RequestFlags,
};

/// What to accept, in bytes of a message's variable part: headers do not count.
/// A longer one is skipped by its length, without buffering; it never ends the
/// session. A bundle has no limit, since it is never held whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limits {
    /// Data of a record; 16 MiB by default.
    pub record: u32,
    /// JSON block of an event stream request; 1 MiB by default.
    pub request: u32,
    /// Body of anything else but bundles; 16 MiB by default.
    pub message: u32,
}

impl Limits {
    /// 16 MiB, 1 MiB, 16 MiB.
    pub const DEFAULT: Self = Self {
        record: 16 << 20,
        request: 1 << 20,
        message: 16 << 20,
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

/// What happens to a message within the limits that is larger than the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Oversize {
    /// It comes as [`Frame::Begin`], [`Frame::Chunk`]s and [`Frame::End`].
    #[default]
    Pieces,
    /// It comes as [`Frame::Skipped`].
    Skip,
}

/// A run of bytes in the input of the step that returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Number of bytes.
    pub len: usize,
}

impl Span {
    /// The bytes, out of the same input; empty if it is another, shorter one.
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
pub struct Head {
    /// The message header as received.
    pub header: Header,
    /// Whether it stands inside a bundle.
    pub nested: bool,
    /// What it is.
    pub kind: Kind,
}

/// What a message is, and what its variable part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// The body, if there is one, has no meaning.
    Null,
    /// The variable part is the text; see [`trim_nul`](crate::wire::trim_nul).
    Error {
        /// As sent.
        code: i32,
        /// As declared; the message may hold more or less.
        text_length: u16,
    },
    /// The variable part is the JSON block with its optional NUL.
    Request {
        /// Where to start.
        from: InitialTimestamp,
        /// What is asked for.
        flags: RequestFlags,
    },
    /// The variable part is the data.
    Event {
        /// The record header.
        record: Record,
        /// How its lengths relate.
        layout: Layout,
    },
    /// Any other type; the variable part is the whole body.
    Other,
    /// The variable part is the whole raw body; for an overrun and for stray
    /// bytes, it is what was left of the bundle.
    Malformed(Malformed),
}

/// One step's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Frame {
    /// A bundle begins; its messages follow.
    BundleBegin {
        /// Connection id and sequence number.
        bundle: BundleHeader,
        /// Bytes of nested messages that follow.
        length: u32,
    },
    /// A whole message.
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
    /// The next bytes of the message that began.
    Chunk {
        /// At least one byte.
        body: Span,
    },
    /// The message that began is complete.
    End,
    /// A message is left out: over the limit, or by policy.
    Skipped {
        /// Its fixed fields.
        head: Head,
        /// Bytes of its variable part.
        length: u32,
    },
    /// The bundle is complete and to be acknowledged.
    BundleEnd,
}

impl Frame {
    /// The fixed fields of the message that comes, begins or is left out here.
    pub const fn head(&self) -> Option<&Head> {
        match self {
            Self::Message { head, .. } | Self::Begin { head, .. } | Self::Skipped { head, .. } => {
                Some(head)
            }
            Self::BundleBegin { .. } | Self::Chunk { .. } | Self::End | Self::BundleEnd => None,
        }
    }
}

/// What [`Decoder::step`](super::Decoder::step) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Step {
    /// Bytes at the front of the input that are done with, once the frame has
    /// been looked at.
    pub consumed: usize,
    /// What was found. With `None` and nothing consumed, more input is needed.
    pub frame: Option<Frame>,
}
