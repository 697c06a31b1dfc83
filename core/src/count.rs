//! Counts in messages, with a noun that agrees: "1 byte", "2 bytes".

use core::fmt;

/// A number of bytes in a message.
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        Self(bytes.len() as u64)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 byte"),
            count => write!(f, "{count} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn one_byte_is_singular() {
        let counts = [0, 1, 2].map(|count| Bytes(count).to_string());
        assert_eq!(counts, ["0 bytes", "1 byte", "2 bytes"]);
    }
}
