//! A message with its header.

use super::deviate;
use super::{
    Bundle, ErrorMessage, Event, EventNumber, EventStreamRequest, HEADER_LEN, Header, HostData,
    HostKind, MessageType, Null, Services,
};
use crate::count::Bytes;
use crate::quirk::{Quirk, Quirks};
use crate::{Malformed, PeerError, ResourceError};
use core::fmt;

/// Any message, borrowed from the buffer that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Message<'a> {
    /// Acknowledgement or keep-alive.
    Null(Null),
    /// Error code and text, sent before the sender closes the connection.
    Error(ErrorMessage<'a>),
    /// A client's request for events.
    Request(EventStreamRequest<'a>),
    /// Event data: one record.
    Event(Event<'a>),
    /// Several messages, acknowledged together.
    Bundle(Bundle<'a>),
    /// The services that a server offers, 2051.
    StreamingInformation(Services<'a>),
    /// The services that a client chooses, 2049.
    StreamingRequest(Services<'a>),
    /// Host data, 5 to 7.
    Host(HostData<'a>),
    /// A message of another type.
    Unknown {
        /// Its type.
        message_type: MessageType,
        /// Its body.
        body: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Reads one message with any header version, and returns the bytes after it.
    ///
    /// # Errors
    /// [`PeerError::Truncated`] if the message is incomplete,
    /// [`PeerError::Malformed`] if its body contradicts its own lengths.
    pub fn parse(input: &'a [u8]) -> Result<((Header, Self), &'a [u8]), PeerError> {
        let (header, rest) = Header::parse(input)?;
        let Some((body, rest)) = rest.split_at_checked(header.length as usize) else {
            let needed = header.length - rest.len() as u32;
            return Err(PeerError::Truncated { needed });
        };
        let message = Self::parse_body(header.message_type, body)?;
        Ok(((header, message), rest))
    }

    /// Reads the body of a message of the given type.
    ///
    /// # Errors
    /// [`Malformed`] if it contradicts its own lengths.
    pub fn parse_body(message_type: MessageType, body: &'a [u8]) -> Result<Self, Malformed> {
        let host = |kind| Self::Host(HostData { kind, body });
        Ok(match message_type {
            MessageType::NULL => Self::Null(Null),
            MessageType::ERROR => Self::Error(ErrorMessage::parse(body)?),
            MessageType::EVENT_STREAM_REQUEST => Self::Request(EventStreamRequest::parse(body)?),
            MessageType::EVENT_DATA => Self::Event(Event::parse(EventNumber::Four, body)?),
            MessageType::EVENT_DATA_3 => Self::Event(Event::parse(EventNumber::Three, body)?),
            MessageType::BUNDLE => Self::Bundle(Bundle::parse(body)?),
            MessageType::STREAMING_INFORMATION => Self::StreamingInformation(Services { body }),
            MessageType::STREAMING_REQUEST => Self::StreamingRequest(Services { body }),
            MessageType::HOST_REQUEST => host(HostKind::Request),
            MessageType::SINGLE_HOST => host(HostKind::Single),
            MessageType::MULTIPLE_HOST => host(HostKind::Multiple),
            _ => Self::Unknown { message_type, body },
        })
    }

    /// The message type in its header.
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::Null(_) => MessageType::NULL,
            Self::Error(_) => MessageType::ERROR,
            Self::Request(_) => MessageType::EVENT_STREAM_REQUEST,
            Self::Event(event) => event.number.message_type(),
            Self::Bundle(_) => MessageType::BUNDLE,
            Self::StreamingInformation(_) => MessageType::STREAMING_INFORMATION,
            Self::StreamingRequest(_) => MessageType::STREAMING_REQUEST,
            Self::Host(host) => host.kind.message_type(),
            Self::Unknown { message_type, .. } => *message_type,
        }
    }

    /// Bytes of the whole message, including its header.
    pub fn encoded_len(&self) -> usize {
        HEADER_LEN
            + match self {
                Self::Null(_) => 0,
                Self::Error(error) => error.encoded_len(),
                Self::Request(request) => request.encoded_len(),
                Self::Event(event) => event.encoded_len(),
                Self::Bundle(bundle) => bundle.encoded_len(),
                Self::StreamingInformation(services) | Self::StreamingRequest(services) => {
                    services.encoded_len()
                }
                Self::Host(host) => host.encoded_len(),
                Self::Unknown { body, .. } => body.len(),
            }
    }

    /// Writes the whole message with a top-level header, as the guide describes it.
    ///
    /// # Errors
    /// [`ResourceError`] if `out` is shorter than [`Self::encoded_len`].
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, ResourceError> {
        self.emit_with(Quirks::NONE, out)
    }

    /// Writes the whole message with those of `quirks` that concern it. A NUL makes
    /// it one byte longer than [`Self::encoded_len`]; `no-extension` makes it 8
    /// bytes shorter.
    ///
    /// # Errors
    /// [`ResourceError`] with the bytes needed.
    pub fn emit_with(&self, quirks: Quirks, out: &mut [u8]) -> Result<usize, ResourceError> {
        self.write(1, quirks, out)
    }

    /// Writes the whole message for a bundle, with version 0 in its header, as real
    /// servers do. Otherwise as [`Self::emit_with`].
    ///
    /// # Errors
    /// As [`Self::emit_with`].
    pub fn emit_nested(&self, quirks: Quirks, out: &mut [u8]) -> Result<usize, ResourceError> {
        self.write(u16::from(quirks.has(Quirk::NestedVersion1)), quirks, out)
    }

    fn write(&self, version: u16, quirks: Quirks, out: &mut [u8]) -> Result<usize, ResourceError> {
        if let Self::Event(event) = self
            && event.record.extension.is_some()
            && quirks.has(Quirk::NoExtension)
        {
            let mut short = *event;
            short.record.extension = None;
            return Self::Event(short).write(version, quirks, out);
        }
        let needed = self.encoded_len() + deviate::extra(self.message_type(), quirks);
        let too_small = ResourceError::BufferTooSmall { needed };
        let out = out.get_mut(..needed).ok_or(too_small)?;
        let (head, body) = out.split_at_mut_checked(HEADER_LEN).ok_or(too_small)?;
        // `finish` writes the length, which depends on the quirks.
        Header {
            version,
            message_type: self.message_type(),
            length: 0,
        }
        .emit(head)?;
        match self {
            Self::Null(_) => Ok(0),
            Self::Error(error) => error.emit(body),
            Self::Request(request) => request.emit(body),
            Self::Event(event) => event.emit(body),
            Self::Bundle(bundle) => bundle.emit(body),
            Self::StreamingInformation(services) | Self::StreamingRequest(services) => {
                services.emit(body)
            }
            Self::Host(host) => host.emit(body),
            Self::Unknown { body: raw, .. } => super::put(body, &[raw]),
        }?;
        deviate::finish(quirks, out);
        Ok(needed)
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null(null) => null.fmt(f),
            Self::Error(error) => error.fmt(f),
            Self::Request(request) => request.fmt(f),
            Self::Event(event) => event.fmt(f),
            Self::Bundle(bundle) => bundle.fmt(f),
            Self::StreamingInformation(services) => write!(f, "streaming information: {services}"),
            Self::StreamingRequest(services) => write!(f, "streaming request: {services}"),
            Self::Host(host) => host.fmt(f),
            Self::Unknown { message_type, body } => {
                write!(f, "{message_type}, {}", Bytes::of(body))
            }
        }
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Message<'a> {
    /// Chooses a type, then a body of that type. A random number of a known type
    /// becomes a null message.
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(match u.int_in_range(0..=8)? {
            0 => Self::Error(u.arbitrary()?),
            1 => Self::Request(u.arbitrary()?),
            2 => Self::Event(u.arbitrary()?),
            3 => Self::Bundle(u.arbitrary()?),
            4 => Self::StreamingInformation(u.arbitrary()?),
            5 => Self::StreamingRequest(u.arbitrary()?),
            6 => Self::Host(u.arbitrary()?),
            7 => match u.arbitrary::<MessageType>()? {
                known if known.name().is_some() => Self::Null(Null),
                message_type => Self::Unknown {
                    message_type,
                    body: u.arbitrary()?,
                },
            },
            _ => Self::Null(Null),
        })
    }
}
