//! How a server counts the record length, and what tells it (FQE,
//! Fully-Qualified Event Messages; classic guide, Intrusion Record Header).
//!
//! The guides and the servers disagree about what the record length counts. With
//! L the message length and R the record length:
//!
//! | L − R | may be |
//! |---|---|
//! | 16 | extended header, R counts the data |
//! | 8 | short header, R counts the data; or extended header, R counts archival timestamp, reserved word and data |
//! | 0 | short or extended header, R counts the header and the data |
//!
//! Where two remain, a [`RecordReader`] decides by evidence.

use super::event::{EXTENDED_LEN, Extension, Layout, Record};
use crate::Malformed;
use core::fmt;

/// What the record length counts: a setting, for a server that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum RecordLength {
    /// Each record tells by itself.
    #[default]
    Auto,
    /// The data.
    Data,
    /// Archival timestamp, reserved word and data.
    Extension,
    /// The whole record header and the data.
    All,
}

impl RecordLength {
    /// All settings.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Data, Self::Extension, Self::All];

    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Data => "data",
            Self::Extension => "extension",
            Self::All => "all",
        }
    }

    /// The setting of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

impl fmt::Display for RecordLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The form in which the data of events was asked for (the guide's
/// `TransformConfig`), as far as records can be told apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum DataForm {
    /// JSON: text that begins with `{`.
    Json,
    /// Other text, like CSV.
    Text,
    /// Any bytes.
    Opaque,
}

impl DataForm {
    /// Whether it is text.
    const fn is_text(self) -> bool {
        matches!(self, Self::Json | Self::Text)
    }
}

/// What a request asked its records to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Expected {
    /// Bit 23 of the flags: records with archival timestamp.
    pub extended: bool,
    /// The form of their data.
    pub form: DataForm,
}

/// What tells how a server counted a record's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Evidence {
    /// The lengths leave one layout.
    Lengths,
    /// The [`RecordLength`] that was set.
    Setting,
    /// Bit 23 was not asked for.
    Request,
    /// What the data begins with.
    Data,
    /// A plausible archival timestamp.
    Time,
    /// The records before it.
    Before,
    /// Nothing: it is taken for what was asked for.
    Nothing,
}

impl fmt::Display for Evidence {
    /// The end of a sentence that begins with "told by".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lengths => "the lengths",
            Self::Setting => "the setting",
            Self::Request => "the request, which does not ask for archival timestamps",
            Self::Data => "what the data begins with",
            Self::Time => "an archival timestamp that is plausible",
            Self::Before => "the records before it",
            Self::Nothing => "nothing in the record: it is read as it was asked for",
        })
    }
}

/// Reads the record headers of one stream. Where the lengths of a record leave
/// two layouts open, decides by, in this order:
///
/// 1. the [`RecordLength`] that was set;
/// 2. bit 23 was not asked for: the short header;
/// 3. the data: JSON begins with `{`; text holds no NUL, so that four zero bytes
///    where the reserved word would be are the reserved word;
/// 4. an archival timestamp in the years 2000 to 2100 with a reserved word of 0;
/// 5. what the records before it were;
/// 6. the extended header, if bit 23 was asked for; but not where text was asked
///    for and readable text stands in the place of its two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordReader {
    record_length: RecordLength,
    expected: Option<Expected>,
    /// The layout of the last record, and whether its header was extended.
    seen: Option<(Layout, bool)>,
}

impl RecordReader {
    /// The bytes of a message's body that decide, at most.
    pub const PEEK: usize = 56;

    /// A reader for a stream of which this is known. With `None` nobody knows the
    /// request: then 2 is left out, data that begins with `{` is JSON, and in the
    /// end bit 31 decides.
    pub const fn new(record_length: RecordLength, expected: Option<Expected>) -> Self {
        Self {
            record_length,
            expected,
            seen: None,
        }
    }

    /// What the records are expected to be from now on.
    pub const fn expect(&mut self, expected: Expected) {
        self.expected = Some(expected);
    }

    /// What the records are expected to be.
    pub const fn expected(&self) -> Option<Expected> {
        self.expected
    }

    /// What will tell the layout when [`read`](Self::read) is called next with the
    /// same bytes.
    pub fn told_by(&self, body: &[u8], length: u32) -> Evidence {
        let Some((short, rest)) = body.split_first_chunk() else {
            return Evidence::Lengths;
        };
        let (word, record_length) = words(*short);
        let spare = i64::from(length) - i64::from(record_length);
        if length < EXTENDED_LEN as u32 || !matches!(spare, 0 | 8) {
            return Evidence::Lengths;
        }
        match (spare, self.record_length) {
            (8, RecordLength::Data | RecordLength::Extension) | (0, RecordLength::All) => {
                Evidence::Setting
            }
            (8, _) => self.weigh(word >> 31 == 1, rest, self.extension_before()).1,
            _ => self.weigh(word >> 31 == 1, rest, self.header_before()).1,
        }
    }

    /// Reads the record header of a message of `length` bytes from its body, of
    /// which the first [`PEEK`](Self::PEEK) bytes are enough.
    ///
    /// # Errors
    /// [`Malformed`] below 8 bytes, or when the lengths fit no [`Layout`].
    #[inline]
    pub fn read(&mut self, body: &[u8], length: u32) -> Result<(Record, Layout), Malformed> {
        // Nearly always, so it comes first.
        if let Some((short, rest)) = body.split_first_chunk()
            && let Some((extension, _)) = rest.split_first_chunk()
        {
            let (word, record_length) = words(*short);
            if u64::from(length) == u64::from(record_length) + EXTENDED_LEN as u64 {
                self.seen = Some((Layout::Extended, true));
                let extension = Some(Extension::from(words(*extension)));
                return Ok((Record::from_word(word, extension), Layout::Extended));
            }
        }
        self.read_other(body, length)
    }

    /// Any other record than one with an extended header and R = data.
    #[cold]
    fn read_other(&mut self, body: &[u8], length: u32) -> Result<(Record, Layout), Malformed> {
        let body = body.get(..Self::PEEK).unwrap_or(body);
        let (short, rest) = body.split_first_chunk().ok_or(Malformed::RecordTooShort)?;
        let (word, record_length) = words(*short);
        let flag = word >> 31 == 1;
        let has_room = length >= EXTENDED_LEN as u32;
        let (layout, extended) = match i64::from(length) - i64::from(record_length) {
            16 => (Layout::Extended, true),
            8 => match has_room && self.covers_extension(flag, rest) {
                true => (Layout::CoversExtension, true),
                false => (Layout::Short, false),
            },
            0 => (
                Layout::CoversHeader,
                has_room && self.covers_header(flag, rest),
            ),
            _ if flag && has_room => (Layout::Clipped, true),
            _ => return Err(Malformed::RecordLength),
        };
        let extension = match (extended, rest.first_chunk()) {
            (true, Some(extension)) => Some(Extension::from(words(*extension))),
            (true, None) => return Err(Malformed::RecordTooShort),
            (false, _) => None,
        };
        if layout != Layout::Clipped {
            self.seen = Some((layout, extended));
        }
        Ok((Record::from_word(word, extension), layout))
    }

    /// Whether a record whose length leaves 8 bytes has an extended header.
    /// `rest` is what stands behind the short one.
    fn covers_extension(&self, flag: bool, rest: &[u8]) -> bool {
        match self.record_length {
            RecordLength::Data => false,
            RecordLength::Extension => true,
            RecordLength::Auto | RecordLength::All => {
                self.weigh(flag, rest, self.extension_before()).0
            }
        }
    }

    /// What the records before say about one whose length leaves 8 bytes.
    const fn extension_before(&self) -> Option<bool> {
        match self.seen {
            Some((Layout::CoversExtension, _)) => Some(true),
            Some((Layout::Extended | Layout::Short, _)) => Some(false),
            _ => None,
        }
    }

    /// The same where the length leaves none.
    fn covers_header(&self, flag: bool, rest: &[u8]) -> bool {
        match self.record_length {
            RecordLength::All => true,
            _ => self.weigh(flag, rest, self.header_before()).0,
        }
    }

    /// What the records before say about one whose length leaves none.
    const fn header_before(&self) -> Option<bool> {
        match self.seen {
            Some((Layout::CoversHeader, extended)) => Some(extended),
            _ => None,
        }
    }

    /// Whether the header is extended by what the record itself says, or else by
    /// those `before` it, and which of them it was.
    fn weigh(&self, flag: bool, rest: &[u8], before: Option<bool>) -> (bool, Evidence) {
        if self.expected.is_some_and(|expected| !expected.extended) {
            return (false, Evidence::Request);
        }
        let form = self.expected.map(|expected| expected.form);
        let Some((between, data)) = rest.split_first_chunk() else {
            return (false, Evidence::Lengths);
        };
        if let Some(extended) = told_by_data(form, rest, between, data) {
            (extended, Evidence::Data)
        } else if let Some(extended) = told_by_time(between) {
            (extended, Evidence::Time)
        } else if let Some(extended) = before {
            (extended, Evidence::Before)
        } else {
            let extended = match form {
                Some(form) => !(form.is_text() && is_text(between)),
                None => flag,
            };
            (extended, Evidence::Nothing)
        }
    }
}

/// What the data says: it stands at `short`, or behind the 8 bytes `between`.
fn told_by_data(
    form: Option<DataForm>,
    short: &[u8],
    between: &[u8; 8],
    extended: &[u8],
) -> Option<bool> {
    if matches!(form, None | Some(DataForm::Json)) {
        match (begins_json(short), begins_json(extended)) {
            (true, false) => return Some(false),
            (false, true) => return Some(true),
            // Text that goes on there, or numbers before it.
            (true, true) => return Some(between.contains(&0)),
            (false, false) => {}
        }
    }
    let is_text = form.is_some_and(DataForm::is_text);
    (is_text && between.ends_with(&[0; 4])).then_some(true)
}

/// What the archival timestamp says, if the 8 bytes `between` hold one: the
/// years 2000 to 2100 are what a server can mean.
fn told_by_time(between: &[u8; 8]) -> Option<bool> {
    let (archival, reserved) = words(*between);
    (reserved == 0 && (946_684_800..4_102_444_800).contains(&archival)).then_some(true)
}

/// Whether the first byte that is neither blank nor NUL is a brace.
fn begins_json(data: &[u8]) -> bool {
    let aside = |byte: &&u8| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n');
    data.iter().find(|byte| !aside(byte)) == Some(&b'{')
}

/// Whether these bytes are readable text, as two numbers hardly ever are.
fn is_text(bytes: &[u8; 8]) -> bool {
    let readable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    bytes.iter().all(readable)
}

/// Two numbers, as they stand on the wire.
const fn words([a, b, c, d, e, f, g, h]: [u8; 8]) -> (u32, u32) {
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// A body of `l` bytes with record length `r` and flag `flag`, archived in
    /// 2023.
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

    fn layout(flag: bool, r: u32, l: usize) -> Result<(Layout, bool), Malformed> {
        let (record, layout) = Record::parse(&body(flag, r, l), l as u32)?;
        Ok((layout, record.extension.is_some()))
    }

    /// Reads `rest` behind a record length that leaves `spare` bytes; tells
    /// whether it begins with an extension.
    fn extended(reader: &mut RecordReader, spare: usize, rest: &[u8]) -> bool {
        let length = 8 + rest.len();
        let mut body = 71_u32.to_be_bytes().to_vec();
        body.extend(((length - spare) as u32).to_be_bytes());
        body.extend(rest);
        let (record, _) = reader.read(&body, length as u32).unwrap();
        record.extension.is_some()
    }

    #[test]
    fn what_tells_the_layout_is_named() {
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
            (set, 10, &json, E::Setting),
            (auto, 10, &bytes, E::Time),
            (auto, 10, &vague, E::Nothing),
            (knows, 10, &vague, E::Before),
        ] {
            let found = reader.told_by(&body(r, rest), 8 + rest.len() as u32);
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
            assert_eq!(layout(flag, 10, 26), Ok((Layout::Extended, true)));
            assert_eq!(layout(flag, 18, 26), Ok((Layout::CoversExtension, true)));
            assert_eq!(layout(flag, 26, 26), Ok((Layout::CoversHeader, true)));
            // No room for an extension.
            assert_eq!(layout(flag, 7, 15), Ok((Layout::Short, false)));
            assert_eq!(layout(flag, 15, 15), Ok((Layout::CoversHeader, false)));
            assert_eq!(layout(flag, 0, 8), Ok((Layout::Short, false)));
        }
    }

    #[test]
    fn with_the_flag_set_and_odd_lengths_the_data_is_what_the_message_holds() {
        for r in [9, 11, 1000, u32::MAX] {
            assert_eq!(layout(true, r, 26), Ok((Layout::Clipped, true)));
        }
    }

    #[test]
    fn other_lengths_are_malformed() {
        assert_eq!(layout(false, 11, 26), Err(Malformed::RecordLength));
        assert_eq!(layout(false, u32::MAX, 26), Err(Malformed::RecordLength));
        assert_eq!(layout(true, 3, 14), Err(Malformed::RecordLength));
        for l in 0..8 {
            assert_eq!(layout(true, 0, l), Err(Malformed::RecordTooShort));
        }
    }

    #[test]
    fn json_tells_by_its_brace_where_it_begins() {
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
}
