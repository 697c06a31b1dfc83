//! Protocol Buffers, as far as OpenTelemetry logs need them: fields are appended, and nested
//! messages get their length afterwards.

/// The wire types (Protocol Buffers, Encoding).
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

/// Appends an unsigned integer, seven bits a byte.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends an integer field.
pub(super) fn integer(field: u64, value: u64, out: &mut Vec<u8>) {
    varint(field << 3 | VARINT, out);
    varint(value, out);
}

/// Appends a field of 64 bits.
pub(super) fn fixed64(field: u64, value: u64, out: &mut Vec<u8>) {
    varint(field << 3 | FIXED_64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of text or bytes.
pub(super) fn bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | LENGTH, out);
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// Appends a nested message that `fill` writes.
pub(super) fn message(field: u64, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    varint(field << 3 | LENGTH, out);
    let start = out.len();
    fill(out);
    let mut length = Vec::with_capacity(5);
    varint((out.len() - start) as u64, &mut length);
    out.extend_from_slice(&length);
    out[start..].rotate_right(length.len());
}

/// A field that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'m> {
    Integer(u64),
    Bytes(&'m [u8]),
}

/// Returns the first field of this number in a message; `None` if there is none, or the
/// message is damaged before it.
pub(super) fn find(mut message: &[u8], wanted: u64) -> Option<Value<'_>> {
    while !message.is_empty() {
        let tag = read_varint(&mut message)?;
        let value = match tag & 7 {
            VARINT => Value::Integer(read_varint(&mut message)?),
            FIXED_64 => Value::Bytes(message.split_off(..8)?),
            FIXED_32 => Value::Bytes(message.split_off(..4)?),
            LENGTH => {
                let length = usize::try_from(read_varint(&mut message)?).ok()?;
                Value::Bytes(message.split_off(..length)?)
            }
            _ => return None,
        };
        if tag >> 3 == wanted {
            return Some(value);
        }
    }
    None
}

fn read_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *from.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_encoding_says_and_found_again() {
        let mut out = Vec::new();
        integer(1, 150, &mut out);
        message(2, &mut out, |out| bytes(1, b"testing", out));
        fixed64(3, 1, &mut out);
        assert_eq!(
            out,
            b"\x08\x96\x01\x12\x09\x0a\x07testing\x19\x01\0\0\0\0\0\0\0"
        );
        assert_eq!(find(&out, 1), Some(Value::Integer(150)));
        let Some(Value::Bytes(nested)) = find(&out, 2) else {
            panic!("nothing nested");
        };
        assert_eq!(find(nested, 1), Some(Value::Bytes(b"testing")));
        assert_eq!(find(&out, 3), Some(Value::Bytes(&[1, 0, 0, 0, 0, 0, 0, 0])));
        assert_eq!(find(&out, 4), None);
        let mut long = Vec::new();
        message(1, &mut long, |out| bytes(1, &[7; 300], out));
        assert_eq!(&long[..5], b"\x0a\xaf\x02\x0a\xac");
    }

    #[test]
    fn a_damaged_message_has_no_field() {
        for message in [&b"\x0a"[..], b"\x0a\x05ab", b"\xff", b"\x0b", b"\x09\0"] {
            assert_eq!(find(message, 1), None);
        }
        assert_eq!(find(&[0xff; 11], 1), None);
    }
}
