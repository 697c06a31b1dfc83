//! A resumable decoder over a window that the caller owns.
//!
//! A bundle is a counter here, not a buffer: its nested messages are returned one
//! by one, so the memory needed is bounded by the window. A message that does not
//! fit into the window is returned in pieces, or skipped; see [`Oversize`].
//!
//! The decoder reads the unread bytes of the window and returns **offsets** into
//! them. So the caller can refill the window between two steps:
//!
//! ```
//! use estreamer_core::decode::{Decoder, Frame, Kind, Limits, Oversize};
//! let stream = [0, 1, 0, 0, 0, 0, 0, 0]; // one null message
//! let mut decoder = Decoder::new(64, Limits::default(), Oversize::Pieces)?;
//! let step = decoder.step(&stream[..5])?; // incomplete
//! assert_eq!((step.consumed, step.frame), (0, None)); // read more, then step again
//! let step = decoder.step(&stream)?;
//! assert_eq!(step.consumed, 8);
//! assert!(matches!(step.frame, Some(Frame::Message { head, .. }) if head.kind == Kind::Null));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod frame;

pub use frame::{Frame, Head, Kind, Limits, Oversize, Span, Step};

use crate::wire::{
    self, EventNumber, Expected, HEADER_LEN, Header, MessageType, RecordLength, RecordReader,
};
use crate::{ConfigError, Malformed, PeerError};

/// The smallest window, in bytes. The fixed fields of every message fit.
pub const MIN_WINDOW: usize = 64;

/// Splits the incoming stream of one connection into frames.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Decoder {
    window: usize,
    limits: Limits,
    oversize: Oversize,
    records: RecordReader,
    /// Remaining bytes of the current bundle.
    bundle: Option<u32>,
    state: State,
    /// Bytes consumed since the start of the stream.
    offset: u64,
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum State {
    /// At a message boundary.
    Header,
    /// Inside a message returned in pieces, which ends with `surplus` bytes to drop.
    Pieces { left: u32, surplus: u32 },
    /// Inside a message that is skipped, with at least one byte left.
    Skip { left: u32 },
    /// The message boundaries are lost at the current offset.
    Lost { version: u16, message_type: u16 },
}

impl State {
    fn skip(left: u32) -> Self {
        match left {
            0 => Self::Header,
            _ => Self::Skip { left },
        }
    }
}

/// The fixed fields of a message and the position of its variable part.
struct LaidOut {
    head: Head,
    /// Bytes before the variable part.
    fixed: usize,
    /// Bytes of the variable part.
    body: u32,
    /// Bytes after the variable part that have no meaning.
    surplus: u32,
}

impl Decoder {
    /// Creates a decoder for a window of `window` bytes. No step needs more input at
    /// once.
    ///
    /// # Errors
    /// [`ConfigError::WindowTooSmall`] below [`MIN_WINDOW`].
    pub const fn new(
        window: usize,
        limits: Limits,
        oversize: Oversize,
    ) -> Result<Self, ConfigError> {
        if window < MIN_WINDOW {
            return Err(ConfigError::WindowTooSmall { given: window });
        }
        Ok(Self {
            window,
            limits,
            oversize,
            records: RecordReader::new(RecordLength::Auto, None),
            bundle: None,
            state: State::Header,
            offset: 0,
        })
    }

    /// Sets the reader for record headers. The default detects the layout of each
    /// record.
    #[must_use]
    pub const fn with_records(mut self, records: RecordReader) -> Self {
        self.records = records;
        self
    }

    /// Sets the form of the records that the request asks for.
    pub const fn expect(&mut self, expected: Expected) {
        self.records.expect(expected);
    }

    /// The form of the records that the request asks for, if known.
    pub const fn expected(&self) -> Option<Expected> {
        self.records.expected()
    }

    /// Bytes consumed since the start of the stream.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The limits.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether the consumed bytes end with a complete top-level message.
    pub const fn at_boundary(&self) -> bool {
        matches!(self.state, State::Header) && self.bundle.is_none()
    }

    /// Adds bytes that the session decoded itself.
    pub(crate) const fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
    }

    /// Decodes the next frame from `input`, all unread bytes of the window.
    ///
    /// A step consumes bytes, returns a frame, or needs more input. Its work does
    /// not depend on the length of the input.
    ///
    /// # Errors
    /// [`PeerError::InvalidHeader`], and the same from every later step.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, PeerError> {
        let step = match self.state {
            State::Lost {
                version,
                message_type,
            } => return Err(self.invalid_header(version, message_type)),
            State::Skip { left } => self.skip(input, left),
            State::Pieces { left, surplus } => self.piece(input, left, surplus),
            State::Header => self.message(input)?,
        };
        self.offset += step.consumed as u64;
        if let Some(left) = &mut self.bundle {
            *left -= step.consumed as u32;
        }
        if let Some(Frame::BundleBegin { length, .. }) = step.frame {
            self.bundle = Some(length);
        }
        Ok(step)
    }

    fn message(&mut self, input: &[u8]) -> Result<Step, PeerError> {
        if self.bundle == Some(0) {
            self.bundle = None;
            return Ok(frame(0, Frame::BundleEnd));
        }
        let Some(laid_out) = self.lay_out(input)? else {
            return Ok(NEED_MORE);
        };
        let LaidOut {
            head,
            fixed,
            body: length,
            surplus,
        } = laid_out;
        if head.header.message_type == MessageType::BUNDLE
            && !head.nested
            && head.kind == Kind::Other
        {
            return Ok(self.bundle_begin(input, length));
        }
        if length > self.limits.of(head.header.message_type) {
            return Ok(self.skip_message(head, fixed, length, surplus));
        }
        let whole = u64::from(length) + u64::from(surplus) + fixed as u64;
        if whole > self.window as u64 {
            return Ok(match self.oversize {
                Oversize::Skip => self.skip_message(head, fixed, length, surplus),
                Oversize::Pieces => {
                    self.state = State::Pieces {
                        left: length,
                        surplus,
                    };
                    frame(fixed, Frame::Begin { head, length })
                }
            });
        }
        if (input.len() as u64) < whole {
            return Ok(NEED_MORE);
        }
        let body = Span {
            start: fixed,
            len: length as usize,
        };
        Ok(frame(whole as usize, Frame::Message { head, body }))
    }

    /// Reads the fixed fields at the front of `input`. Returns `None` until they are
    /// complete.
    fn lay_out(&mut self, input: &[u8]) -> Result<Option<LaidOut>, PeerError> {
        let left = self.bundle;
        if let Some(left @ 1..HEADER_LEN_U32) = left {
            return Ok(Some(self.stray(left, Malformed::BundleTrailing)));
        }
        let Ok((rest, header)) = wire::header(input) else {
            return Ok(None);
        };
        match left {
            None if header.version != 1 => {
                self.state = State::Lost {
                    version: header.version,
                    message_type: header.message_type.0,
                };
                return Err(self.invalid_header(header.version, header.message_type.0));
            }
            Some(left) if header.length > left - HEADER_LEN_U32 => {
                return Ok(Some(self.stray(left, Malformed::BundleOverrun)));
            }
            _ => {}
        }
        // Waits for all bytes that decide, or for the whole body if it is shorter.
        // The result must not depend on how many bytes have arrived.
        let peek = rest.get(..peek_len(header.message_type).min(header.length as usize));
        let Some(peek) = peek else {
            return Ok(None);
        };
        let (kind, fixed) = match self.kind(header, peek) {
            Ok(found) => found,
            Err(malformed) => (Kind::Malformed(malformed), 0),
        };
        let available = header.length - fixed as u32;
        let body = match kind {
            Kind::Error { text_length, .. } => available.min(u32::from(text_length)),
            _ => available,
        };
        Ok(Some(LaidOut {
            head: Head {
                header,
                nested: left.is_some(),
                kind,
            },
            fixed: HEADER_LEN + fixed,
            body,
            surplus: available - body,
        }))
    }

    /// Reads the fixed fields of the body and returns them with their length.
    fn kind(&mut self, header: Header, body: &[u8]) -> Result<(Kind, usize), Malformed> {
        if EventNumber::from_message_type(header.message_type).is_some() {
            let (record, layout) = self.records.read(body, header.length)?;
            return Ok((Kind::Event { record, layout }, record.encoded_len()));
        }
        match header.message_type {
            MessageType::NULL => Ok((Kind::Null, 0)),
            MessageType::ERROR => match wire::error_fixed(body) {
                Ok((_, (code, text_length))) => {
                    Ok((Kind::Error { code, text_length }, wire::ERROR_FIXED_LEN))
                }
                Err(_) => Err(Malformed::ErrorTooShort),
            },
            MessageType::EVENT_STREAM_REQUEST => match wire::request_fixed(body) {
                Ok((_, (from, flags))) => {
                    Ok((Kind::Request { from, flags }, wire::REQUEST_FIXED_LEN))
                }
                Err(_) => Err(Malformed::RequestTooShort),
            },
            MessageType::BUNDLE if body.len() < wire::BUNDLE_FIXED_LEN => {
                Err(Malformed::BundleTooShort)
            }
            _ => Ok((Kind::Other, 0)),
        }
    }

    const fn invalid_header(&self, version: u16, message_type: u16) -> PeerError {
        PeerError::InvalidHeader {
            version,
            message_type,
            offset: self.offset,
        }
    }

    /// The rest of a bundle that cannot be decoded.
    fn stray(&self, left: u32, malformed: Malformed) -> LaidOut {
        LaidOut {
            head: Head {
                header: Header {
                    version: 0,
                    message_type: MessageType::BUNDLE,
                    length: left,
                },
                nested: true,
                kind: Kind::Malformed(malformed),
            },
            fixed: 0,
            body: left,
            surplus: 0,
        }
    }

    /// Consumes the fixed fields of a bundle with its header.
    fn bundle_begin(&mut self, input: &[u8], length: u32) -> Step {
        let Some(Ok((_, bundle))) = input.get(HEADER_LEN..).map(wire::bundle_fixed) else {
            return NEED_MORE;
        };
        let length = length - wire::BUNDLE_FIXED_LEN as u32;
        frame(
            HEADER_LEN + wire::BUNDLE_FIXED_LEN,
            Frame::BundleBegin { bundle, length },
        )
    }

    fn skip_message(&mut self, head: Head, fixed: usize, length: u32, surplus: u32) -> Step {
        self.state = State::skip(length.saturating_add(surplus));
        frame(fixed, Frame::Skipped { head, length })
    }

    fn skip(&mut self, input: &[u8], left: u32) -> Step {
        let consumed = (left as usize).min(input.len());
        self.state = State::skip(left - consumed as u32);
        Step {
            consumed,
            frame: None,
        }
    }

    fn piece(&mut self, input: &[u8], left: u32, surplus: u32) -> Step {
        if (left, surplus) == (0, 0) {
            self.state = State::Header;
            return frame(0, Frame::End);
        }
        if left == 0 {
            // The message ends after the surplus, as a complete one does.
            let consumed = (surplus as usize).min(input.len());
            let surplus = surplus - consumed as u32;
            self.state = State::Pieces { left, surplus };
            return Step {
                consumed,
                frame: None,
            };
        }
        let len = (left as usize).min(input.len());
        if len == 0 {
            return NEED_MORE;
        }
        self.state = State::Pieces {
            left: left - len as u32,
            surplus,
        };
        let body = Span { start: 0, len };
        frame(len, Frame::Chunk { body })
    }
}

/// Upper limit for the bytes after the header that decide on the fixed fields.
const fn peek_len(message_type: MessageType) -> usize {
    match message_type {
        MessageType::ERROR => wire::ERROR_FIXED_LEN,
        MessageType::EVENT_STREAM_REQUEST => wire::REQUEST_FIXED_LEN,
        MessageType::EVENT_DATA | MessageType::EVENT_DATA_3 => RecordReader::PEEK,
        MessageType::BUNDLE => wire::BUNDLE_FIXED_LEN,
        _ => 0,
    }
}

// These bytes fit into every window.
const _: () = assert!(HEADER_LEN + RecordReader::PEEK <= MIN_WINDOW);

const fn frame(consumed: usize, frame: Frame) -> Step {
    Step {
        consumed,
        frame: Some(frame),
    }
}

const NEED_MORE: Step = Step {
    consumed: 0,
    frame: None,
};

const HEADER_LEN_U32: u32 = HEADER_LEN as u32;
