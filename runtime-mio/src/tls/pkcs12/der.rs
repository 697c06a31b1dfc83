//! Reads and writes DER elements.

use super::Pkcs12Error;

pub(in super::super) const INTEGER: u8 = 0x02;
pub(in super::super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(in super::super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// Context tag 0, explicit: around another element.
pub(super) const EXPLICIT: u8 = 0xa0;
/// Context tag 0, implicit: in place of an octet string's tag.
pub(super) const IMPLICIT: u8 = 0x80;
/// The bit of a tag that marks a constructed element.
const CONSTRUCTED: u8 = 0x20;

/// One element: the whole of it, and its contents.
#[derive(Clone, Copy)]
pub(in super::super) struct Element<'a> {
    pub(in super::super) tag: u8,
    pub(in super::super) whole: &'a [u8],
    pub(in super::super) content: &'a [u8],
}

/// Reads elements in sequence; `part` names the place in errors.
#[derive(Clone, Copy)]
pub(in super::super) struct Reader<'a> {
    rest: &'a [u8],
    part: &'static str,
}

impl<'a> Reader<'a> {
    pub(in super::super) fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { rest: bytes, part }
    }

    /// Returns the same elements with another name in errors.
    pub(super) fn of(self, part: &'static str) -> Self {
        Self { part, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the error for damage at this place.
    pub(super) fn damaged(&self) -> Pkcs12Error {
        Pkcs12Error::Damaged(self.part)
    }

    /// Returns the next element.
    pub(in super::super) fn any(&mut self) -> Result<Element<'a>, Pkcs12Error> {
        let whole = self.rest;
        let (element, rest) = split(whole).map_err(|odd| match odd {
            Odd::Ber => Pkcs12Error::Ber,
            Odd::Damaged => self.damaged(),
        })?;
        self.rest = rest;
        Ok(element)
    }

    /// Returns the next element, which has to have this tag.
    pub(super) fn element(&mut self, tag: u8) -> Result<Element<'a>, Pkcs12Error> {
        let element = self.any()?;
        if element.tag == tag {
            return Ok(element);
        }
        // BER allows constructed strings.
        let pieces = matches!(tag, OCTET_STRING | IMPLICIT) && element.tag == tag | CONSTRUCTED;
        Err(match pieces {
            true => Pkcs12Error::Ber,
            false => self.damaged(),
        })
    }

    /// Returns the next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Pkcs12Error> {
        match self.rest.first() {
            Some(next) if *next == tag => self.any().map(Some),
            _ => Ok(None),
        }
    }

    /// Returns the elements inside the next one.
    pub(super) fn inside(&mut self, tag: u8) -> Result<Reader<'a>, Pkcs12Error> {
        let content = self.element(tag)?.content;
        Ok(Reader::new(content, self.part))
    }

    pub(in super::super) fn sequence(&mut self) -> Result<Reader<'a>, Pkcs12Error> {
        self.inside(SEQUENCE)
    }

    pub(super) fn oid(&mut self) -> Result<&'a [u8], Pkcs12Error> {
        Ok(self.element(OID)?.content)
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8], Pkcs12Error> {
        Ok(self.element(OCTET_STRING)?.content)
    }

    /// Returns a number that is not negative. A larger one than fits counts as the
    /// largest.
    pub(super) fn number(&mut self) -> Result<u32, Pkcs12Error> {
        let digits = self.element(INTEGER)?.content;
        match digits.first() {
            Some(first) if *first < 0x80 => {}
            _ => return Err(self.damaged()),
        }
        Ok(digits
            .iter()
            .fold(0_u32, |number, digit| match number.checked_mul(256) {
                Some(number) => number | u32::from(*digit),
                None => u32::MAX,
            }))
    }
}

/// Why bytes are not a DER element.
enum Odd {
    Ber,
    Damaged,
}

fn split(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), Odd> {
    let [tag, first, ..] = *bytes else {
        return Err(Odd::Damaged);
    };
    // These files have no tags of several bytes.
    if tag & 0x1f == 0x1f {
        return Err(Odd::Damaged);
    }
    let (header, length) = match first {
        0..0x80 => (2, usize::from(first)),
        0x80 if tag & CONSTRUCTED != 0 => return Err(Odd::Ber),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = bytes.get(2..2 + count).ok_or(Odd::Damaged)?;
            let fold = |length: usize, digit: &u8| length << 8 | usize::from(*digit);
            (2 + count, digits.iter().fold(0, fold))
        }
        _ => return Err(Odd::Damaged),
    };
    let end = header.checked_add(length).ok_or(Odd::Damaged)?;
    let (whole, rest) = bytes.split_at_checked(end).ok_or(Odd::Damaged)?;
    let content = &whole[header..];
    let element = Element {
        tag,
        whole,
        content,
    };
    Ok((element, rest))
}

/// Returns an element with `parts` in it. It is allocated once, so that no copy remains
/// when it is wiped.
pub(in super::super) fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let digits = length.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[zeros..];
    let mut whole = Vec::with_capacity(2 + digits.len() + length);
    whole.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => whole.push(short),
        _ => {
            // A usize has at most eight digits.
            whole.push(0x80 | digits.len() as u8);
            whole.extend_from_slice(digits);
        }
    }
    for part in parts {
        whole.extend_from_slice(part);
    }
    whole
}

/// Returns a number as an element.
pub(super) fn number(number: u32) -> Vec<u8> {
    let digits = number.to_be_bytes();
    let zeros = digits.iter().take(3).take_while(|digit| **digit == 0);
    let digits = &digits[zeros.count()..];
    match digits[0] < 0x80 {
        true => wrap(INTEGER, &[digits]),
        // Without another byte it would be negative.
        false => wrap(INTEGER, &[&[0], digits]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let whole = wrap(OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&whole, "test");
            assert_eq!(reader.octets(), Ok(&*content));
            assert!(reader.is_empty());
        }
        for expected in [0, 1, 127, 128, 255, 256, 2048, 0x8000, u32::MAX] {
            let whole = number(expected);
            assert_eq!(Reader::new(&whole, "test").number(), Ok(expected));
        }
    }

    #[test]
    fn a_number_beyond_measure_is_the_largest_and_a_negative_one_is_damage() {
        let huge = wrap(INTEGER, &[&[1, 0, 0, 0, 0, 0]]);
        assert_eq!(Reader::new(&huge, "test").number(), Ok(u32::MAX));
        for odd in [&[0x80][..], &[]] {
            let odd = wrap(INTEGER, &[odd]);
            let read = Reader::new(&odd, "test").number();
            assert_eq!(read, Err(Pkcs12Error::Damaged("test")));
        }
    }

    #[test]
    fn another_tag_is_damage_and_a_string_in_pieces_is_ber() {
        let octets = |bytes: &[u8]| Reader::new(bytes, "test").octets().map(<[u8]>::to_vec);
        assert_eq!(octets(&[2, 1, 0]), Err(Pkcs12Error::Damaged("test")));
        assert_eq!(octets(&[0x24, 3, 4, 1, 0]), Err(Pkcs12Error::Ber));
        assert_eq!(octets(&[0x24, 0x80, 0, 0]), Err(Pkcs12Error::Ber));
        for cut in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x82, 1],
            &[4, 0x84, 255, 255, 255, 255],
        ] {
            assert_eq!(octets(cut), Err(Pkcs12Error::Damaged("test")));
        }
    }
}
