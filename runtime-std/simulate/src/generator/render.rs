//! Events as text, in the spelling of a Management Center.

use super::event::{FieldValue, GeneratedEvent};

/// Appends the event as one JSON object: a blank after each comma, none after
/// a colon, text in UTF-8 with only what must be escaped escaped.
///
/// `fields` are the names asked for, resolved to single ones, and give the
/// order; a name the event does not have is skipped. `None` takes every field
/// in the event's own order.
pub fn render_json(event: &GeneratedEvent, fields: Option<&[String]>, out: &mut Vec<u8>) {
    render_json_noting(event, fields, out, |_, _, _| {});
}

/// The same, and tells of each integer its name, its value and where in `out`
/// its digits begin.
pub(crate) fn render_json_noting(
    event: &GeneratedEvent,
    fields: Option<&[String]>,
    out: &mut Vec<u8>,
    mut note: impl FnMut(&str, u64, usize),
) {
    out.push(b'{');
    let mut separator: &[u8] = b"\"";
    let mut member = |name: &str, value: &FieldValue| {
        out.extend_from_slice(separator);
        separator = b", \"";
        // Field names are ours and need no escaping.
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            FieldValue::Integer(n) => {
                note(name, *n, out.len());
                push_integer(*n, out);
            }
            FieldValue::Text(text) => push_json_string(text, out),
        }
    };
    match fields {
        None => {
            for (name, value) in &event.fields {
                member(name, value);
            }
        }
        Some(names) => {
            let mut at = 0;
            for name in names {
                if let Some((name, value)) = find(event, name, &mut at) {
                    member(name, value);
                }
            }
        }
    }
    out.push(b'}');
}

/// Appends the event as one CSV record without line end: the `columns` in
/// their order, nothing between the commas for one the event does not have.
///
/// The guide is silent on quoting; RFC 4180 is followed: a value with comma,
/// quote or line end stands in quotes, its quotes doubled.
pub fn render_csv(event: &GeneratedEvent, columns: &[String], out: &mut Vec<u8>) {
    render_csv_noting(event, columns, out, |_, _, _| {});
}

/// The same, noting integers as [`render_json_noting`] does.
pub(crate) fn render_csv_noting(
    event: &GeneratedEvent,
    columns: &[String],
    out: &mut Vec<u8>,
    mut note: impl FnMut(&str, u64, usize),
) {
    let mut at = 0;
    for (i, name) in columns.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        match find(event, name, &mut at) {
            Some((name, FieldValue::Integer(n))) => {
                note(name, *n, out.len());
                push_integer(*n, out);
            }
            Some((_, FieldValue::Text(text))) => push_csv_value(text, out),
            None => {}
        }
    }
}

/// Looks a field up, beginning where the last one was found: requests mostly
/// follow the event's own order, which makes the usual look-up one step.
fn find<'a>(
    event: &'a GeneratedEvent,
    name: &str,
    at: &mut usize,
) -> Option<&'a (&'static str, FieldValue)> {
    let fields = &event.fields;
    let start = (*at).min(fields.len());
    let found = (start..fields.len())
        .chain(0..start)
        .find(|&i| fields[i].0 == name)?;
    *at = found + 1;
    Some(&fields[found])
}

pub(crate) fn push_integer(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

fn push_json_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut plain = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain..i]);
        plain = i + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
                out.push(b"0123456789abcdef"[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

pub(crate) fn push_csv_value(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|b| b",\"\r\n".contains(b)) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for &byte in bytes {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
