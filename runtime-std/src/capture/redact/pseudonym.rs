//! Pseudonyms: symbols are replaced by others of the same alphabets, by a secret key.
//!
//! A short value is replaced by a permutation of all values of its form, so two values never
//! get one pseudonym and no value stays what it is. For a long value the pseudonym comes
//! from a hash of it, and equal pseudonyms are too rare to matter.

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// The secret key of pseudonyms. The same key gives the same pseudonym for the same value.
pub struct RedactionKey(hmac::Key);

impl RedactionKey {
    /// Returns a key made of these bytes. Whoever can guess them can test guesses of values.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Returns a random key.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        match SystemRandom::new().fill(&mut bytes) {
            Ok(()) => Ok(Self::new(&bytes)),
            Err(_) => Err(std::io::Error::other(
                "the system provides no random numbers",
            )),
        }
    }

    /// Replaces symbols: numbers, each below the size of its alphabet. `form` says what the
    /// alphabets are; different forms have unrelated pseudonyms. An alphabet has at least two
    /// symbols.
    pub(super) fn replace(&self, form: &[u8], sizes: &[u32], symbols: &mut [u32]) {
        let count = sizes
            .iter()
            .try_fold(1_u128, |count, size| count.checked_mul(u128::from(*size)));
        match count {
            Some(count) if count <= MAX_PERMUTED => {
                let mut number = 0;
                for (symbol, size) in symbols.iter().zip(sizes) {
                    number = number * u128::from(*size) + u128::from(*symbol);
                }
                number = self.permute(form, count, number);
                for (symbol, size) in symbols.iter_mut().zip(sizes).rev() {
                    *symbol = (number % u128::from(*size)) as u32;
                    number /= u128::from(*size);
                }
            }
            _ => self.replace_by_hash(form, sizes, symbols),
        }
    }

    /// Replaces symbols, which may be any numbers, by a hash of them: numbers below the sizes.
    /// Two values may get one pseudonym, and a value may become itself.
    pub(super) fn replace_by_hash(&self, form: &[u8], sizes: &[u32], symbols: &mut [u32]) {
        let mut hash = self.hash(&[&[LONG], &(form.len() as u64).to_be_bytes(), form]);
        for symbol in &*symbols {
            hash.update(&symbol.to_be_bytes());
        }
        let mut bytes = self.stream(hash.sign().as_ref().to_vec());
        for (symbol, size) in symbols.iter_mut().zip(sizes) {
            *symbol = draw(&mut bytes, *size);
        }
    }

    /// Replaces bytes by lower-case letters.
    pub(super) fn letters(&self, bytes: &mut [u8], keep: impl Fn(usize, u8) -> bool) {
        let mut hash = self.hash(&[&[OPAQUE]]);
        hash.update(bytes);
        let mut drawn = self.stream(hash.sign().as_ref().to_vec());
        for (at, byte) in bytes.iter_mut().enumerate() {
            let letter = b'a' + draw(&mut drawn, 26) as u8;
            if !keep(at, *byte) {
                *byte = letter;
            }
        }
    }

    /// Returns the successor of `number` in a secret circle of all numbers below `count`.
    fn permute(&self, form: &[u8], count: u128, number: u128) -> u128 {
        if count < 2 {
            return number;
        }
        let half = (128 - (count - 1).leading_zeros()).div_ceil(2);
        let mut place = number;
        loop {
            place = self.forward(form, half, place);
            if place < count {
                break;
            }
        }
        let mut next = (place + 1) % count;
        loop {
            next = self.backward(form, half, next);
            if next < count {
                return next;
            }
        }
    }

    /// A Feistel network on numbers of twice `half` bits.
    fn forward(&self, form: &[u8], half: u32, number: u128) -> u128 {
        let mask = (1 << half) - 1;
        let (mut left, mut right) = (number >> half, number & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(form, round, right) & mask);
        }
        left << half | right
    }

    /// The opposite of [`forward`](Self::forward).
    fn backward(&self, form: &[u8], half: u32, number: u128) -> u128 {
        let mask = (1 << half) - 1;
        let (mut left, mut right) = (number >> half, number & mask);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round(form, round, left) & mask, left);
        }
        left << half | right
    }

    fn round(&self, form: &[u8], round: u8, half: u128) -> u128 {
        let hash = self.hash(&[&[SHORT, round], &half.to_be_bytes(), form]);
        let tag = hash.sign();
        tag.as_ref()
            .iter()
            .take(16)
            .fold(0, |number, byte| number << 8 | u128::from(*byte))
    }

    fn hash(&self, parts: &[&[u8]]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        context
    }

    /// Returns endless bytes that depend on a seed.
    fn stream(&self, seed: Vec<u8>) -> impl Iterator<Item = u8> {
        (0_u64..).flat_map(move |block| {
            let hash = self.hash(&[&[STREAM], &block.to_be_bytes(), &seed]);
            let tag = hash.sign();
            let mut bytes = [0; 32];
            bytes.copy_from_slice(tag.as_ref());
            bytes
        })
    }
}

/// Returns the next number below `size`.
fn draw(bytes: &mut impl Iterator<Item = u8>, size: u32) -> u32 {
    let number = bytes
        .take(4)
        .fold(0, |number, byte| number << 8 | u32::from(byte));
    number % size.max(1)
}

/// Up to so many values of a form, values are permuted.
const MAX_PERMUTED: u128 = 1 << 120;
const ROUNDS: u8 = 6;

/// The first byte of what is hashed separates the uses of the key.
const SHORT: u8 = 1;
const LONG: u8 = 2;
const OPAQUE: u8 = 3;
const STREAM: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_short_value_has_a_pseudonym_of_its_own_and_never_itself() {
        let key = RedactionKey::new(b"key");
        for sizes in [&[2][..], &[9], &[26, 10], &[3, 5, 7]] {
            let count: u32 = sizes.iter().product();
            let mut found = BTreeSet::new();
            for number in 0..count {
                let mut symbols = Vec::new();
                let mut rest = number;
                for size in sizes {
                    symbols.push(rest % size);
                    rest /= size;
                }
                let before = symbols.clone();
                key.replace(b"form", sizes, &mut symbols);
                assert_ne!(symbols, before, "{sizes:?}");
                assert!(symbols.iter().zip(sizes).all(|(s, size)| s < size));
                found.insert(symbols);
            }
            assert_eq!(found.len(), count as usize, "{sizes:?}");
        }
    }

    #[test]
    fn a_pseudonym_depends_on_key_form_and_value_alone() {
        for length in [6, 40] {
            let sizes = vec![26; length];
            let of = |key: &[u8], form: &[u8], symbol| {
                let mut symbols = vec![symbol; length];
                RedactionKey::new(key).replace(form, &sizes, &mut symbols);
                symbols
            };
            let one = of(b"a", b"f", 1);
            assert_eq!(one, of(b"a", b"f", 1));
            for other in [of(b"b", b"f", 1), of(b"a", b"g", 1), of(b"a", b"f", 2)] {
                assert_ne!(one, other, "{length}");
            }
        }
    }
}
