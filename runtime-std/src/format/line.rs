//! One event is one line.

use memchr::memchr2;

/// Appends the event as one line with its end. NULs and line ends behind the
/// event are dropped; line ends inside it become spaces.
pub(super) fn append(data: &[u8], line: &mut Vec<u8>) {
    let end = data
        .iter()
        .rposition(|byte| !matches!(byte, 0 | b'\r' | b'\n'))
        .map_or(0, |last| last + 1);
    let mut rest = &data[..end];
    line.reserve(rest.len() + 1);
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        line.extend_from_slice(&rest[..at]);
        line.push(b' ');
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
    line.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        for (data, expected) in [
            (&b"{}"[..], &b"{}\n"[..]),
            (b"{}\0", b"{}\n"),
            (b"{}\r\n\0", b"{}\n"),
            (b"a\nb\r\nc\0", b"a b  c\n"),
            (b"a\0b", b"a\0b\n"),
            (b"\n\0", b"\n"),
            (b"", b"\n"),
        ] {
            let mut line = Vec::new();
            append(data, &mut line);
            assert_eq!(line, expected);
        }
    }
}
