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

use super::record::{EXTENDED_LEN, Extension, Layout, Record};
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
        // Nearly every record has this layout, so it is tried first.
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

impl Record {
    /// Reads the record header of a message of `length` bytes from its body, or
    /// the first [`PEEK`](RecordReader::PEEK) bytes of it, by itself. A
    /// [`RecordReader`] knows more about a stream.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn parse(body: &[u8], length: u32) -> Result<(Self, Layout), Malformed> {
        RecordReader::default().read(body, length)
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
mod tests;
