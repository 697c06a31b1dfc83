//! Keyed digests: they identify records and prove the ownership of files.

use std::fmt;

use estreamer_core::wire::RecordType;
use highway::{HighwayHash, HighwayHasher};
use serde::{Deserialize, Serialize};

/// A keyed digest of 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest([u64; 2]);

impl Digest {
    /// Returns the digest with this value. It is stored as two words to avoid padding.
    pub const fn new(value: u128) -> Self {
        Self([(value >> 64) as u64, value as u64])
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0[0], self.0[1])
    }
}

/// The secret key of digests. Without it nobody can craft two records with one digest,
/// for example by a URL, to suppress an event.
#[derive(Clone)]
pub struct DigestKey([u64; 4]);

impl DigestKey {
    /// Returns a key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let mut key = [0; 4];
        for (word, bytes) in key.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self(key)
    }

    /// Returns the digest of a record: source, record type and data. The archival second is
    /// stored separately. Bit 31, the reserved word and the message header are excluded:
    /// servers differ in them for the same event.
    pub fn digest(&self, source: &str, record_type: RecordType, data: &[u8]) -> Digest {
        let mut head = [0; 11];
        head[..8].copy_from_slice(&(source.len() as u64).to_le_bytes());
        head[8..10].copy_from_slice(&record_type.0.to_le_bytes());
        head[10] = CONTENT;
        self.hash([&head, source.as_bytes(), data])
    }

    /// Returns the digest of version 1 of the journal, which includes the archival second.
    pub fn digest_version_1(
        &self,
        source: &str,
        record_type: RecordType,
        archival: Option<u32>,
        data: &[u8],
    ) -> Digest {
        let mut head = [0; 15];
        head[..8].copy_from_slice(&(source.len() as u64).to_le_bytes());
        head[8..10].copy_from_slice(&record_type.0.to_le_bytes());
        head[10] = u8::from(archival.is_some());
        head[11..].copy_from_slice(&archival.unwrap_or(0).to_le_bytes());
        self.hash([&head, source.as_bytes(), data])
    }

    /// Returns the digest of the last bytes before an offset in a file.
    pub fn of_file(&self, bytes: &[u8]) -> Digest {
        self.hash([&[FILE], bytes, &[]])
    }

    /// Returns a value that identifies the key without revealing it.
    pub fn fingerprint(&self) -> Digest {
        self.hash([&[FINGERPRINT], &[], &[]])
    }

    fn hash(&self, parts: [&[u8]; 3]) -> Digest {
        let mut hasher = HighwayHasher::new(highway::Key(self.0));
        for part in parts {
            hasher.append(part);
        }
        let [low, high] = hasher.finalize128();
        Digest([high, low])
    }
}

/// The first byte of the input separates the kinds of digests. Version 1 has 0 or 1 in the
/// place of `CONTENT`.
const CONTENT: u8 = 2;
const FILE: u8 = 3;
const FINGERPRINT: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_makes_a_record_another_changes_its_digest() {
        let key = DigestKey::new([7; 32]);
        let (file, connection) = (RecordType::FILE, RecordType::CONNECTION);
        let all = [
            key.digest("a", file, b"x"),
            key.digest("b", file, b"x"),
            key.digest("a", connection, b"x"),
            key.digest("a", file, b"y"),
            key.digest("ax", file, b""),
            DigestKey::new([8; 32]).digest("a", file, b"x"),
            key.digest_version_1("a", file, None, b"x"),
            key.digest_version_1("a", file, Some(1), b"x"),
            key.digest_version_1("a", file, Some(2), b"x"),
            key.of_file(b"x"),
            key.fingerprint(),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
        }
        assert_eq!(all[0], key.digest("a", file, b"x"));
    }

    #[test]
    fn version_1_is_what_it_was() {
        let digest =
            DigestKey::new([3; 32]).digest_version_1("fmc", RecordType::FILE, Some(9), b"{}");
        assert_eq!(format!("{digest:?}"), "5c80c96e998490b8b4707b588ef7eff5");
    }
}
