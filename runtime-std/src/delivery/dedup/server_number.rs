//! Identifies the server of a source.

use estreamer_mio::tls::CertificateFacts;

/// Returns a number that identifies a server by certificate and name. It is FNV-1a, which
/// is stable, because the bookmark stores it. Never 0.
pub(crate) fn server_number(peer: Option<&CertificateFacts>, name: &str) -> u64 {
    let certificate = peer.map_or(&[][..], |peer| &peer.sha256);
    let bytes = certificate.iter().copied().chain(name.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_it_was_and_names_tell_servers_apart() {
        assert_eq!(server_number(None, ""), 0xcbf2_9ce4_8422_2325);
        // The FNV-1a of one letter.
        assert_eq!(server_number(None, "a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(server_number(None, "a"), server_number(None, "b"));
    }
}
