//! Parsing whole messages and decoding a stream give the same result.

use crate::decode::{Decoder, Frame, Head, Kind, Limits, Oversize};
use crate::wire::{
    Event, EventNumber, HEADER_LEN, Header, Message, MessageType, RecordReader, trim_nul,
};
use crate::{Malformed, PeerError};
use std::string::ToString;
use std::vec::Vec;

/// Parses a sequence of messages, decodes them as a stream through a window, and
/// asserts the same result. The first byte chooses the window.
pub fn parse(data: &[u8]) {
    let Some((&window, stream)) = data.split_first() else {
        return;
    };
    let decoded = decode(stream, 64 + usize::from(window));
    let mut decoded = decoded.iter();
    let mut records = RecordReader::default();
    let mut rest = stream;
    while let Ok((header, tail)) = Header::parse(rest) {
        if header.version != 1 {
            break;
        }
        let Some((body, tail)) = tail.split_at_checked(header.length as usize) else {
            let whole = Message::parse(rest);
            assert!(matches!(whole, Err(PeerError::Truncated { .. })));
            return;
        };
        rest = tail;
        if header.message_type != MessageType::BUNDLE {
            same(header, false, body, &mut records, decoded.next());
            continue;
        }
        match Message::parse_body(header.message_type, body) {
            Ok(Message::Bundle(bundle)) => {
                let begins = decoded.next();
                assert_eq!(begins, Some(&Seen::Bundle(bundle.header)));
                nested(bundle.nested, &mut records, &mut decoded);
                assert_eq!(decoded.next(), Some(&Seen::BundleEnd));
                messages(bundle.nested, &bundle);
            }
            other => {
                assert_eq!(other, Err(Malformed::BundleTooShort));
                same(header, false, body, &mut records, decoded.next());
            }
        }
    }
    assert_eq!(decoded.next(), None, "nothing after the last message");
}

/// Steps through a bundle by its lengths.
fn nested<'s>(
    mut rest: &[u8],
    records: &mut RecordReader,
    decoded: &mut impl Iterator<Item = &'s Seen>,
) {
    while !rest.is_empty() {
        let whole = Header::parse(rest).ok().and_then(|(header, tail)| {
            let (body, tail) = tail.split_at_checked(header.length as usize)?;
            Some((header, body, tail))
        });
        let Some((header, body, tail)) = whole else {
            let what = match rest.len() < HEADER_LEN {
                true => Malformed::BundleTrailing,
                false => Malformed::BundleOverrun,
            };
            let Some(Seen::Message(head, raw)) = decoded.next() else {
                panic!("{what} is reported");
            };
            assert_eq!((head.kind, &raw[..]), (Kind::Malformed(what), rest));
            return;
        };
        same(header, true, body, records, decoded.next());
        rest = tail;
    }
}

/// The iterator over a bundle returns the same as the parser for each message.
fn messages(mut rest: &[u8], bundle: &crate::wire::Bundle<'_>) {
    let mut steps = rest.len() / HEADER_LEN + 1;
    for found in bundle.messages() {
        steps = steps
            .checked_sub(1)
            .expect("a message is at least a header");
        match (found, Message::parse(rest)) {
            (Ok((header, message)), Ok((whole, tail))) => {
                assert_eq!((header, message), whole);
                rest = tail;
            }
            (Err(PeerError::Malformed(what)), Err(whole)) => match whole {
                PeerError::Malformed(_) => {
                    assert_eq!(PeerError::Malformed(what), whole);
                    let length = Header::parse(rest).map_or(0, |(header, _)| header.length);
                    rest = &rest[HEADER_LEN + length as usize..];
                }
                _ => rest = &[],
            },
            (found, whole) => panic!("{found:?} is not {whole:?}"),
        }
    }
    assert!(rest.is_empty(), "the whole bundle is parsed");
}

/// The decoder and the parser return the same for one message.
fn same(
    header: Header,
    nested: bool,
    body: &[u8],
    records: &mut RecordReader,
    decoded: Option<&Seen>,
) {
    let Some(Seen::Message(head, raw)) = decoded else {
        panic!("{header:?} was not decoded but {decoded:?}");
    };
    assert_eq!((head.header, head.nested), (header, nested));
    let read = match EventNumber::from_message_type(header.message_type) {
        Some(number) => Event::parse_with(number, body, records).map(Message::Event),
        None => Message::parse_body(header.message_type, body),
    };
    let message = match read {
        Err(what) => {
            assert_eq!((head.kind, &raw[..]), (Kind::Malformed(what), body));
            return;
        }
        Ok(message) => message,
    };
    match (message, head.kind) {
        (Message::Null(_), Kind::Null) => {}
        (Message::Error(error), Kind::Error { code, .. }) => {
            assert_eq!((error.code, error.text), (code, trim_nul(raw)));
        }
        (Message::Request(request), Kind::Request { from, flags }) => {
            assert_eq!((request.from, request.flags), (from, flags));
            assert_eq!(request.block, raw);
        }
        (Message::Event(event), Kind::Event { record, .. }) => {
            assert_eq!((event.record, event.data), (record, &raw[..]));
        }
        (
            Message::Bundle(_)
            | Message::StreamingInformation(_)
            | Message::StreamingRequest(_)
            | Message::Host(_)
            | Message::Unknown { .. },
            Kind::Other,
        ) => assert_eq!(raw, body),
        (message, kind) => panic!("{message:?} is not {kind:?}"),
    }
    // Written as the guide describes it, it reads back unchanged.
    let mut out = std::vec![0; message.encoded_len()];
    assert_eq!(message.emit(&mut out), Ok(out.len()));
    assert_eq!(super::read_strictly(&out), message);
    assert!(!message.to_string().contains(char::is_control), "one line");
    if let Message::StreamingInformation(services) = message {
        // An entry has at least four words.
        assert!(services.entries().count() <= services.body.len() / 16);
    }
}

/// What the decoder returned, with pieces joined.
#[derive(Debug, PartialEq)]
enum Seen {
    Bundle(crate::wire::BundleHeader),
    Message(Head, Vec<u8>),
    BundleEnd,
}

/// Decodes until the stream ends or a header is invalid.
fn decode(stream: &[u8], window: usize) -> Vec<Seen> {
    let mut decoder =
        Decoder::new(window, Limits::UNLIMITED, Oversize::Pieces).expect("at least 64");
    let mut seen = Vec::new();
    let mut open = None;
    let mut rest = stream;
    loop {
        let input = &rest[..rest.len().min(window)];
        let Ok(step) = decoder.step(input) else { break };
        match step.frame {
            None if step.consumed == 0 => break,
            None => {}
            Some(Frame::BundleBegin { bundle, .. }) => seen.push(Seen::Bundle(bundle)),
            Some(Frame::BundleEnd) => seen.push(Seen::BundleEnd),
            Some(Frame::Message { head, body }) => {
                seen.push(Seen::Message(head, body.of(input).to_vec()));
            }
            Some(Frame::Begin { head, .. }) => open = Some((head, Vec::new())),
            Some(Frame::Chunk { body }) => {
                let (_, joined) = open.as_mut().expect("a piece of some message");
                joined.extend_from_slice(body.of(input));
            }
            Some(Frame::End) => {
                let (head, joined) = open.take().expect("an end of some message");
                seen.push(Seen::Message(head, joined));
            }
            Some(Frame::Skipped { head, .. }) => panic!("{head:?} is within every limit"),
        }
        rest = &rest[step.consumed..];
    }
    seen
}
