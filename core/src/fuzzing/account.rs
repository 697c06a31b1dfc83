//! Asserts that every byte of a stream belongs to exactly one message.

use crate::Malformed;
use crate::decode::{Frame, Head, Kind, Limits, Oversize, Step};
use crate::wire::HEADER_LEN;

/// Follows a stream step by step, and asserts that its frames are adjacent.
pub(super) struct Account {
    limits: Limits,
    oversize: Oversize,
    window: u64,
    /// Bytes consumed.
    offset: u64,
    /// The end of the current bundle.
    bundle: Option<u64>,
    message: Option<Open>,
}

/// A message that has begun and not ended.
struct Open {
    /// Its end in the stream.
    end: u64,
    /// Remaining bytes of its variable part; `None` if it is skipped.
    left: Option<u64>,
}

impl Account {
    pub(super) fn new(limits: Limits, oversize: Oversize, window: usize) -> Self {
        Self {
            limits,
            oversize,
            window: window as u64,
            offset: 0,
            bundle: None,
            message: None,
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        let start = self.offset;
        self.offset += step.consumed as u64;
        match step.frame {
            None if step.consumed == 0 => {}
            None => {
                let open = self.message.as_ref().expect("bytes of some message");
                assert!(self.offset <= open.end, "more than the message holds");
            }
            Some(Frame::BundleBegin { length, .. }) => {
                self.begins(start);
                assert_eq!(self.bundle, None, "a bundle in a bundle");
                assert_eq!(step.consumed, HEADER_LEN + 8);
                self.bundle = Some(self.offset + u64::from(length));
            }
            Some(Frame::BundleEnd) => {
                self.begins(start);
                assert_eq!(self.bundle.take(), Some(self.offset), "a bundle's length");
            }
            Some(Frame::Message { head, body }) => {
                let end = self.head(start, &head, body.start, body.len as u64);
                assert_eq!(self.offset, end, "a message's length");
            }
            Some(Frame::Begin { head, length }) => {
                let end = self.head(start, &head, step.consumed, u64::from(length));
                assert!(end - start > self.window, "it fits the window");
                let left = Some(u64::from(length));
                self.message = Some(Open { end, left });
            }
            Some(Frame::Chunk { body }) => {
                assert_eq!((body.start, body.len), (0, step.consumed));
                assert!(body.len > 0, "a chunk holds something");
                let open = self.message.as_mut().expect("a piece of some message");
                let left = open.left.as_mut().expect("of one that is not skipped");
                *left -= body.len as u64;
            }
            Some(Frame::End) => {
                let open = self.message.take().expect("an end of some message");
                assert_eq!((open.left, open.end), (Some(0), self.offset));
            }
            Some(Frame::Skipped { head, length }) => {
                let end = self.place(start, &head, step.consumed, u64::from(length));
                let over = length > self.limits.of(head.header.message_type);
                let large = self.oversize == Oversize::Skip && end - start > self.window;
                assert!(over || large, "skipped for no reason");
                self.message = Some(Open { end, left: None });
            }
        }
    }

    /// A message that is returned, so it must be within the limits.
    fn head(&mut self, start: u64, head: &Head, fixed: usize, body: u64) -> u64 {
        let limit = self.limits.of(head.header.message_type);
        assert!(body <= u64::from(limit), "{head:?} is over {limit}");
        self.place(start, head, fixed, body)
    }

    /// The end of a message with `fixed` bytes of fixed fields.
    fn place(&mut self, start: u64, head: &Head, fixed: usize, body: u64) -> u64 {
        self.begins(start);
        let stray = matches!(
            head.kind,
            Kind::Malformed(Malformed::BundleOverrun | Malformed::BundleTrailing)
        );
        let header = if stray { 0 } else { HEADER_LEN };
        let end = start + header as u64 + u64::from(head.header.length);
        let surplus = (end - start).checked_sub(fixed as u64 + body);
        let surplus = surplus.expect("a variable part that ends with its message");
        assert_eq!(head.nested, self.bundle.is_some(), "nested or not");
        if let Some(bundle) = self.bundle {
            assert!(end <= bundle, "a message that ends with its bundle");
        }
        match head.kind {
            Kind::Malformed(_) => {
                assert_eq!((fixed, surplus), (header, 0), "all of it is returned");
            }
            Kind::Error { .. } => {}
            _ => assert_eq!(surplus, 0, "all of it is returned"),
        }
        end
    }

    /// A frame begins, so a skipped message has ended.
    fn begins(&mut self, start: u64) {
        if let Some(open) = self.message.take() {
            assert_eq!((open.left, open.end), (None, start), "one at a time");
        }
    }
}
