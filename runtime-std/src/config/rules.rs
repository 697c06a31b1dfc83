//! Settings for the verification of server certificates, as users write them.

use std::path::Path;

use estreamer_mio::tls::{NameRule, ServerRules};
use tracing::warn;

/// Parses `cn:NAME` or `san:NAME`.
///
/// # Errors
/// The accepted values.
pub fn name_rule(text: &str) -> Result<NameRule, String> {
    match text.split_once(':') {
        Some(("cn", name)) if !name.is_empty() => Ok(NameRule::CommonName(name.into())),
        Some(("san", name)) if !name.is_empty() => Ok(NameRule::SubjectAltName(name.into())),
        _ => Err("use cn:NAME or san:NAME".into()),
    }
}

/// A certificate fingerprint. Not a plain array, because clap parses that as several
/// values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(
    /// The SHA-256 of a certificate.
    pub [u8; 32],
);

/// Parses 64 hexadecimal digits, with or without colons.
///
/// # Errors
/// The accepted values.
pub fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let bytes: Vec<u8> = digits
        .filter(|digits| digits.len() == 64)
        .map(|digits| {
            let pairs = digits.chunks_exact(2);
            pairs.map(|pair| pair[0] << 4 | pair[1]).collect()
        })
        .unwrap_or_default();
    <[u8; 32]>::try_from(bytes)
        .map(Fingerprint)
        .map_err(|_| "use the 64 hexadecimal digits of a SHA-256, with or without colons".into())
}

/// Warns that the server is not verified, and that the keys of the session are written to
/// a file.
pub fn warn(source: Option<&str>, rules: &ServerRules, server: &str) {
    if rules.insecure {
        warn!(
            source,
            "connecting to {server} without verifying its certificate: \
             anyone in between can read and forge the events"
        );
    }
    let file = std::env::var_os("SSLKEYLOGFILE").unwrap_or_default();
    if !file.is_empty() {
        warn!(
            source,
            "SSLKEYLOGFILE is set: the keys of the connection to {server} are appended to {}; \
             whoever has them can read a recording of it",
            Path::new(&file).display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_kind_it_is() {
        let cn = NameRule::CommonName("fmc:1".into());
        assert_eq!(name_rule("cn:fmc:1"), Ok(cn));
        let san = NameRule::SubjectAltName("fmc.example.net".into());
        assert_eq!(name_rule("san:fmc.example.net"), Ok(san));
        for text in ["fmc.example.net", "cn:", "dns:fmc", ""] {
            assert!(name_rule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_64_digits_with_or_without_colons() {
        let plain = "0aFF".to_owned() + &"00".repeat(30);
        let mut expected = [0; 32];
        expected[..2].copy_from_slice(&[0x0a, 0xff]);
        assert_eq!(fingerprint(&plain), Ok(Fingerprint(expected)));
        let colons = "0A:ff".to_owned() + &":00".repeat(30);
        assert_eq!(fingerprint(&colons), Ok(Fingerprint(expected)));
        for text in ["", "0a", &"g0".repeat(32), &"00".repeat(33)] {
            assert!(fingerprint(text).is_err(), "{text}");
        }
    }
}
