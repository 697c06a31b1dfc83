//! IP networks.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network: the addresses that begin with the same bits. An IPv4 address that is written
/// as IPv6 (`::ffff:192.0.2.1`) counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    /// The first address.
    first: IpAddr,
    /// The number of bits.
    prefix: u32,
}

/// Returns the address that a text is, in its shortest family.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    // An address begins with a digit, a colon or a hexadecimal letter.
    let first = text.as_bytes().first()?;
    let may_be = first.is_ascii_hexdigit() || *first == b':';
    let address: Option<IpAddr> = may_be.then(|| text.parse().ok()).flatten();
    address.map(|address| address.to_canonical())
}

impl Network {
    /// Returns the network of this address alone.
    pub(super) fn of(address: IpAddr) -> Self {
        Self {
            first: address,
            prefix: bits(address).1,
        }
    }

    /// Returns whether the address is in the network.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let ((own, length), (other, other_length)) = (bits(self.first), bits(address));
        length == other_length && (own ^ other).checked_shr(length - self.prefix).unwrap_or(0) == 0
    }
}

/// Returns the bits of an address and their number.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

impl FromStr for Network {
    type Err = String;

    /// Parses `ADDRESS/PREFIX`.
    fn from_str(text: &str) -> Result<Self, String> {
        let unreadable = || "use a network such as 10.0.0.0/8 or 2001:db8::/32".to_owned();
        let (first, prefix) = text.split_once('/').ok_or_else(unreadable)?;
        let first: IpAddr = first.parse().map_err(|_| unreadable())?;
        let (all, length) = bits(first);
        let is_number = prefix.bytes().all(|digit| digit.is_ascii_digit());
        let prefix = prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= length && is_number);
        let prefix: u32 = prefix.ok_or_else(|| format!("use a prefix from 0 to {length}"))?;
        let mask = u128::MAX.checked_shl(length - prefix).unwrap_or(0);
        if all & !mask != 0 {
            let first: IpAddr = match first {
                IpAddr::V4(_) => IpAddr::V4(((all & mask) as u32).into()),
                IpAddr::V6(_) => IpAddr::V6((all & mask).into()),
            };
            return Err(format!(
                "the address has bits after the prefix; use {first}/{prefix}"
            ));
        }
        match (first.to_canonical(), first) {
            (canonical @ IpAddr::V4(_), IpAddr::V6(_)) if prefix >= 96 => Ok(Self {
                first: canonical,
                prefix: prefix - 96,
            }),
            _ => Ok(Self { first, prefix }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_with_its_first_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.0"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"),
            ("2001:db8::/32", "2001:db8:0:1::9", "2001:db9::"),
            ("::/0", "fe80::1", "10.0.0.1"),
            ("::1/128", "0:0:0:0:0:0:0:1", "::2"),
            ("8000::/1", "ffff::", "7fff::"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(address(inside).unwrap()), "{network}");
            assert!(!parsed.contains(address(outside).unwrap()), "{network}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
    }

    #[test]
    fn a_mistake_in_a_network_is_told() {
        for (text, words) in [
            ("10.0.0.0/33", "from 0 to 32"),
            ("::/129", "from 0 to 128"),
            ("10.0.0.0/+8", "from 0 to 32"),
            ("10.0.0.0/", "from 0 to 32"),
            ("10.1.2.3/8", "use 10.0.0.0/8"),
            ("2001:db8::1/32", "use 2001:db8::/32"),
            ("10.0/8", "such as 10.0.0.0/8"),
        ] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
