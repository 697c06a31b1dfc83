//! One event a line; a quoted CSV field may contain line ends.
//!
//! A line end is CR LF, LF or CR. The rules:
//!
//! - Line ends and NULs after the event are removed, and one LF is appended.
//! - In JSON, a line end becomes a space: it is white space between tokens.
//! - In CSV, a line end between quotes is part of the field and stays unchanged; any other
//!   one becomes a space. Quotes that are not closed are ignored.

use memchr::{memchr_iter, memchr2};

/// Appends an event as one line. With `quoted`, line ends between quotes stay unchanged.
pub(super) fn append(data: &[u8], quoted: bool, line: &mut Vec<u8>) {
    let end = data
        .iter()
        .rposition(|byte| !matches!(byte, 0 | b'\r' | b'\n'))
        .map_or(0, |last| last + 1);
    let data = &data[..end];
    line.reserve(data.len() + 1);
    let quoted = quoted && memchr_iter(b'"', data).count().is_multiple_of(2);
    let mut rest = data;
    let mut open = false;
    while let Some(at) = memchr2(b'\r', b'\n', rest) {
        let (text, from) = rest.split_at(at);
        let length = if from.starts_with(b"\r\n") { 2 } else { 1 };
        let (line_end, after) = from.split_at(length);
        open ^= !memchr_iter(b'"', text).count().is_multiple_of(2);
        line.extend_from_slice(text);
        line.extend_from_slice(if quoted && open { line_end } else { b" " });
        rest = after;
    }
    line.extend_from_slice(rest);
    line.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(data: &[u8], quoted: bool) -> Vec<u8> {
        let mut line = Vec::new();
        append(data, quoted, &mut line);
        line
    }

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        for (data, expected) in [
            (&b"{}"[..], &b"{}\n"[..]),
            (b"{}\0", b"{}\n"),
            (b"{}\r\n\0", b"{}\n"),
            (b"a\nb\r\nc\rd\n\re\0", b"a b c d  e\n"),
            (b"a\0b", b"a\0b\n"),
            (b"\n\0", b"\n"),
            (b"", b"\n"),
        ] {
            for quoted in [false, true] {
                assert_eq!(appended(data, quoted), expected);
            }
        }
        assert_eq!(
            appended(b"{\"a\":\r\n\"b\nc\"}", false),
            b"{\"a\": \"b c\"}\n"
        );
    }

    #[test]
    fn a_line_end_between_quotes_of_csv_comes_out_as_it_came() {
        for (data, expected) in [
            (
                &b"1,\"a\r\nb\nc\rd\",2\r\n"[..],
                &b"1,\"a\r\nb\nc\rd\",2\n"[..],
            ),
            (b"\"a \"\"b\"\"\r\nc\",d", b"\"a \"\"b\"\"\r\nc\",d\n"),
            (b"\"a\"\r\n\"b\"", b"\"a\" \"b\"\n"),
            // Not closed: a reader would take the next event into the field.
            (b"\"a\r\nb,c", b"\"a b,c\n"),
        ] {
            assert_eq!(appended(data, true), expected);
        }
    }
}
