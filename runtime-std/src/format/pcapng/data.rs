//! The bytes of a packet, which an event holds as text.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64, with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes hexadecimal digits or base64. Text that can be both is what has the announced
/// length, else hexadecimal. White space is ignored, and colons between digits are.
pub(super) fn decode(text: &str, length: Option<u64>) -> Option<Vec<u8>> {
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let hexadecimal = hexadecimal(&text);
    let is_announced = |bytes: &Vec<u8>| length.is_none_or(|length| length == bytes.len() as u64);
    if let Some(bytes) = hexadecimal.as_ref().filter(|bytes| is_announced(bytes)) {
        return Some(bytes.clone());
    }
    let base64 = BASE64.decode(&text).ok();
    match (hexadecimal, base64) {
        (Some(_), Some(bytes)) if is_announced(&bytes) => Some(bytes),
        (hexadecimal, base64) => hexadecimal.or(base64),
    }
}

fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let digits: Option<Vec<u8>> = text
        .iter()
        .filter(|byte| **byte != b':')
        .map(|byte| char::from(*byte).to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits?;
    let (pairs, odd) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| high << 4 | low);
    odd.is_empty().then(|| bytes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_decodes_to_the_announced_length() {
        for (text, length, expected) in [
            ("00ff10", Some(3), Some(&[0, 0xff, 0x10][..])),
            ("00FF10", None, Some(&[0, 0xff, 0x10])),
            ("0x00:ff 10\n", Some(3), Some(&[0, 0xff, 0x10])),
            ("AP8Q", Some(3), Some(&[0, 0xff, 0x10])),
            ("AP8=", Some(2), Some(&[0, 0xff])),
            ("AP8", Some(2), Some(&[0, 0xff])),
            // Both: 4 digits, or 3 bytes.
            ("abcd", Some(2), Some(&[0xab, 0xcd])),
            ("abcd", Some(3), Some(&[0x69, 0xb7, 0x1d])),
            ("abcd", None, Some(&[0xab, 0xcd])),
            // A capture may be shorter than the packet.
            ("abcd", Some(1500), Some(&[0xab, 0xcd])),
            ("", Some(0), Some(&[])),
            ("abc", Some(1500), Some(&[0x69, 0xb7])),
            ("a!", None, None),
            ("é", None, None),
        ] {
            assert_eq!(
                decode(text, length).as_deref(),
                expected,
                "{text} {length:?}"
            );
        }
    }
}
