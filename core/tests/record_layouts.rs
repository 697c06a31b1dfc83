//! Records in every layout, with every form of data, with and without bit 23, through
//! windows of several sizes: the data reads back unchanged.

mod common;

use common::{Join, Seen, bundle, message, record, with};
use estreamer_core::decode::{Decoder, Frame, Kind, Limits, Oversize};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{ClientConfig, ClientSession, Instant};
use estreamer_core::wire::{
    BundleHeader, BundleWriter, DataForm, Event, Expected, RecordLength, RecordReader, RecordType,
};

const FORMS: [DataForm; 3] = [DataForm::Json, DataForm::Text, DataForm::Opaque];
const ARCHIVAL: u32 = 1_700_000_000;

/// How a server writes its records: with or without extension, and the difference
/// between message length and record length.
const WRITTEN: [(bool, usize); 5] = [(true, 16), (true, 8), (true, 0), (false, 8), (false, 0)];

/// Data of a length and form. `seed` varies it.
fn data(form: DataForm, length: usize, seed: usize) -> Vec<u8> {
    match form {
        DataForm::Json => {
            let mut data = format!("{{\"EventID\":{seed},\"X\":{{\"a").into_bytes();
            data.resize(length.max(1), b'}');
            data.truncate(length);
            data
        }
        DataForm::Text => {
            let text = format!("1743500734,172.16.3.{seed},,FileName");
            text.into_bytes().into_iter().cycle().take(length).collect()
        }
        DataForm::Opaque => (0..length)
            .map(|at| (at * 89 + seed * 151 + 7) as u8)
            .collect(),
    }
}

fn event(extension: bool, spare: usize, data: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    if extension {
        rest.extend(ARCHIVAL.to_be_bytes());
        rest.extend([0; 4]);
    }
    rest.extend(data);
    message(0, 4, &record(71, (rest.len() + 8 - spare) as u32, &rest))
}

/// Decodes a stream through a window in chunks.
fn decode(stream: &[u8], window: usize, chunk: usize, records: RecordReader) -> Join {
    let decoder = Decoder::new(window, Limits::DEFAULT, Oversize::Pieces);
    let mut decoder = decoder.unwrap().with_records(records);
    let mut join = Join::default();
    let (mut start, mut end) = (0, 0);
    loop {
        let input = &stream[start..end];
        let step = decoder.step(input).unwrap();
        if let Some(frame) = &step.frame {
            join.add(frame, input);
        }
        start += step.consumed;
        if step.consumed == 0 && step.frame.is_none() {
            if end == stream.len() {
                assert_eq!(start, end, "nothing is left over");
                return join;
            }
            assert!(end - start < window, "a full window is always enough");
            end = (end + chunk).min(start + window).min(stream.len());
        }
    }
}

/// The archival timestamp and the data of each event.
fn events(join: &Join) -> Vec<(Option<u32>, Vec<u8>)> {
    let messages = join.seen.iter().filter_map(|seen| match seen {
        Seen::Message { head, body } => Some((head, body)),
        _ => None,
    });
    messages
        .map(|(head, body)| match head.kind {
            Kind::Event { record, .. } => (record.archival(), body.clone()),
            other => panic!("no event: {other:?}"),
        })
        .collect()
}

/// Whether the layout can be detected from the records. It cannot from opaque data
/// without extension, or from text that is too short.
fn can_tell(form: DataForm, extension: bool, spare: usize, extended: bool) -> bool {
    match (extension, spare) {
        (true, 16) => true,
        (true, _) => extended,
        (false, _) => !extended || form != DataForm::Opaque,
    }
}

#[test]
fn every_reading_of_every_small_record_gives_its_data_through_every_window() {
    for (extension, spare) in WRITTEN {
        for form in FORMS {
            for extended in [true, false] {
                if !can_tell(form, extension, spare, extended) {
                    continue;
                }
                let expected = Expected { extended, form };
                let reader = RecordReader::new(RecordLength::Auto, Some(expected));
                let mut sent = Vec::new();
                let mut nested = Vec::new();
                // Empty data does not decide.
                for length in 1..150 {
                    let data = data(form, length, length);
                    nested.extend(event(extension, spare, &data));
                    sent.push((extension.then_some(ARCHIVAL), data));
                }
                let stream = bundle(1, &nested);
                for (window, chunk) in [(64, 1), (64, 7), (65, 64), (97, 13), (1 << 16, 1 << 16)] {
                    let found = events(&decode(&stream, window, chunk, reader));
                    let what = format!("{extension} {spare} {form:?} {extended} {window}");
                    assert_eq!(found, sent, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_setting_reads_what_no_record_can_tell() {
    for (setting, extension, spare) in [
        (RecordLength::Data, false, 8),
        (RecordLength::Data, true, 16),
        (RecordLength::Extension, true, 8),
        (RecordLength::All, true, 0),
    ] {
        for form in FORMS {
            for extended in [true, false] {
                let reader = RecordReader::new(setting, Some(Expected { extended, form }));
                for length in 0..150 {
                    let data = data(form, length, length);
                    let stream = bundle(1, &event(extension, spare, &data));
                    for window in [64, 4096] {
                        let found = events(&decode(&stream, window, 9, reader));
                        let archival = extension.then_some(ARCHIVAL);
                        assert_eq!(found, [(archival, data.clone())], "{setting} {form:?}");
                    }
                }
            }
        }
    }
}

/// A record is returned when it is complete, and the beginning of a larger one when 56
/// bytes of its body have arrived. Neither waits for later bytes.
#[test]
fn the_look_ahead_delays_no_record_that_is_whole() {
    for (extension, spare) in WRITTEN {
        for length in 0..120 {
            let form = DataForm::Json;
            let expected = Expected {
                extended: true,
                form,
            };
            let reader = RecordReader::new(RecordLength::Auto, Some(expected));
            let event = event(extension, spare, &data(form, length, 1));
            let stream = [&bundle(1, &[])[..4], &[0, 0, 1, 0], &[0; 8], &event].concat();
            let decoder = Decoder::new(64, Limits::DEFAULT, Oversize::Pieces);
            let mut decoder = decoder.unwrap().with_records(reader);
            assert_eq!(decoder.step(&stream).unwrap().consumed, 16);
            let input = &stream[16..];
            let least = event.len().min(64);
            let step = decoder.step(&input[..least - 1]).unwrap();
            assert_eq!((step.consumed, step.frame), (0, None));
            let frame = decoder.step(&input[..least]).unwrap().frame;
            match event.len() <= 64 {
                true => assert!(matches!(frame, Some(Frame::Message { .. }))),
                false => assert!(matches!(frame, Some(Frame::Begin { .. }))),
            }
        }
    }
}

/// The counts of a client for events that a server writes with these quirks.
fn counted(quirks: Quirks, expected: Expected, data: &[u8], window: usize) -> Vec<(Quirk, u32)> {
    let mut buffer = [0; 512];
    let header = BundleHeader {
        connection_id: 1,
        sequence: 1,
    };
    let mut bundle = BundleWriter::new(&mut buffer, header, quirks).unwrap();
    for _ in 0..3 {
        let event = Event::new(RecordType::FILE, Some(ARCHIVAL), data);
        bundle.push(&event).unwrap();
    }
    let mut rest = bundle.finish();
    let config = with(ClientConfig::default(), |it| {
        it.expected = Some(expected);
    });
    let mut client = ClientSession::new(window, config, Instant(0)).unwrap();
    loop {
        let input = &rest[..rest.len().min(window)];
        let step = client.step(input, Instant(0)).unwrap();
        rest = &rest[step.consumed..];
        if step.consumed == 0 && step.frame.is_none() {
            assert!(rest.is_empty());
            break;
        }
    }
    let seen = client.statistics().deviations.seen();
    seen.filter(|(quirk, _)| *quirk != Quirk::NestedVersion0)
        .collect()
}

#[test]
fn each_reading_and_each_disappointment_is_counted_once_for_each_record() {
    let large = [&b"{"[..], &[b' '; 120]].concat();
    for window in [64, 4096] {
        for form in FORMS {
            for extended in [true, false] {
                let expected = Expected { extended, form };
                for data in [&b"{}"[..], &large, b"", b"1743500734,10.0.0.1"] {
                    for quirk in [
                        None,
                        Some(Quirk::RecordCoversExtension),
                        Some(Quirk::RecordCoversHeader),
                        Some(Quirk::NoExtension),
                    ] {
                        let quirks = quirk.map_or(Quirks::NONE, |quirk| Quirks::NONE.with(quirk));
                        let found = counted(quirks, expected, data, window);
                        let what = format!("{quirk:?} {expected:?} {data:?} {found:?}");
                        let is = |quirk| found.contains(&(quirk, 3));
                        let read = extended || quirk.is_none();
                        let not_json = form == DataForm::Json
                            && !(data.starts_with(b"{")
                                && (read || quirk == Some(Quirk::NoExtension)));
                        assert_eq!(is(Quirk::DataNotJson), not_json, "{what}");
                        match quirk {
                            // Without evidence, bit 23 decides.
                            Some(Quirk::NoExtension)
                                if form == DataForm::Opaque && data.len() >= 8 => {}
                            Some(Quirk::NoExtension) => {
                                assert_eq!(is(Quirk::NoExtension), extended, "{what}");
                            }
                            Some(Quirk::RecordCoversExtension) => {
                                assert_eq!(is(Quirk::RecordCoversExtension), extended, "{what}");
                            }
                            Some(quirk) => assert!(is(quirk), "{what}"),
                            None => assert_eq!(found.len(), usize::from(not_json), "{what}"),
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn blanks_before_the_brace_are_json_as_far_as_every_window_shows_them() {
    let form = DataForm::Json;
    let expected = Expected {
        extended: true,
        form,
    };
    for (data, json) in [
        (&b"\r\n\t {}"[..], true),
        (&[&[b' '; 39][..], b"{}"].concat(), true),
        (&[&[b' '; 40][..], b"{}"].concat(), false),
        (b"\0{}", false),
        (b" ", false),
        (b"[1]", false),
        (b"EventType,EventID", false),
    ] {
        for window in [64, 4096] {
            let found = counted(Quirks::NONE, expected, data, window);
            let expected: &[_] = match json {
                true => &[],
                false => &[(Quirk::DataNotJson, 3)],
            };
            assert_eq!(found, expected, "{data:?}");
        }
    }
}

#[test]
fn a_record_of_just_the_limit_is_within_it_whatever_its_headers_take() {
    let limits = with(Limits::DEFAULT, |it| {
        it.record = 1000;
    });
    let form = DataForm::Json;
    let expected = Expected {
        extended: true,
        form,
    };
    for (extension, spare) in WRITTEN {
        for (length, whole) in [(1000, true), (1001, false)] {
            let stream = bundle(1, &event(extension, spare, &data(form, length, 1)));
            for window in [64, 4096] {
                let reader = RecordReader::new(RecordLength::Auto, Some(expected));
                let decoder = Decoder::new(window, limits, Oversize::Pieces);
                let mut decoder = decoder.unwrap().with_records(reader);
                let begun = decoder.step(&stream).unwrap().consumed;
                let frame = decoder.step(&stream[begun..]).unwrap().frame;
                let skipped = matches!(frame, Some(Frame::Skipped { .. }));
                assert_eq!(skipped, !whole, "{length} {extension} {spare} {window}");
            }
        }
    }
}
