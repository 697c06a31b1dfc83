//! Finds bytes that need an escape, eight at a time.

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Bytes to look for: some, and all below a limit.
#[derive(Clone, Copy)]
pub(super) struct Special<const N: usize> {
    pub(super) bytes: [u8; N],
    /// At most 128; 0 means none.
    pub(super) below: u8,
}

impl<const N: usize> Special<N> {
    /// Returns the place of the first such byte.
    #[inline]
    pub(super) fn position(self, text: &[u8]) -> Option<usize> {
        let (words, rest) = text.as_chunks::<8>();
        for (number, word) in words.iter().enumerate() {
            if let Some(at) = self.in_word(*word) {
                return Some(number * 8 + at);
            }
        }
        match text.last_chunk::<8>() {
            // The bytes before the rest are looked at again.
            Some(last) if !rest.is_empty() => Some(text.len() - 8 + self.in_word(*last)?),
            Some(_) => None,
            None => rest.iter().position(|byte| self.is(*byte)),
        }
    }

    fn is(self, byte: u8) -> bool {
        byte < self.below || self.bytes.contains(&byte)
    }

    fn in_word(self, word: [u8; 8]) -> Option<usize> {
        let word = u64::from_le_bytes(word);
        // Marks bytes below `than`; beyond the first one it may mark others as well.
        let below = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & HIGH;
        let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let marks = below(word, self.below);
        let marks = self
            .bytes
            .into_iter()
            .fold(marks, |marks, byte| marks | equal(byte));
        (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_byte_is_found_at_every_place_and_no_other() {
        let special = Special {
            bytes: [b'"', b'\\'],
            below: b' ',
        };
        for length in 0..40 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'!'; length];
                    bytes[at] = byte;
                    let is_special = byte < b' ' || byte == b'"' || byte == b'\\';
                    let expected = is_special.then_some(at);
                    assert_eq!(
                        special.position(&bytes),
                        expected,
                        "{byte} at {at} of {length}"
                    );
                }
            }
        }
        let none = Special {
            bytes: [],
            below: 0,
        };
        assert_eq!(none.position(&[0; 9]), None);
    }
}
