//! Written messages read back unchanged.

use crate::ResourceError;
use crate::decode::{Decoder, Frame, Kind, Limits, Oversize};
use crate::quirk::{Quirk, Quirks};
use crate::wire::{
    BundleHeader, BundleWriter, DataForm, Event, EventNumber, Expected, Header, Message, Null,
    RecordHeader, RecordLength, RecordReader, RecordType, trim_nul,
};
use arbitrary::Unstructured;
use std::{vec, vec::Vec};

/// Writes arbitrary events as a bundle, then arbitrary messages with arbitrary quirks,
/// and reads them back.
pub fn roundtrip(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    // Ends when the bytes are used up.
    let _ = messages(&mut choices);
}

fn messages(choices: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let events: Vec<Event<'_>> = choices.arbitrary()?;
    let quirks: Quirks = choices.arbitrary()?;
    bundle(&events, choices.arbitrary()?, quirks);
    while !choices.is_empty() {
        let message: Message<'_> = choices.arbitrary()?;
        let quirks: Quirks = choices.arbitrary()?;
        strict(&message);
        deviating(&message, quirks, choices.arbitrary()?);
    }
    Ok(())
}

/// Without quirks, a message reads back unchanged.
fn strict(message: &Message<'_>) {
    let out = emit(message.encoded_len(), |out| message.emit(out));
    let (header, _) = Header::parse(&out).expect("it has a header");
    assert_eq!(&super::read_strictly(&out), message);
    let expected = Header::new(message.message_type(), out.len() as u32 - 8);
    assert_eq!(header, expected);
}

/// With quirks, a message reads back with the same contents.
fn deviating(message: &Message<'_>, quirks: Quirks, nested: bool) {
    let write = |out: &mut [u8]| match nested {
        true => message.emit_nested(quirks, out),
        false => message.emit_with(quirks, out),
    };
    let Err(ResourceError::BufferTooSmall { needed }) = write(&mut []) else {
        panic!("no message is empty");
    };
    let out = emit(needed, write);
    let (header, body) = Header::parse(&out).expect("it has a header");
    let version = !nested || quirks.has(Quirk::NestedVersion1);
    assert_eq!(header.version, u16::from(version));
    let found = match (message, EventNumber::from_message_type(header.message_type)) {
        (Message::Event(sent), Some(number)) => {
            Event::parse_with(number, body, &mut reader_for(sent, quirks)).map(Message::Event)
        }
        _ => Message::parse_body(header.message_type, body),
    };
    match (message, found.expect("it reads")) {
        (Message::Event(sent), Message::Event(found)) => {
            same_event(&as_sent(sent, quirks), &found);
        }
        (Message::Request(sent), Message::Request(found)) => {
            assert_eq!((sent.from, sent.flags), (found.from, found.flags));
            let nul: &[u8] = match quirks.has(Quirk::RequestNul) {
                true => &[0],
                false => &[],
            };
            let null: &[u8] = match quirks.has(Quirk::RequestBoth) {
                true => &Null::BYTES,
                false => &[],
            };
            assert_eq!(found.block, [sent.block, nul, null].concat());
        }
        (Message::Error(sent), Message::Error(found)) => {
            assert_eq!((sent.code, trim_nul(sent.text)), (found.code, found.text));
        }
        (sent, found) => assert_eq!(sent, &found),
    }
}

/// The event as it is written with these quirks.
fn as_sent<'a>(event: &Event<'a>, quirks: Quirks) -> Event<'a> {
    let mut sent = *event;
    if quirks.has(Quirk::NoExtension) {
        sent.record.extension = None;
    }
    sent
}

/// A reader for the layout in which this event is written.
fn reader_for(event: &Event<'_>, quirks: Quirks) -> RecordReader {
    let extended = as_sent(event, quirks).record.extension.is_some();
    let record_length = match extended {
        true if quirks.has(Quirk::RecordCoversHeader) => RecordLength::All,
        true if quirks.has(Quirk::RecordCoversExtension) => RecordLength::Extension,
        _ => RecordLength::Data,
    };
    let form = DataForm::Opaque;
    RecordReader::new(record_length, Some(Expected { extended, form }))
}

/// Compares everything but the flag, which a quirk may set.
fn same_event(sent: &Event<'_>, found: &Event<'_>) {
    let plain = |record: RecordHeader| RecordHeader {
        flag: false,
        ..record
    };
    assert_eq!(plain(sent.record), plain(found.record));
    assert_eq!(sent.data, found.data);
}

/// The decoder returns the events of a bundle unchanged.
fn bundle(events: &[Event<'_>], header: BundleHeader, quirks: Quirks) {
    let events: Vec<_> = events.iter().map(|event| as_sent(event, quirks)).collect();
    let room = 16 + events.iter().map(|e| 8 + e.encoded_len()).sum::<usize>();
    let mut buffer = vec![0; room];
    let mut writer = BundleWriter::new(&mut buffer, header, quirks).expect("there is room");
    for event in &events {
        writer.push(event).expect("there is room");
    }
    assert_eq!(writer.len(), room);
    let one_more = Event::new(RecordType::FILE, None, b"");
    assert!(writer.push(&one_more).is_err(), "there is no more room");
    let message = writer.finish();
    assert_eq!(message.len(), room);
    let mut decoder =
        Decoder::new(room.max(64), Limits::DEFAULT, Oversize::Pieces).expect("at least 64");
    let mut rest = message;
    let mut expected = events.iter();
    loop {
        if let Some(next) = expected.clone().next() {
            decoder = decoder.with_records(reader_for(next, quirks));
        }
        let step = decoder.step(rest).expect("a valid stream");
        match step.frame {
            None => break,
            Some(Frame::Message { head, body }) => {
                let sent = expected.next().expect("no more than were written");
                let Kind::Event { record, .. } = head.kind else {
                    panic!("{head:?} is no event");
                };
                let found = Event {
                    number: sent.number,
                    record,
                    data: body.of(rest),
                };
                same_event(sent, &found);
            }
            Some(_) => {}
        }
        rest = &rest[step.consumed..];
    }
    assert!(rest.is_empty() && decoder.at_boundary() && expected.next().is_none());
}

/// Writes into a buffer of the needed size, and asserts that a smaller one is refused
/// and left unchanged.
fn emit(needed: usize, write: impl Fn(&mut [u8]) -> Result<usize, ResourceError>) -> Vec<u8> {
    let mut short = vec![0xaa; needed - 1];
    let refused = write(&mut short);
    assert_eq!(refused, Err(ResourceError::BufferTooSmall { needed }));
    assert!(short.iter().all(|&byte| byte == 0xaa), "nothing on failure");
    let mut out = vec![0xaa; needed + 1];
    assert_eq!(write(&mut out), Ok(needed));
    assert_eq!(out.pop(), Some(0xaa), "nothing after it");
    out
}
