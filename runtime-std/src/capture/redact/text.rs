//! Replaces what a text names. Each part keeps its form and its length in bytes.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::RedactionKey;
use super::symbols::{Alphabet, DIGIT, LEADING};
use super::token::{self, Token};

/// Replaces texts by pseudonyms.
pub(super) struct Pseudonyms {
    key: RedactionKey,
    /// The pseudonyms of short texts that came lately.
    known: HashMap<(Token, String), String>,
}

/// The largest number of pseudonyms that are remembered, and of bytes in each.
const KNOWN: (usize, usize) = (1 << 16, 128);

impl Pseudonyms {
    pub(super) fn new(key: RedactionKey) -> Self {
        Self {
            key,
            known: HashMap::new(),
        }
    }

    pub(super) fn key(&self) -> &RedactionKey {
        &self.key
    }

    /// Returns a text with all its words, numbers and addresses replaced. Every character
    /// keeps its place and its length.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let (mut rest, mut before) = (text, None);
        while !rest.is_empty() {
            let (token, length) = token::first(rest, before);
            let (part, tail) = rest.split_at(length);
            match token {
                Token::Kept => out.push_str(part),
                token => out.push_str(&self.replace(token, part)),
            }
            (rest, before) = (tail, part.chars().last());
        }
        out
    }

    /// Returns the bytes of a packet, or others in hexadecimal or base64, replaced; `None` if
    /// the text is in neither.
    pub(super) fn encoded(&mut self, text: &str) -> Option<String> {
        let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hex {
            return Some(self.replace(Token::Hex, text));
        }
        self.base64(text)
    }

    /// Returns bytes in base64 replaced; `None` if the text is not padded base64.
    pub(super) fn base64(&mut self, text: &str) -> Option<String> {
        let bytes = STANDARD.decode(text).ok()?;
        let mut replaced = self.replace(Token::Base64, text);
        // The last character before the padding has bits that must be 0.
        let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
        if padding > 0 {
            let last = text.len() - padding - 1;
            let clear = if padding == 2 { 0b11_0000 } else { 0b11_1100 };
            let number = base64_number(replaced.as_bytes()[last]) & clear;
            let character = char::from(BASE64[number as usize]);
            replaced.replace_range(last..=last, character.encode_utf8(&mut [0; 4]));
        }
        debug_assert_eq!(
            STANDARD.decode(&replaced).map(|it| it.len()),
            Ok(bytes.len())
        );
        Some(replaced)
    }

    fn replace(&mut self, token: Token, part: &str) -> String {
        if part.len() > KNOWN.1 {
            return replaced(&self.key, token, part);
        }
        let name = (token, part.to_owned());
        if let Some(pseudonym) = self.known.get(&name) {
            return pseudonym.clone();
        }
        let pseudonym = replaced(&self.key, token, part);
        if self.known.len() >= KNOWN.0 {
            self.known.clear();
        }
        self.known.insert(name, pseudonym.clone());
        pseudonym
    }
}

/// Returns the pseudonym of a part of a text.
fn replaced(key: &RedactionKey, token: Token, part: &str) -> String {
    match token {
        Token::V4 => octets(key, part),
        Token::V6 => match part.rsplit_once(':') {
            Some((groups, v4)) if v4.contains('.') => {
                format!("{}:{}", hexadecimal(key, b"v6", groups), octets(key, v4))
            }
            _ => hexadecimal(key, b"v6", part),
        },
        Token::Hex => hexadecimal(key, b"hex", part),
        Token::Base64 => {
            let mut symbols: Vec<u32> = part.bytes().map(base64_number).collect();
            let padding = symbols.iter().filter(|number| **number == 64).count();
            symbols.truncate(part.len() - padding);
            let sizes = vec![64; symbols.len()];
            key.replace(b"base64", &sizes, &mut symbols);
            let characters = symbols
                .iter()
                .map(|number| char::from(BASE64[*number as usize]));
            characters
                .chain(std::iter::repeat_n('=', padding))
                .collect()
        }
        Token::Word | Token::Number => word(key, part),
        Token::Kept => part.to_owned(),
    }
}

/// Replaces an IPv4 address. An octet keeps its number of digits.
fn octets(key: &RedactionKey, address: &str) -> String {
    let (mut form, mut sizes, mut symbols) = (b"v4".to_vec(), Vec::new(), Vec::new());
    for octet in address.split('.') {
        let (first, size) = octets_of(octet.len());
        form.push(octet.len() as u8);
        sizes.push(size);
        symbols.push(octet.parse::<u32>().unwrap_or(first) - first);
    }
    key.replace(&form, &sizes, &mut symbols);
    let octets = symbols.iter().zip(address.split('.'));
    let octets = octets.map(|(symbol, octet)| (octets_of(octet.len()).0 + symbol).to_string());
    octets.collect::<Vec<_>>().join(".")
}

/// Returns the smallest octet of so many digits, and how many there are.
const fn octets_of(digits: usize) -> (u32, u32) {
    match digits {
        1 => (0, 10),
        2 => (10, 90),
        _ => (100, 156),
    }
}

/// Replaces hexadecimal digits in groups. A group of an IPv6 address keeps its number of
/// digits, because it has no leading zero before and after.
fn hexadecimal(key: &RedactionKey, kind: &[u8], text: &str) -> String {
    let is_address = kind == b"v6";
    let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let (mut form, mut sizes, mut symbols) = (kind.to_vec(), Vec::new(), Vec::new());
    form.push(u8::from(upper));
    let mut bytes = text.bytes().peekable();
    let mut before = None;
    while let Some(byte) = bytes.next() {
        if let Some(digit) = char::from(byte).to_digit(16) {
            let starts = before.is_none_or(|byte: u8| !byte.is_ascii_hexdigit());
            let goes_on = bytes.peek().is_some_and(u8::is_ascii_hexdigit);
            let lowest = u32::from(is_address && starts && goes_on && digit != 0);
            form.push(lowest as u8);
            sizes.push(16 - lowest);
            symbols.push(digit - lowest);
        } else {
            form.push(byte);
        }
        before = Some(byte);
    }
    let lowest: Vec<u32> = sizes.iter().map(|size| 16 - size).collect();
    key.replace(&form, &sizes, &mut symbols);
    let mut digits = symbols.iter().zip(lowest).map(|(symbol, low)| symbol + low);
    text.chars()
        .map(|character| {
            if !character.is_ascii_hexdigit() {
                return character;
            }
            let digit = digits.next().and_then(|digit| char::from_digit(digit, 16));
            let digit = digit.unwrap_or('0');
            if upper {
                digit.to_ascii_uppercase()
            } else {
                digit
            }
        })
        .collect()
}

/// Replaces a word. Letters stay letters of their case, digits stay digits.
fn word(key: &RedactionKey, word: &str) -> String {
    let is_number = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_digit());
    let alphabets: Vec<Alphabet> = word
        .char_indices()
        .map(|(at, character)| match Alphabet::of(character) {
            Some(DIGIT) if at == 0 && is_number && character != '0' => LEADING,
            alphabet => alphabet.unwrap_or(DIGIT),
        })
        .collect();
    let sizes: Vec<u32> = alphabets.iter().map(|alphabet| alphabet.size).collect();
    let mut form = b"word".to_vec();
    form.extend(alphabets.iter().map(|alphabet| alphabet.tag));
    loop {
        let characters = word.chars().zip(&alphabets);
        let numbers = characters.map(|(character, alphabet)| alphabet.number(character));
        let mut symbols: Vec<u32> = numbers.collect();
        let is_foreign = symbols
            .iter()
            .zip(&sizes)
            .any(|(number, size)| number >= size);
        if is_foreign {
            // A permutation has no place for characters outside the alphabets.
            key.replace_by_hash(&form, &sizes, &mut symbols);
        } else {
            key.replace(&form, &sizes, &mut symbols);
        }
        let characters = symbols.iter().zip(&alphabets);
        let result: String = characters
            .map(|(number, it)| it.character(*number))
            .collect();
        if result != word {
            return result;
        }
        // A hash may give the value itself.
        form.push(b'+');
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the number of a character of base64; 64 for padding.
fn base64_number(byte: u8) -> u32 {
    let number = BASE64.iter().position(|other| *other == byte);
    number.unwrap_or(64) as u32
}
