//! Reads record headers whatever their length counts (FQE, Fully-Qualified Event
//! Messages; classic guide, Intrusion Record Header).
//!
//! Servers do not agree on what the record length counts. With the message length L
//! and the record length R:
//!
//! | L − R | possible layouts |
//! |---|---|
//! | 16 | extended header, R counts the data |
//! | 8 | short header, R counts the data; or extended header, R counts archival timestamp, reserved word and data |
//! | 0 | short or extended header, R counts the header and the data |
//!
//! If two layouts are possible, a [`RecordReader`] decides between them.

use super::record::{EXTENDED_LEN, Extension, RecordHeader, RecordLayout};
use crate::Malformed;
use core::fmt;

/// A setting: which bytes the record length counts, for a server that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum RecordLength {
    /// Detect it for each record.
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

    /// The name in configuration files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Data => "data",
            Self::Extension => "extension",
            Self::All => "all",
        }
    }

    /// The setting with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

impl fmt::Display for RecordLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The requested form of the data of events (the guide's `TransformConfig`), as far
/// as it helps to detect the layout of a record. Exhaustive: [`Opaque`](Self::Opaque)
/// stands for any other form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum DataForm {
    /// JSON: text that begins with `{`.
    Json,
    /// Other text, such as CSV.
    Text,
    /// Any bytes.
    Opaque,
}

impl DataForm {
    /// Whether the data is text.
    const fn is_text(self) -> bool {
        matches!(self, Self::Json | Self::Text)
    }
}

/// The form of the records that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Expected {
    /// Whether the records have an archival timestamp: bit 23 of the flags.
    pub extended: bool,
    /// The form of their data.
    pub form: DataForm,
}

/// What decides on the layout of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Evidence {
    /// The lengths: only one layout is possible.
    Lengths,
    /// The [`RecordLength`] setting.
    Setting,
    /// The request: bit 23 is clear.
    Request,
    /// The beginning of the data.
    Data,
    /// A plausible archival timestamp.
    Timestamp,
    /// The layout of earlier records.
    Earlier,
    /// Nothing in the record: the layout that the request asks for.
    Nothing,
}

impl fmt::Display for Evidence {
    /// Writes it as a noun phrase, for a sentence such as "decided by the lengths".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lengths => "the lengths",
            Self::Setting => "the setting",
            Self::Request => "the request, which does not ask for archival timestamps",
            Self::Data => "the beginning of the data",
            Self::Timestamp => "a plausible archival timestamp",
            Self::Earlier => "the layout of earlier records",
            Self::Nothing => "the request, since nothing in the record decides",
        })
    }
}

/// Reads the record headers of one stream. If the lengths of a record allow two
/// layouts, these decide, in this order:
///
/// 1. the [`RecordLength`] setting;
/// 2. the request: without bit 23, the header is short;
/// 3. the data: JSON begins with `{`. Text has no NUL, so four zero bytes at the
///    offset of the reserved word are the reserved word;
/// 4. an archival timestamp in the years 2000 to 2100 with a reserved word of 0;
/// 5. the layout of earlier records;
/// 6. the request: with bit 23, the header is extended, unless text was requested
///    and the two numbers of the extension are readable text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordReader {
    record_length: RecordLength,
    expected: Option<Expected>,
    /// The layout of the last record, and whether its header is extended.
    last: Option<(RecordLayout, bool)>,
}

impl RecordReader {
    /// The largest number of bytes of the body that the layout depends on.
    pub const PEEK: usize = 56;

    /// Creates a reader. If the request is not known (`expected` is `None`), step 2
    /// is omitted, data that begins with `{` counts as JSON, and bit 31 of the record
    /// type decides in step 6.
    pub const fn new(record_length: RecordLength, expected: Option<Expected>) -> Self {
        Self {
            record_length,
            expected,
            last: None,
        }
    }

    /// Sets the form of the records that the request asks for.
    pub const fn expect(&mut self, expected: Expected) {
        self.expected = Some(expected);
    }

    /// The form of the records that the request asks for, if known.
    pub const fn expected(&self) -> Option<Expected> {
        self.expected
    }

    /// Returns what decides on the layout if [`read`](Self::read) is called next with
    /// the same arguments.
    pub fn evidence(&self, body: &[u8], length: u32) -> Evidence {
        let Some((short, rest)) = start(body).split_first_chunk() else {
            return Evidence::Lengths;
        };
        let (_, record_length) = words(*short);
        let spare = i64::from(length) - i64::from(record_length);
        if length < EXTENDED_LEN as u32 || !matches!(spare, 0 | 8) {
            return Evidence::Lengths;
        }
        match (spare, self.record_length) {
            (8, RecordLength::Data | RecordLength::Extension) | (0, RecordLength::All) => {
                Evidence::Setting
            }
            // The flag is a part of the answer, not of what decides.
            (8, _) => self.decide(false, rest, self.earlier_extension()).1,
            _ => self.decide(false, rest, self.earlier_header()).1,
        }
    }

    /// Reads the record header of a message from its body. `length` is the length of
    /// the body; the first [`PEEK`](Self::PEEK) bytes of the body are enough.
    ///
    /// # Errors
    /// [`Malformed::RecordTooShort`], or [`Malformed::RecordLength`] if the lengths
    /// match no [`RecordLayout`].
    #[inline]
    pub fn read(
        &mut self,
        body: &[u8],
        length: u32,
    ) -> Result<(RecordHeader, RecordLayout), Malformed> {
        // First, because nearly every record has this layout.
        if let Some((short, rest)) = body.split_first_chunk()
            && let Some((extension, _)) = rest.split_first_chunk()
        {
            let (word, record_length) = words(*short);
            if u64::from(length) == u64::from(record_length) + EXTENDED_LEN as u64 {
                self.last = Some((RecordLayout::Extended, true));
                let extension = Some(Extension::from(words(*extension)));
                return Ok((
                    RecordHeader::from_word(word, extension),
                    RecordLayout::Extended,
                ));
            }
        }
        self.read_other(body, length)
    }

    /// Reads a record header that is not extended, or whose R does not count the data.
    #[cold]
    fn read_other(
        &mut self,
        body: &[u8],
        length: u32,
    ) -> Result<(RecordHeader, RecordLayout), Malformed> {
        let (short, rest) = start(body)
            .split_first_chunk()
            .ok_or(Malformed::RecordTooShort)?;
        let (word, record_length) = words(*short);
        let flag = word >> 31 == 1;
        let has_room = length >= EXTENDED_LEN as u32;
        let (layout, extended) = match i64::from(length) - i64::from(record_length) {
            16 => (RecordLayout::Extended, true),
            8 => match has_room && self.covers_extension(flag, rest) {
                true => (RecordLayout::CoversExtension, true),
                false => (RecordLayout::Short, false),
            },
            0 => (
                RecordLayout::CoversHeader,
                has_room && self.covers_header(flag, rest),
            ),
            _ if flag && has_room => (RecordLayout::Clipped, true),
            _ => {
                return Err(Malformed::RecordLength {
                    record: record_length,
                    message: length,
                });
            }
        };
        let extension = match (extended, rest.first_chunk()) {
            (true, Some(extension)) => Some(Extension::from(words(*extension))),
            (true, None) => return Err(Malformed::RecordTooShort),
            (false, _) => None,
        };
        if layout != RecordLayout::Clipped {
            self.last = Some((layout, extended));
        }
        Ok((RecordHeader::from_word(word, extension), layout))
    }

    /// Whether a record with L − R = 8 has an extended header. `rest` are the bytes
    /// after the short header.
    fn covers_extension(&self, flag: bool, rest: &[u8]) -> bool {
        match self.record_length {
            RecordLength::Data => false,
            RecordLength::Extension => true,
            RecordLength::Auto | RecordLength::All => {
                self.decide(flag, rest, self.earlier_extension()).0
            }
        }
    }

    /// The answer of earlier records for one with L − R = 8.
    const fn earlier_extension(&self) -> Option<bool> {
        match self.last {
            Some((RecordLayout::CoversExtension, _)) => Some(true),
            Some((RecordLayout::Extended | RecordLayout::Short, _)) => Some(false),
            _ => None,
        }
    }

    /// Whether a record with L − R = 0 has an extended header.
    fn covers_header(&self, flag: bool, rest: &[u8]) -> bool {
        match self.record_length {
            RecordLength::All => true,
            _ => self.decide(flag, rest, self.earlier_header()).0,
        }
    }

    /// The answer of earlier records for one with L − R = 0.
    const fn earlier_header(&self) -> Option<bool> {
        match self.last {
            Some((RecordLayout::CoversHeader, extended)) => Some(extended),
            _ => None,
        }
    }

    /// Decides whether the header is extended, and returns what decided. `earlier` is
    /// the answer of earlier records.
    fn decide(&self, flag: bool, rest: &[u8], earlier: Option<bool>) -> (bool, Evidence) {
        if self.expected.is_some_and(|expected| !expected.extended) {
            return (false, Evidence::Request);
        }
        let form = self.expected.map(|expected| expected.form);
        let Some((between, data)) = rest.split_first_chunk() else {
            return (false, Evidence::Lengths);
        };
        if let Some(extended) = extended_by_data(form, rest, between, data) {
            (extended, Evidence::Data)
        } else if let Some(extended) = extended_by_timestamp(between) {
            (extended, Evidence::Timestamp)
        } else if let Some(extended) = earlier {
            (extended, Evidence::Earlier)
        } else {
            let extended = match form {
                Some(form) => !(form.is_text() && is_text(between)),
                None => flag,
            };
            (extended, Evidence::Nothing)
        }
    }
}

impl RecordHeader {
    /// Reads the record header of a message without knowledge of the stream. `length`
    /// is the length of the body; its first [`PEEK`](RecordReader::PEEK) bytes are
    /// enough. A [`RecordReader`] decides better in the middle of a stream.
    ///
    /// # Errors
    /// As [`RecordReader::read`].
    pub fn parse(body: &[u8], length: u32) -> Result<(Self, RecordLayout), Malformed> {
        RecordReader::default().read(body, length)
    }
}

/// The bytes of a body that the layout may depend on.
fn start(body: &[u8]) -> &[u8] {
    body.get(..RecordReader::PEEK).unwrap_or(body)
}

/// The answer of the data, which begins at `short`, or after the 8 bytes `between`.
fn extended_by_data(
    form: Option<DataForm>,
    short: &[u8],
    between: &[u8; 8],
    extended: &[u8],
) -> Option<bool> {
    if matches!(form, None | Some(DataForm::Json)) {
        match (begins_json(short), begins_json(extended)) {
            (true, false) => return Some(false),
            (false, true) => return Some(true),
            // The 8 bytes are text, or the numbers of the extension.
            (true, true) => return Some(between.contains(&0)),
            (false, false) => {}
        }
    }
    let is_text = form.is_some_and(DataForm::is_text);
    (is_text && between.ends_with(&[0; 4])).then_some(true)
}

/// The answer of the archival timestamp, if the 8 bytes `between` have one in the
/// years 2000 to 2100.
fn extended_by_timestamp(between: &[u8; 8]) -> Option<bool> {
    let (archival, reserved) = words(*between);
    (reserved == 0 && (946_684_800..4_102_444_800).contains(&archival)).then_some(true)
}

/// Whether the first byte that is neither white space nor NUL is a brace.
fn begins_json(data: &[u8]) -> bool {
    let skipped = |byte: &&u8| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n');
    data.iter().find(|byte| !skipped(byte)) == Some(&b'{')
}

/// Whether these bytes are readable text, of any language. Two numbers rarely are.
fn is_text(bytes: &[u8; 8]) -> bool {
    let readable = |byte: &u8| matches!(byte, b' '..=b'~' | 0x80.. | b'\t' | b'\r' | b'\n');
    bytes.iter().all(readable)
}

/// Two big-endian numbers.
const fn words([a, b, c, d, e, f, g, h]: [u8; 8]) -> (u32, u32) {
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}

#[cfg(test)]
mod tests;
