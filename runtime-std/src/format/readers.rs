//! Readers of the dialects, as other programs read them, for tests and fuzzers.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The pairs of a record in its order.
pub type Pairs = Vec<(String, String)>;

/// Takes a line of `ftd` apart at each comma before a key: letters, digits, blanks and `_`,
/// and a colon. With `blank`, a comma counts only if a blank follows.
pub fn ftd(line: &str, blank: bool) -> Option<Pairs> {
    let (_, message) = line.strip_suffix('\n')?.split_once(" : %FTD-")?;
    let (_, mut rest) = message.split_once(": ")?;
    // Letters of other scripts are letters to some.
    let in_key = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || byte == b'_'
            || byte.is_ascii_whitespace()
            || !byte.is_ascii()
    };
    let mut pairs = Pairs::new();
    while !rest.is_empty() {
        let begins_key = |at: &usize| {
            let after = &rest.as_bytes()[at + 1..];
            let length = after.iter().take_while(|byte| in_key(**byte)).count();
            let is_key = length > 0 && after.get(length) == Some(&b':');
            is_key && (!blank || after[0] == b' ')
        };
        let mut commas = rest.match_indices(',').map(|(at, _)| at);
        let end = commas.find(begins_key).unwrap_or(rest.len());
        let (key, value) = rest[..end].split_once(':')?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        pairs.push((key.trim().to_owned(), value.to_owned()));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Some(pairs)
}

/// Takes a line of CEF apart: the seven parts of its header and its pairs.
pub fn cef(line: &str) -> Option<(Vec<String>, Pairs)> {
    let mut rest = line.strip_suffix('\n')?.strip_prefix("CEF:")?;
    let mut header = Vec::new();
    while header.len() < 7 {
        let bar = unescaped(rest, '|').next()?;
        header.push(unescape(&rest[..bar]));
        rest = &rest[bar + 1..];
    }
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let signs: Vec<usize> = unescaped(rest, '=').collect();
    let keys = signs.iter().map(|sign| {
        let key = rest[..*sign].trim_end_matches(is_key);
        key.len()
    });
    let keys: Vec<usize> = keys.collect();
    let mut pairs = Pairs::new();
    for (number, (key, sign)) in keys.iter().zip(&signs).enumerate() {
        let end = match keys.get(number + 1) {
            Some(next) => rest[..*next].strip_suffix(' ')?.len(),
            None => rest.len(),
        };
        let value = unescape(&rest[sign + 1..end]);
        pairs.push((rest[*key..*sign].to_owned(), value));
    }
    Some((header, pairs))
}

/// Takes a line of LEEF 2.0 with tabs apart.
pub fn leef(line: &str) -> Option<Pairs> {
    let line = line.strip_suffix('\n')?.strip_prefix("LEEF:2.0|")?;
    let (_, pairs) = line.split_once("|x09|")?;
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    };
    pairs.split('\t').map(pair).collect()
}

/// Reads a line with one JSON object. `None` if a name occurs twice in an object of it, which
/// some readers refuse.
pub fn json(line: &[u8]) -> Option<serde_json::Value> {
    let line = line.strip_suffix(b"\n")?;
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    let Unique = serde_json::from_slice(line).ok()?;
    value.is_object().then_some(value)
}

/// Any JSON in which no object has a name twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let Self = map.next_value()?;
            if !names.insert(name) {
                return Err(A::Error::custom("a name twice"));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

fn unescaped(text: &str, sign: char) -> impl Iterator<Item = usize> {
    let mut escaped = false;
    text.char_indices().filter_map(move |(at, c)| {
        let counts = c == sign && !escaped;
        escaped = c == '\\' && !escaped;
        counts.then_some(at)
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.push(match c {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    plain
}

/// A block of a capture file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// The beginning of a section.
    Section,
    /// An interface: its name and link type.
    Interface(String, u16),
    /// A packet.
    Packet(CapturedPacket),
}

/// A packet of a capture file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedPacket {
    /// The number of an interface before it in the section.
    pub interface: u32,
    /// Microseconds since 1970.
    pub time: u64,
    /// The captured bytes.
    pub data: Vec<u8>,
    /// The length on the wire.
    pub length: u32,
    /// The comments.
    pub comments: Vec<String>,
}

/// Takes a capture file apart. Returns `None` if it is not well formed.
pub fn pcapng(mut file: &[u8]) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut interfaces = None;
    while !file.is_empty() {
        let length = word(file, 4)? as usize;
        let block = file.get(..length).filter(|_| length.is_multiple_of(4))?;
        file = &file[length..];
        let body = block.get(8..length.checked_sub(4)?)?;
        if word(block, length - 4)? as usize != length {
            return None;
        }
        match word(block, 0)? {
            0x0a0d_0d0a if word(body, 0)? == 0x1a2b_3c4d => {
                interfaces = Some(0);
                options(body.get(16..)?)?;
                blocks.push(Block::Section);
            }
            1 => {
                *interfaces.as_mut()? += 1;
                let options = options(body.get(8..)?)?;
                let (_, name) = options.iter().find(|(code, _)| *code == 2)?;
                let link = word(body, 0)? as u16;
                blocks.push(Block::Interface(name.clone(), link));
            }
            6 => {
                let interface = word(body, 0).filter(|it| *it < interfaces.unwrap_or(0))?;
                let captured = word(body, 12)? as usize;
                let options = options(body.get(20 + captured.next_multiple_of(4)..)?)?;
                let is_comment = |(code, text): (u16, String)| (code == 1).then_some(text);
                blocks.push(Block::Packet(CapturedPacket {
                    interface,
                    time: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
                    data: body.get(20..20 + captured)?.to_vec(),
                    length: word(body, 16).filter(|it| *it as usize >= captured)?,
                    comments: options.into_iter().filter_map(is_comment).collect(),
                }));
            }
            _ => return None,
        }
    }
    Some(blocks)
}

/// Takes options apart; values that are no text are lossy.
fn options(mut rest: &[u8]) -> Option<Vec<(u16, String)>> {
    let mut options = Vec::new();
    loop {
        let (head, after) = rest.split_first_chunk::<4>()?;
        let code = u16::from_le_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        if code == 0 {
            return after.is_empty().then_some(options);
        }
        let value = after.get(..length)?;
        options.push((code, String::from_utf8_lossy(value).into_owned()));
        rest = after.get(length.next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, _) = bytes.get(at..)?.split_first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}
