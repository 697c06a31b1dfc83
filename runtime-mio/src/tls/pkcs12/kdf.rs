//! Derives keys from passwords: by PKCS#12 (RFC 7292, appendix B.2), PBKDF2 (RFC 8018)
//! and scrypt (RFC 7914), with a limit on the work per file.
//!
//! Libraries leave the output of every round in freed memory. Here each round
//! overwrites the one before, and the last one is wiped.

use hmac::digest::block_api::BlockSizeUser;
use hmac::digest::{Digest, FixedOutput, FixedOutputReset, KeyInit, Output, Update};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

use super::Pkcs12Error;

/// Bytes derived from a password.
pub(super) type Key = Zeroizing<Vec<u8>>;

/// One encoding of a password.
pub(super) struct Password {
    /// For the derivation of PKCS#12: two bytes per character, and two zero bytes.
    wide: Zeroizing<Vec<u8>>,
    /// For PBES2 and PBMAC1.
    plain: Zeroizing<Vec<u8>>,
}

impl Password {
    /// Encodes a password by RFC 7292: UTF-16 for one, UTF-8 for the other.
    pub(super) fn new(text: &str) -> Self {
        Self::made_of(text.encode_utf16(), text.bytes())
    }

    /// Returns every encoding that tools use, the right one first.
    pub(super) fn spellings(text: &str) -> Vec<Self> {
        let mut all = vec![Self::new(text)];
        if text.is_empty() {
            // Some tools write no password instead of an empty one. PBES2 makes no
            // difference.
            all.push(Self {
                wide: Zeroizing::default(),
                plain: Zeroizing::default(),
            });
        } else if !text.is_ascii() {
            // OpenSSL before 1.1 took each byte of the terminal for a character. On a
            // UTF-8 terminal …
            all.push(Self::made_of(text.bytes().map(u16::from), text.bytes()));
            // … and on a Latin-1 terminal, where only the narrow encoding differs.
            let latin: Option<Zeroizing<Vec<u8>>> = text
                .chars()
                .map(|character| u8::try_from(character).ok())
                .collect::<Option<Vec<u8>>>()
                .map(Zeroizing::new);
            if let Some(latin) = latin {
                all.push(Self::made_of(text.encode_utf16(), latin.iter().copied()));
            }
        }
        all
    }

    fn made_of(wide: impl Iterator<Item = u16>, plain: impl Iterator<Item = u8>) -> Self {
        // With room for all of it: a vector that grows leaves copies.
        let mut units = Zeroizing::new(Vec::with_capacity(2 * LONGEST + 2));
        for unit in wide {
            units.extend(unit.to_be_bytes());
        }
        units.extend([0, 0]);
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
        bytes.extend(plain);
        Self {
            wide: units,
            plain: bytes,
        }
    }
}

/// The rounds of key derivation spent on one file, over all its parts and attempts.
pub(super) struct Budget {
    spent: u64,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { spent: 0 }
    }

    fn spend(&mut self, rounds: u64) -> Result<(), Pkcs12Error> {
        let spent = self.spent.saturating_add(rounds);
        if spent > ROUNDS {
            return Err(Pkcs12Error::Work { rounds: spent });
        }
        self.spent = spent;
        Ok(())
    }
}

/// A hash function, with the object identifiers of itself and of its HMAC.
pub(super) struct Hash {
    pub(super) oid: &'static [u8],
    pub(super) hmac_oid: &'static [u8],
    /// Bytes of its output.
    pub(super) length: usize,
    pkcs12: fn(&[u8], &[u8], u32, u8, &mut [u8]),
    pbkdf2: fn(&[u8], &[u8], u32, &mut [u8]),
    sign: fn(&[u8], &[u8]) -> Vec<u8>,
    verify: fn(&[u8], &[u8], &[u8]) -> bool,
}

/// What bytes are derived for, in the derivation of PKCS#12.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

impl Hash {
    pub(super) fn by_oid(oid: &[u8]) -> Option<&'static Self> {
        HASHES.iter().find(|hash| hash.oid == oid)
    }

    pub(super) fn by_hmac_oid(oid: &[u8]) -> Option<&'static Self> {
        HASHES.iter().find(|hash| hash.hmac_oid == oid)
    }

    /// RFC 7292, appendix B.2.
    pub(super) fn pkcs12(
        &self,
        password: &Password,
        salt: &[u8],
        rounds: u32,
        purpose: Purpose,
        length: usize,
        budget: &mut Budget,
    ) -> Result<Key, Pkcs12Error> {
        self.pay(rounds, length, budget)?;
        let mut key = Zeroizing::new(vec![0; length]);
        (self.pkcs12)(&password.wide, salt, rounds, purpose as u8, &mut key);
        Ok(key)
    }

    /// RFC 8018, section 5.2.
    pub(super) fn pbkdf2(
        &self,
        password: &Password,
        salt: &[u8],
        rounds: u32,
        length: usize,
        budget: &mut Budget,
    ) -> Result<Key, Pkcs12Error> {
        self.pay(rounds, length, budget)?;
        let mut key = Zeroizing::new(vec![0; length]);
        (self.pbkdf2)(&password.plain, salt, rounds, &mut key);
        Ok(key)
    }

    pub(super) fn sign(&self, key: &[u8], message: &[u8]) -> Vec<u8> {
        (self.sign)(key, message)
    }

    /// Whether `tag` is the message's, compared in constant time.
    pub(super) fn verify(&self, key: &[u8], message: &[u8], tag: &[u8]) -> bool {
        (self.verify)(key, message, tag)
    }

    fn pay(&self, rounds: u32, length: usize, budget: &mut Budget) -> Result<(), Pkcs12Error> {
        if rounds == 0 {
            return Err(Pkcs12Error::Damaged("rounds of key derivation"));
        }
        let blocks = length.div_ceil(self.length) as u64;
        budget.spend(blocks.saturating_mul(rounds.into()))
    }
}

/// Derives a key by RFC 7914. `cost` is the number, not its logarithm.
pub(super) fn scrypt(
    password: &Password,
    salt: &[u8],
    [cost, block, parallel]: [u32; 3],
    length: usize,
    budget: &mut Budget,
) -> Result<Key, Pkcs12Error> {
    const DAMAGED: Pkcs12Error = Pkcs12Error::Damaged("scrypt parameters");
    if !cost.is_power_of_two() || cost < 2 || length == 0 {
        return Err(DAMAGED);
    }
    // The number of Salsa20/8 calls, each about as long as a round of the others. The
    // limit bounds the memory too: 128 · cost · block bytes.
    let runs = [block, parallel, 4]
        .into_iter()
        .fold(u64::from(cost), |runs, by| runs.saturating_mul(by.into()));
    budget.spend(runs)?;
    // At most 31.
    let logarithm = cost.trailing_zeros() as u8;
    let parameters = scrypt::Params::new(logarithm, block, parallel).map_err(|_| DAMAGED)?;
    let mut key = Zeroizing::new(vec![0; length]);
    scrypt::scrypt(&password.plain, salt, &parameters, &mut key).map_err(|_| DAMAGED)?;
    Ok(key)
}

fn pkcs12<D>(password: &[u8], salt: &[u8], rounds: u32, purpose: u8, key: &mut [u8])
where
    D: Digest + FixedOutputReset + BlockSizeUser,
{
    let block = <D as BlockSizeUser>::block_size();
    // Each repeated to whole blocks.
    let whole = |bytes: &[u8]| bytes.len().next_multiple_of(block);
    let mut input = Zeroizing::new(Vec::with_capacity(whole(salt) + whole(password)));
    for bytes in [salt, password] {
        input.extend(bytes.iter().cycle().take(whole(bytes)));
    }
    let mut round = Output::<D>::default();
    let mut hash = D::new();
    for part in key.chunks_mut(<D as Digest>::output_size()) {
        Digest::update(&mut hash, vec![purpose; block]);
        Digest::update(&mut hash, &*input);
        FixedOutputReset::finalize_into_reset(&mut hash, &mut round);
        for _ in 1..rounds {
            Digest::update(&mut hash, &round);
            FixedOutputReset::finalize_into_reset(&mut hash, &mut round);
        }
        part.copy_from_slice(&round[..part.len()]);
        for block in input.chunks_mut(block) {
            // block += round, repeated to its length, + 1, as big numbers.
            let mut carry = 1;
            for (place, byte) in block.iter_mut().enumerate().rev() {
                let sum = u16::from(*byte) + u16::from(round[place % round.len()]) + carry;
                *byte = sum.to_be_bytes()[1];
                carry = sum >> 8;
            }
        }
    }
    round.as_mut_slice().zeroize();
}

fn pbkdf2<M>(password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8])
where
    M: KeyInit + Update + FixedOutput + Clone,
{
    // HMAC takes keys of any length.
    let Ok(mac) = M::new_from_slice(password) else {
        return;
    };
    let mut round = Output::<M>::default();
    for (part, count) in key.chunks_mut(round.len()).zip(1_u32..) {
        let first = mac.clone().chain(salt).chain(count.to_be_bytes());
        first.finalize_into(&mut round);
        part.copy_from_slice(&round[..part.len()]);
        for _ in 1..rounds {
            mac.clone().chain(&round).finalize_into(&mut round);
            for (byte, other) in part.iter_mut().zip(&round) {
                *byte ^= other;
            }
        }
    }
    round.as_mut_slice().zeroize();
}

fn sign<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn verify<M: Mac + KeyInit>(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(key)
        .is_ok_and(|mac| mac.chain_update(message).verify_slice(tag).is_ok())
}

/// A row of the table; rows differ in the type.
macro_rules! hash {
    ($hash:ty, $length:literal, $oid:expr, $hmac:literal) => {
        Hash {
            oid: &$oid,
            hmac_oid: &[42, 134, 72, 134, 247, 13, 2, $hmac],
            length: $length,
            pkcs12: pkcs12::<$hash>,
            pbkdf2: pbkdf2::<Hmac<$hash>>,
            sign: sign::<Hmac<$hash>>,
            verify: verify::<Hmac<$hash>>,
        }
    };
}

static HASHES: [Hash; 5] = [
    hash!(Sha1, 20, [43, 14, 3, 2, 26], 7),
    hash!(Sha224, 28, [96, 134, 72, 1, 101, 3, 4, 2, 4], 8),
    hash!(Sha256, 32, [96, 134, 72, 1, 101, 3, 4, 2, 1], 9),
    hash!(Sha384, 48, [96, 134, 72, 1, 101, 3, 4, 2, 2], 10),
    hash!(Sha512, 64, [96, 134, 72, 1, 101, 3, 4, 2, 3], 11),
];
/// The hash of the old PKCS#12 encryption, and the default of PBKDF2.
pub(super) static SHA1: &Hash = &HASHES[0];
pub(super) static SHA256: &Hash = &HASHES[2];

/// The rounds allowed for one file: some seconds on a slow machine. Tools write 2048
/// to 600 000 for each of three parts.
pub(super) const ROUNDS: u64 = 8_000_000;

/// Bytes of a password that are allocated at first.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_derivations_agree_with_their_specifications() {
        let password = Password::new("password");
        let mut budget = Budget::new();
        // RFC 6070.
        let key = SHA1.pbkdf2(&password, b"salt", 4096, 20, &mut budget);
        let expected = "4b007901b765489abead49d926f721d065a429c1";
        assert_eq!(hexadecimal(&key.unwrap()), expected);
        // RFC 7914, section 12.
        let key = scrypt(&password, b"NaCl", [1024, 8, 16], 64, &mut budget);
        let expected = "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
                        2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640";
        assert_eq!(hexadecimal(&key.unwrap()), expected);
    }

    #[test]
    fn the_budget_is_for_all_derivations_together() {
        let password = Password::new("x");
        let mut budget = Budget::new();
        for _ in 0..2 {
            // Both outputs of two blocks; nothing is left after the second.
            let half = u32::try_from(ROUNDS / 4).unwrap();
            SHA256.pay(half, 64, &mut budget).unwrap();
        }
        let failure = SHA256.pkcs12(&password, b"", 1, Purpose::Mac, 1, &mut budget);
        let rounds = ROUNDS + 1;
        assert_eq!(failure.map(drop), Err(Pkcs12Error::Work { rounds }));
        let failure = scrypt(
            &password,
            b"",
            [1 << 31, u32::MAX, u32::MAX],
            1,
            &mut budget,
        );
        assert!(matches!(failure.map(drop), Err(Pkcs12Error::Work { .. })));
    }
}
