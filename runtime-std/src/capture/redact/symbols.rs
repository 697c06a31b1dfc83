//! The alphabets of characters: a character is replaced by one of the same alphabet, so its
//! length in UTF-8 stays.

/// How many characters an alphabet has from a first one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alphabet {
    /// Tells the alphabet from others.
    pub(super) tag: u8,
    first: char,
    /// At least two.
    pub(super) size: u32,
}

const fn alphabet(tag: u8, first: char, size: u32) -> Alphabet {
    Alphabet { tag, first, size }
}

const LOWER: Alphabet = alphabet(b'a', 'a', 26);
const UPPER: Alphabet = alphabet(b'A', 'A', 26);
pub(super) const DIGIT: Alphabet = alphabet(b'0', '0', 10);
/// The first digit of a number.
pub(super) const LEADING: Alphabet = alphabet(b'1', '1', 9);
/// Cyrillic letters, of 2 bytes.
const TWO: Alphabet = alphabet(b'2', '\u{430}', 32);
/// Chinese characters, of 3 bytes.
const THREE: Alphabet = alphabet(b'3', '\u{4e00}', 20_000);
/// Chinese characters, of 4 bytes.
const FOUR: Alphabet = alphabet(b'4', '\u{20000}', 40_000);

impl Alphabet {
    /// Returns the alphabet of a character; `None` if the character says nothing about
    /// anybody: punctuation, blanks and control characters.
    pub(super) const fn of(character: char) -> Option<Self> {
        Some(match character {
            'a'..='z' => LOWER,
            'A'..='Z' => UPPER,
            '0'..='9' => DIGIT,
            '\0'..='\x7f' => return None,
            _ => match character.len_utf8() {
                2 => TWO,
                3 => THREE,
                _ => FOUR,
            },
        })
    }

    /// Returns the number of a character. Outside the alphabet it is the code of the
    /// character, which tells characters apart but is not below the size.
    pub(super) const fn number(self, character: char) -> u32 {
        match (character as u32).checked_sub(self.first as u32) {
            Some(number) if number < self.size => number,
            _ => character as u32,
        }
    }

    /// Returns the character with this number.
    pub(super) fn character(self, number: u32) -> char {
        char::from_u32(self.first as u32 + number).unwrap_or(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_characters_of_an_alphabet_have_one_length_and_come_back() {
        for alphabet in [LOWER, UPPER, DIGIT, LEADING, TWO, THREE, FOUR] {
            for number in 0..alphabet.size {
                let character = alphabet.character(number);
                assert_eq!(character.len_utf8(), alphabet.first.len_utf8());
                assert_eq!(alphabet.number(character), number);
            }
        }
    }
}
