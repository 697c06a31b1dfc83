//! The scripted server: bytes laid out by hand, so that what reads them is not
//! measured against what writes them.

/// The comma-separated event in the first bundle.
pub const CSV: &[u8] = b"1743500734,172.16.3.110,142.250.191.196,443";
/// The JSON event behind the malformed record in the second.
pub const JSON: &[u8] = b"{\"EventType\":\"IntrusionEvent\",\"EventID\":7}";
/// The event in the third, larger than the window.
pub const LARGE: &[u8] = &[b'x'; 1500];
/// The code of the error message at the end.
pub const CODE: i32 = 19;

/// What is sent at first, and after each null.
const SCRIPT: [&[&[u8]]; 4] = [
    &[
        b"\x00\x01\x0f\xa2\x00\x00\x00\x4b", // bundle
        b"\x00\x00\x00\x2a\x00\x00\x00\x01", // connection 42, sequence 1
        b"\x00\x00\x00\x04\x00\x00\x00\x3b", // event data; version 0, as real servers have it
        b"\x00\x00\x00\x47\x00\x00\x00\x2b\x67\xeb\xb2\xbf\x00\x00\x00\x00", // connection event
        CSV,
    ],
    &[
        b"\x00\x01\x0f\xa2\x00\x00\x00\x63", // bundle
        b"\x00\x00\x00\x2a\x00\x00\x00\x02", // connection 42, sequence 2
        b"\x00\x00\x00\x04\x00\x00\x00\x11", // event data
        b"\x00\x00\x00\x47\x00\x00\x03\xe7\x67\xeb\xb2\xbf\x00\x00\x00\x00?", // 999 bytes: not so
        b"\x00\x00\x00\x04\x00\x00\x00\x3a", // event data
        b"\x00\x00\x01\x90\x00\x00\x00\x2a\x67\xeb\xb2\xc0\x00\x00\x00\x00", // intrusion event
        JSON,
    ],
    &[
        b"\x00\x01\x00\x00\x00\x00\x00\x00", // keep-alive
        b"\x00\x01\x0f\xa2\x00\x00\x05\xfc", // bundle
        b"\x00\x00\x00\x2a\x00\x00\x00\x03", // connection 42, sequence 3
        b"\x00\x00\x00\x04\x00\x00\x05\xec", // event data
        // File event; its length counts archival timestamp and reserved word, too.
        b"\x00\x00\x01\xf4\x00\x00\x05\xe4\x67\xeb\xb2\xc1\x00\x00\x00\x00",
        LARGE,
    ],
    &[
        b"\x00\x01\x00\x01\x00\x00\x00\x0f", // error message
        b"\x00\x00\x00\x13\x00\x09No space\x00",
    ],
];

/// The acknowledgement.
const NULL: &[u8; 8] = b"\x00\x01\x00\x00\x00\x00\x00\x00";

/// Bytes given at most at a time. A prime, so that the cuts fall everywhere.
const CHUNK: usize = 61;

/// The server, and where it is in its script.
#[derive(Default)]
pub struct Server {
    requested: bool,
    nulls: usize,
    /// The next byte to send: act, part, offset.
    position: (usize, usize, usize),
}

impl Server {
    /// Nulls received.
    pub fn nulls(&self) -> usize {
        self.nulls
    }

    /// Takes what the client sends; says whether it had its place.
    pub fn receive(&mut self, bytes: &[u8]) -> bool {
        if !self.requested {
            self.requested = bytes.starts_with(&[0, 1, 0, 2]);
            return self.requested;
        }
        let (nulls, rest) = bytes.as_chunks();
        self.nulls += nulls.len();
        rest.is_empty() && nulls.iter().all(|null| null == NULL)
    }

    /// Fills the front of `buffer`; nothing means that it waits or is through.
    pub fn send(&mut self, buffer: &mut [u8]) -> usize {
        let (act, part, offset) = &mut self.position;
        if !self.requested || *act > self.nulls {
            return 0;
        }
        let Some(parts) = SCRIPT.get(*act) else {
            return 0;
        };
        let rest = &parts[*part][*offset..];
        let length = rest.len().min(buffer.len()).min(CHUNK);
        buffer[..length].copy_from_slice(&rest[..length]);
        *offset += length;
        if length == rest.len() {
            (*part, *offset) = (*part + 1, 0);
        }
        if *part == parts.len() {
            (*act, *part) = (*act + 1, 0);
        }
        length
    }
}
