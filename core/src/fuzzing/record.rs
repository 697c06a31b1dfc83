//! What decides on the layout of a record.

use super::Choices;
use crate::wire::{
    DataForm, Evidence, Expected, RecordHeader, RecordLayout, RecordLength, RecordReader,
};

/// Reads record headers with every setting and every known request. Asserts that only the
/// first bytes count, that the layout fits the lengths, and that what is named as the
/// evidence is what decided.
///
/// The first two bytes choose the difference of the lengths and what was read before. The
/// rest is the body; its bytes 4 to 7 are replaced by the record length.
pub fn record(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (spare, before) = (choices.byte(), choices.byte());
    let mut body = choices.rest().to_vec();
    let length = body.len() as u32;
    // Rarely any other number.
    let spare = [16, 8, 0, 8, 0, 8, 0, 24, 1, 4, 12, 17][usize::from(spare % 12)];
    if let Some(place) = body.get_mut(4..8) {
        place.copy_from_slice(&length.wrapping_sub(spare).to_be_bytes());
    }
    for record_length in RecordLength::ALL {
        for expected in EXPECTED {
            let fresh = RecordReader::new(record_length, expected);
            one(fresh, record_length, expected, &body);
            let mut used = fresh;
            // Whatever came before, also what cannot be read.
            let _ = used.read(&EARLIER[usize::from(before % 3)], 24);
            one(used, record_length, expected, &body);
            forgets(fresh, used, &body);
        }
    }
}

fn one(reader: RecordReader, record_length: RecordLength, expected: Option<Expected>, body: &[u8]) {
    let length = body.len() as u32;
    let evidence = reader.evidence(body, length);
    let read = reader.clone().read(body, length);
    let start = &body[..body.len().min(RecordReader::PEEK)];
    assert_eq!(
        read,
        reader.clone().read(start, length),
        "the start is enough"
    );
    assert_eq!(evidence, reader.evidence(start, length));
    let Ok((record, layout)) = read else {
        return;
    };
    fits(&record, layout, body);
    let is_extended = record.extension.is_some();
    match evidence {
        Evidence::Setting => assert_ne!(record_length, RecordLength::Auto),
        Evidence::Request => {
            assert!(expected.is_some_and(|expected| !expected.extended));
            assert!(!is_extended);
        }
        Evidence::Timestamp => {
            let extension = record.extension.expect("the timestamp is in an extension");
            assert_eq!(extension.reserved, 0);
            assert!(extension.archival >= 946_684_800, "it is after 1999");
        }
        // A setting decides where it has a say.
        _ => assert!(
            match (layout, record_length) {
                (RecordLayout::Short, RecordLength::Extension) => length < 16,
                (RecordLayout::CoversExtension, RecordLength::Data) => false,
                (RecordLayout::CoversHeader, RecordLength::All) => is_extended || length < 16,
                _ => true,
            },
            "{layout} by {evidence}, set to {record_length}"
        ),
    }
}

/// Asserts that the record length counts what the layout says.
fn fits(record: &RecordHeader, layout: RecordLayout, body: &[u8]) {
    let number = |at: usize| u32::from_be_bytes(body[at..at + 4].try_into().expect("4 bytes"));
    let (length, counted) = (body.len() as u32, number(4));
    let data = length.checked_sub(record.encoded_len() as u32);
    let data = data.expect("the header is in the body");
    let is_extended = record.extension.is_some();
    match layout {
        RecordLayout::Extended => assert_eq!((counted, is_extended), (data, true)),
        RecordLayout::Short => assert_eq!((counted, is_extended), (data, false)),
        RecordLayout::CoversExtension => {
            assert_eq!((counted, is_extended), (data + 8, true));
        }
        RecordLayout::CoversHeader => assert_eq!(counted, length),
        RecordLayout::Clipped => assert!(is_extended && body[0] >= 0x80),
    }
    if let Some(extension) = record.extension {
        assert_eq!(
            (extension.archival, extension.reserved),
            (number(8), number(12))
        );
    }
}

/// Asserts that earlier records count only where nothing in the record does.
fn forgets(fresh: RecordReader, used: RecordReader, body: &[u8]) {
    let length = body.len() as u32;
    let depends = [fresh, used].iter().any(|reader| {
        let evidence = reader.evidence(body, length);
        matches!(evidence, Evidence::Earlier | Evidence::Nothing)
    });
    if !depends {
        let read = |reader: RecordReader| reader.clone().read(body, length);
        assert_eq!(read(fresh), read(used));
    }
}

/// What may be known of the request.
const EXPECTED: [Option<Expected>; 5] = {
    const fn some(extended: bool, form: DataForm) -> Option<Expected> {
        Some(Expected { extended, form })
    }
    [
        None,
        some(true, DataForm::Json),
        some(true, DataForm::Text),
        some(true, DataForm::Opaque),
        some(false, DataForm::Json),
    ]
};

/// Bodies of 24 bytes: extended, short, and one whose length covers the extension.
const EARLIER: [[u8; 24]; 3] = [earlier(8, b'{'), earlier(16, 0), earlier(16, b'{')];

const fn earlier(record_length: u8, at_16: u8) -> [u8; 24] {
    let mut body = [0; 24];
    body[7] = record_length;
    // An archival timestamp.
    body[8] = 0x65;
    if at_16 == 0 {
        body[8] = b'{';
    }
    body[16] = at_16;
    body
}
