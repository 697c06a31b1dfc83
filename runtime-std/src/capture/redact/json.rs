//! Redacts JSON: an event, or the JSON block of a request.

use serde::de::IgnoredAny;

use super::escapes;
use super::fields::{is_of_requests, keeps_name, keeps_number, keeps_text};
use super::text::Pseudonyms;

/// What a JSON text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Event,
    Request,
}

/// Returns a JSON text of the same length and structure with its values replaced; `None` if
/// it is not JSON.
pub(super) fn redact(text: &str, role: Role, pseudonyms: &mut Pseudonyms) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut writer = Writer {
        role,
        pseudonyms,
        open: Vec::new(),
        is_name: false,
        field: None,
        out: String::with_capacity(text.len()),
    };
    let mut rest = text;
    while !rest.is_empty() {
        let length = token_len(rest);
        let (token, tail) = rest.split_at(length);
        writer.token(token);
        rest = tail;
    }
    Some(writer.out)
}

struct Writer<'a> {
    role: Role,
    pseudonyms: &'a mut Pseudonyms,
    /// The open brackets.
    open: Vec<u8>,
    /// Whether the next string is the name of a member.
    is_name: bool,
    /// The member of the event that a value belongs to. Values in arrays and objects belong to
    /// none.
    field: Option<String>,
    out: String,
}

impl Writer<'_> {
    fn token(&mut self, token: &str) {
        match token.as_bytes()[0] {
            open @ (b'{' | b'[') => {
                self.open.push(open);
                self.is_name = open == b'{';
                self.field = None;
                self.out.push_str(token);
            }
            b'}' | b']' => {
                self.open.pop();
                self.is_name = false;
                self.out.push_str(token);
            }
            b',' => {
                self.is_name = self.open.last() == Some(&b'{');
                self.field = None;
                self.out.push_str(token);
            }
            b':' => {
                self.is_name = false;
                self.out.push_str(token);
            }
            b'"' => {
                let raw = &token[1..token.len() - 1];
                let replaced = if self.is_name {
                    self.name(raw)
                } else {
                    self.string(raw)
                };
                self.out.push('"');
                self.out.push_str(&replaced);
                self.out.push('"');
            }
            b'-' | b'0'..=b'9' => self.number(token),
            // White space, true, false, null.
            _ => self.out.push_str(token),
        }
    }

    fn name(&mut self, raw: &str) -> String {
        let name = escapes::text(raw);
        let is_kept = match self.role {
            Role::Event => self.open.len() == 1 && keeps_name(&name),
            Role::Request => is_of_requests(&name),
        };
        if is_kept {
            if self.open.len() == 1 {
                self.field = Some(name);
            }
            return raw.to_owned();
        }
        escapes::replaced(raw, |text| self.pseudonyms.text(text))
    }

    fn string(&mut self, raw: &str) -> String {
        let text = escapes::text(raw);
        let field = self.field.as_deref().unwrap_or_default();
        let is_kept = match self.role {
            Role::Event => keeps_text(field, &text),
            Role::Request => is_of_requests(&text),
        };
        if is_kept {
            return raw.to_owned();
        }
        let is_packet = field == PACKET;
        escapes::replaced(raw, |text| {
            let encoded = if is_packet {
                self.pseudonyms.encoded(text)
            } else if text.len() >= LEAST_BASE64 && text.ends_with('=') {
                self.pseudonyms.base64(text)
            } else {
                None
            };
            encoded.unwrap_or_else(|| self.pseudonyms.text(text))
        })
    }

    fn number(&mut self, number: &str) {
        let field = self.field.as_deref().unwrap_or_default();
        if self.role == Role::Event && keeps_number(field, number) {
            return self.out.push_str(number);
        }
        // The exponent stays, so that the number does not become too large for readers.
        let exponent = number.find(['e', 'E']).unwrap_or(number.len());
        let (digits, exponent) = number.split_at(exponent);
        for part in digits.split_inclusive(['-', '.']) {
            self.out.push_str(&self.pseudonyms.text(part));
        }
        self.out.push_str(exponent);
    }
}

/// The field with the bytes of a packet.
const PACKET: &str = "PacketData";
/// A shorter text that ends with `=` is a text.
const LEAST_BASE64: usize = 24;

/// Returns the length of the token that valid JSON goes on with, at least 1.
fn token_len(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let until = |ends: fn(u8) -> bool| {
        let end = bytes.iter().position(|byte| ends(*byte));
        end.unwrap_or(bytes.len()).max(1)
    };
    match bytes[0] {
        b'"' => {
            let mut at = 1;
            while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or(b"")) {
                at += found;
                if bytes[at] == b'"' {
                    return at + 1;
                }
                at += 2;
            }
            bytes.len()
        }
        b'-' | b'0'..=b'9' => {
            until(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        }
        b'a'..=b'z' => until(|byte| !byte.is_ascii_lowercase()),
        _ => 1,
    }
}
