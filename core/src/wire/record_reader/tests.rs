//! The layouts, and what decides between them.

use super::*;
use std::vec::Vec;

/// A body of `l` bytes with record length `r`, and an archival timestamp in 2023.
fn body(flag: bool, r: u32, l: usize) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend((u32::from(flag) << 31 | 71).to_be_bytes());
    body.extend(r.to_be_bytes());
    body.extend(1_700_000_000_u32.to_be_bytes());
    body.extend([0; 4]);
    body.resize(l.max(16), b'x');
    body.truncate(l);
    body
}

fn layout(flag: bool, r: u32, l: usize) -> Result<(RecordLayout, bool), Malformed> {
    let (record, layout) = RecordHeader::parse(&body(flag, r, l), l as u32)?;
    Ok((layout, record.extension.is_some()))
}

/// Reads a record with L − R = `spare` and `rest` after its short header. Returns
/// whether `rest` begins with an extension.
fn extended(reader: &mut RecordReader, spare: usize, rest: &[u8]) -> bool {
    let length = 8 + rest.len();
    let mut body = 71_u32.to_be_bytes().to_vec();
    body.extend(((length - spare) as u32).to_be_bytes());
    body.extend(rest);
    let (record, _) = reader.read(&body, length as u32).unwrap();
    record.extension.is_some()
}

#[test]
fn what_decides_on_the_layout_is_named() {
    use Evidence as E;
    let body = |r: u32, rest: &[u8]| [&71_u32.to_be_bytes(), &r.to_be_bytes(), rest].concat();
    let time = [&1_700_000_000_u32.to_be_bytes(), &[0; 4][..]].concat();
    let json = [&time[..], b"{}"].concat();
    let bytes = [&time[..], b"\x10\x02"].concat();
    let vague = [&[1; 8][..], b"\x10\x02"].concat();
    let auto = reader(DataForm::Opaque);
    let mut knows = auto;
    knows.read(&body(10, &bytes), 18).unwrap();
    let short = RecordReader::new(
        RecordLength::Auto,
        Some(Expected {
            extended: false,
            form: DataForm::Json,
        }),
    );
    let set = RecordReader::new(RecordLength::Extension, None);
    for (reader, r, rest, expected) in [
        (reader(DataForm::Json), 2, &json, E::Lengths),
        (reader(DataForm::Json), 10, &json, E::Data),
        (reader(DataForm::Json), 18, &json, E::Data),
        (short, 10, &json, E::Request),
        // No room for an extension, and room for nothing else.
        (short, 4, &b"{}  ".to_vec(), E::Lengths),
        (reader(DataForm::Json), 8, &b"{\"a\":12}".to_vec(), E::Data),
        (set, 10, &json, E::Setting),
        (auto, 10, &bytes, E::Timestamp),
        (auto, 10, &vague, E::Nothing),
        (knows, 10, &vague, E::Earlier),
    ] {
        let found = reader.evidence(&body(r, rest), 8 + rest.len() as u32);
        assert_eq!(found, expected, "{r}");
    }
}

fn reader(form: DataForm) -> RecordReader {
    let extended = true;
    RecordReader::new(RecordLength::Auto, Some(Expected { extended, form }))
}

#[test]
fn each_difference_of_the_lengths_has_its_layouts_whatever_the_flag() {
    for flag in [false, true] {
        assert_eq!(layout(flag, 10, 26), Ok((RecordLayout::Extended, true)));
        assert_eq!(
            layout(flag, 18, 26),
            Ok((RecordLayout::CoversExtension, true))
        );
        assert_eq!(layout(flag, 26, 26), Ok((RecordLayout::CoversHeader, true)));
        // No room for an extension.
        assert_eq!(layout(flag, 7, 15), Ok((RecordLayout::Short, false)));
        assert_eq!(
            layout(flag, 15, 15),
            Ok((RecordLayout::CoversHeader, false))
        );
        assert_eq!(layout(flag, 0, 8), Ok((RecordLayout::Short, false)));
    }
}

#[test]
fn with_the_flag_set_and_odd_lengths_the_data_is_what_the_message_holds() {
    for r in [9, 11, 1000, u32::MAX] {
        assert_eq!(layout(true, r, 26), Ok((RecordLayout::Clipped, true)));
    }
}

fn misfit(record: u32, message: u32) -> Result<(RecordLayout, bool), Malformed> {
    Err(Malformed::RecordLength { record, message })
}

#[test]
fn other_lengths_are_malformed() {
    assert_eq!(layout(false, 11, 26), misfit(11, 26));
    assert_eq!(layout(false, u32::MAX, 26), misfit(u32::MAX, 26));
    assert_eq!(layout(true, 3, 14), misfit(3, 14));
    assert_eq!(layout(false, 2, 32), misfit(2, 32));
    // Less of the body than the reader asks for.
    let cut = RecordHeader::parse(&body(false, 10, 26)[..12], 26);
    assert_eq!(cut, Err(Malformed::RecordTooShort));
    for l in 0..8 {
        assert_eq!(layout(true, 0, l), Err(Malformed::RecordTooShort));
    }
}

#[test]
fn the_brace_of_json_decides_where_the_data_begins() {
    const TIME: &[u8; 8] = b"\x69\0\0\0\xaa\xbb\xcc\xdd";
    for spare in [8, 0] {
        for (rest, expected) in [
            (&[&TIME[..], b"{\"a\":1}"].concat()[..], true),
            (&[&TIME[..], b"\r\n \0{}"].concat(), true),
            // Metadata has no archival second.
            (b"\0\0\0\0\0\0\0\0{}", true),
            (b"{\"EventID\":7}", false),
            (b"  {\"EventID\":7}", false),
            // A second brace stands just where it must not mislead.
            (b"{\"even\":{\"x\":1}}", false),
            // 2035: the time itself begins with a brace.
            (b"\x7b\x22\x20\x20\0\0\0\0{}", true),
        ] {
            let mut reader = reader(DataForm::Json);
            let found = extended(&mut reader, spare, rest);
            assert_eq!(found, expected, "{spare} {rest:?}");
        }
    }
}

#[test]
fn the_brace_of_json_outweighs_what_records_before_it_and_the_numbers_say() {
    let time = [&1_700_000_000_u32.to_be_bytes()[..], &[0; 4], b"{}"].concat();
    let mut json = reader(DataForm::Json);
    assert!(extended(&mut json, 8, &time));
    assert!(!extended(&mut json, 8, b"{\"EventID\":7}"), "after another");
    // The numbers of the extension are readable.
    assert!(extended(&mut json, 8, b"readable{}"));
}

#[test]
fn where_nothing_decides_text_is_not_taken_for_numbers_nor_numbers_for_text() {
    for form in [DataForm::Text, DataForm::Json] {
        assert!(!extended(&mut reader(form), 8, b"readable,1"));
        assert!(extended(&mut reader(form), 8, b"\x01\x02abcdefa,b"));
    }
}

#[test]
fn text_holds_no_nul_so_that_zeros_are_the_reserved_word() {
    for form in [DataForm::Text, DataForm::Json] {
        // No second that a server can mean.
        assert!(extended(&mut reader(form), 8, b"\x01\0\0\0\0\0\0\0a,b"));
        assert!(!extended(&mut reader(form), 8, b"1743500734,10.0.0.1"));
    }
    let mut opaque = reader(DataForm::Opaque);
    assert!(extended(&mut opaque, 8, b"1743500734,10.0.0.1"), "bytes");
}

#[test]
fn without_bit_23_a_record_is_short_unless_its_length_says_otherwise() {
    let form = DataForm::Opaque;
    let mut reader = RecordReader::new(
        RecordLength::Auto,
        Some(Expected {
            extended: false,
            form,
        }),
    );
    let rest = [&1_700_000_000_u32.to_be_bytes()[..], &[0; 4], b"data"].concat();
    assert!(!extended(&mut reader, 8, &rest));
    assert!(!extended(&mut reader, 0, &rest));
    assert!(extended(&mut reader, 16, &rest));
}

#[test]
fn what_nothing_tells_is_what_the_records_before_it_were() {
    let told = [&1_700_000_000_u32.to_be_bytes()[..], &[0; 4], b"data"].concat();
    let untold = [&[9; 8][..], b"data"].concat();
    let mut opaque = reader(DataForm::Opaque);
    assert!(extended(&mut opaque, 8, &untold), "bit 23 was asked for");
    assert!(extended(&mut opaque, 16, &told));
    assert!(
        !extended(&mut opaque, 8, &untold),
        "this server counts data"
    );
    assert!(extended(&mut opaque, 8, &told));
    assert!(extended(&mut opaque, 8, &untold), "and now it does not");
    let mut json = reader(DataForm::Json);
    assert!(!extended(&mut json, 0, b"{\"EventID\":7}"));
    assert!(!extended(&mut json, 0, b"\x01\x02\x03\x04\x05\x06\x07\x08"));
}

#[test]
fn a_setting_wins_over_all_evidence_of_its_own_kind() {
    let json = b"{\"EventID\":7}";
    let time = [&1_700_000_000_u32.to_be_bytes()[..], &[0; 4], b"{}"].concat();
    for (setting, spare, rest, expected) in [
        (RecordLength::Data, 8, &time[..], false),
        (RecordLength::Extension, 8, json, true),
        (RecordLength::All, 0, json, true),
        // Nothing is left to decide, or nothing that it is about.
        (RecordLength::Data, 16, &time, true),
        (RecordLength::Data, 0, &time, true),
        (RecordLength::Extension, 0, json, false),
        (RecordLength::All, 8, json, false),
        (RecordLength::Extension, 8, b"{}", false),
    ] {
        let form = DataForm::Json;
        let asked = Expected {
            extended: true,
            form,
        };
        let mut reader = RecordReader::new(setting, Some(asked));
        let found = extended(&mut reader, spare, rest);
        assert_eq!(found, expected, "{setting} {spare} {rest:?}");
    }
}

#[test]
fn every_setting_is_found_by_its_name() {
    for setting in RecordLength::ALL {
        assert_eq!(RecordLength::from_name(setting.name()), Some(setting));
    }
    assert_eq!(RecordLength::from_name("payload"), None);
}

#[test]
fn netmap_and_record_type_share_a_word() {
    let body = [0x80, 5, 1, 0xf6, 0, 0, 0, 0];
    let (record, _) = RecordHeader::parse(&body, 8).unwrap();
    assert_eq!(record.netmap, 5);
    assert_eq!(record.record_type, crate::wire::RecordType::FILE_MALWARE);
    assert!(record.flag);
}

#[test]
fn bytes_behind_those_that_are_peeked_at_decide_nothing() {
    let asked = Expected {
        extended: true,
        form: DataForm::Json,
    };
    let reader = RecordReader::new(RecordLength::Auto, Some(asked));
    let mut body = [b' '; RecordReader::PEEK + 1];
    body[..16].copy_from_slice(b"\0\0\0\x47\0\0\0\x39\"items\":");
    body[RecordReader::PEEK] = b'{';
    let length = body.len() as u32;
    assert_eq!(reader.evidence(&body, length), Evidence::Nothing);
    assert!(
        reader
            .clone()
            .read(&body, length)
            .unwrap()
            .0
            .extension
            .is_none()
    );
}

#[test]
fn lines_of_text_are_text_in_any_language() {
    let mut reader = reader(DataForm::Text);
    for line in [
        "J\u{fc}rgen,10.0.0.1,allow",
        "10.0.0.1,allow",
        "\u{6771}\u{4eac},10.0.0.1",
    ] {
        assert!(!extended(&mut reader, 8, line.as_bytes()), "{line}");
    }
    let with_time = [&1_700_000_000_u32.to_be_bytes()[..], &[0; 4], b"10.0.0.1"].concat();
    assert!(extended(&mut reader, 8, &with_time));
}
