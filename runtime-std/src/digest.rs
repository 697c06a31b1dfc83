//! What makes two records the same.

use std::fmt;

use estreamer_core::wire::RecordType;
use highway::{HighwayHash, HighwayHasher};
use serde::{Deserialize, Serialize};

/// 128 bits that stand for one record of one source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest([u64; 2]);

impl Digest {
    /// From one number. Kept as two, which need no gap before them in memory.
    pub const fn new(value: u128) -> Self {
        Self([(value >> 64) as u64, value as u64])
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0[0], self.0[1])
    }
}

/// The secret without which nobody can make two records look the same: who
/// controls a URL could hide an event otherwise.
#[derive(Clone)]
pub struct Key([u64; 4]);

impl Key {
    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let mut key = [0; 4];
        for (word, bytes) in key.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self(key)
    }

    /// The digest of a record. Bit 31, the reserved word and the message header
    /// do not count: servers differ in them for the same event.
    pub fn digest(
        &self,
        source: &str,
        record_type: RecordType,
        archival: Option<u32>,
        data: &[u8],
    ) -> Digest {
        let mut hasher = HighwayHasher::new(highway::Key(self.0));
        let mut head = [0; 15];
        head[..8].copy_from_slice(&(source.len() as u64).to_le_bytes());
        head[8..10].copy_from_slice(&record_type.0.to_le_bytes());
        head[10] = u8::from(archival.is_some());
        head[11..].copy_from_slice(&archival.unwrap_or(0).to_le_bytes());
        hasher.append(&head);
        hasher.append(source.as_bytes());
        hasher.append(data);
        let [low, high] = hasher.finalize128();
        Digest([high, low])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_makes_a_record_another_changes_its_digest() {
        let key = Key::new([7; 32]);
        let (file, connection) = (RecordType::FILE, RecordType::CONNECTION);
        let all = [
            key.digest("a", file, Some(1), b"x"),
            key.digest("b", file, Some(1), b"x"),
            key.digest("a", connection, Some(1), b"x"),
            key.digest("a", file, Some(2), b"x"),
            key.digest("a", file, None, b"x"),
            key.digest("a", file, Some(0), b"x"),
            key.digest("a", file, Some(1), b"y"),
            key.digest("ax", file, Some(1), b""),
            Key::new([8; 32]).digest("a", file, Some(1), b"x"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
        }
        assert_eq!(all[0], key.digest("a", file, Some(1), b"x"));
    }
}
