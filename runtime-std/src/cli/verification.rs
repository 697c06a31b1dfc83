//! Whom we believe: the arguments that say how a server is judged.

use clap::Args;
use estreamer_mio::tls::{NameRule, ServerRules};

/// How the server's certificate is judged. Without any of these: by its chain
/// to the CA and its subject.
#[derive(Args)]
#[command(next_help_heading = "Verification of the server")]
pub(super) struct VerificationArgs {
    /// The name the server's certificate has to carry, as common name or as
    /// subject alternative name; otherwise any.
    #[arg(long, value_name = "cn:NAME|san:NAME", value_parser = name_rule)]
    server_name: Option<NameRule>,
    /// The SHA-256 fingerprint the server's certificate has to have.
    #[arg(long, value_name = "HEX", value_parser = fingerprint)]
    server_fingerprint: Option<Fingerprint>,
    /// Accept a server certificate that is signed with SHA-1.
    #[arg(long)]
    allow_sha1: bool,
    /// Verify nothing: believe whoever answers. For tests only.
    #[arg(long, conflicts_with_all = ["server_name", "server_fingerprint", "allow_sha1"])]
    insecure_no_verify: bool,
}

/// A type of its own, because an array would be read as several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint([u8; 32]);

impl VerificationArgs {
    /// The rules for the TLS library.
    pub(super) fn rules(&self) -> ServerRules {
        ServerRules {
            name: self.server_name.clone().unwrap_or_default(),
            fingerprint: self.server_fingerprint.map(|found| found.0),
            allow_sha1: self.allow_sha1,
            insecure: self.insecure_no_verify,
        }
    }
}

/// Says on stderr that the connection about to be made proves nothing.
pub(super) fn warn(rules: &ServerRules, server: &str) {
    if rules.insecure {
        say!(
            "estreamer: warning: connecting to {server} without verifying it \
             (--insecure-no-verify): anyone in between can read and forge the events"
        );
    }
}

fn name_rule(text: &str) -> Result<NameRule, String> {
    match text.split_once(':') {
        Some(("cn", name)) if !name.is_empty() => Ok(NameRule::CommonName(name.into())),
        Some(("san", name)) if !name.is_empty() => Ok(NameRule::SubjectAltName(name.into())),
        _ => Err("use cn:NAME or san:NAME".into()),
    }
}

/// 64 hexadecimal digits, with or without colons between.
fn fingerprint(text: &str) -> Result<Fingerprint, String> {
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
