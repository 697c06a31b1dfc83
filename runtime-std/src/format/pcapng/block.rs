//! The blocks of pcapng (draft-ietf-opsawg-pcapng), in little-endian order.

/// A capture of at most this many bytes is read by other programs (Wireshark,
/// `WTAP_MAX_PACKET_SIZE_STANDARD`).
const MAX_CAPTURED: usize = 262_144;
/// The maximum length of a comment in bytes. The length of an option has 16 bits.
pub(super) const MAX_COMMENT: usize = 65_000;
/// The maximum length of the name of an interface in bytes.
pub(super) const MAX_NAME: usize = 256;

/// The options.
const END: u16 = 0;
const COMMENT: u16 = 1;
const NAME: u16 = 2;
const USER_APPLICATION: u16 = 4;
const TIME_RESOLUTION: u16 = 9;

/// A packet.
pub(super) struct Packet<'a> {
    /// The number of its interface in the section.
    pub(super) interface: u32,
    /// Microseconds since 1970.
    pub(super) time: u64,
    pub(super) data: &'a [u8],
    /// Its length on the wire, which is not less than that of the data.
    pub(super) length: u32,
}

/// Returns the block that begins a section.
pub(super) fn section_header() -> Vec<u8> {
    let mut out = Vec::new();
    block(0x0a0d_0d0a, &mut out, |out| {
        out.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        // The length of the section is not known.
        out.extend_from_slice(&(-1_i64).to_le_bytes());
        option(USER_APPLICATION, b"estreamer", out);
        option(END, b"", out);
    });
    out
}

/// Returns the block of an interface. Times are in microseconds.
pub(super) fn interface(name: &str, link_type: u16) -> Vec<u8> {
    let mut out = Vec::new();
    block(1, &mut out, |out| {
        out.extend_from_slice(&link_type.to_le_bytes());
        // Reserved, and no limit of the captured length.
        out.extend_from_slice(&[0; 6]);
        option(NAME, shortened(name, MAX_NAME).as_bytes(), out);
        option(TIME_RESOLUTION, &[6], out);
        option(END, b"", out);
    });
    out
}

/// Appends a packet with comments of at most [`MAX_COMMENT`] bytes. Returns whether all its
/// data is in it.
pub(super) fn packet<'c>(
    packet: &Packet<'_>,
    comments: impl Iterator<Item = &'c str>,
    out: &mut Vec<u8>,
) -> bool {
    let data = &packet.data[..packet.data.len().min(MAX_CAPTURED)];
    block(6, out, |out| {
        for word in [
            packet.interface,
            (packet.time >> 32) as u32,
            packet.time as u32,
            data.len() as u32,
            packet.length,
        ] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        padded(data, out);
        for comment in comments.filter(|comment| !comment.is_empty()) {
            option(COMMENT, comment.as_bytes(), out);
        }
        option(END, b"", out);
    });
    data.len() == packet.data.len()
}

/// Returns the beginning of a text with at most this many bytes.
pub(super) fn shortened(text: &str, length: usize) -> &str {
    let end = (0..=length.min(text.len())).rev();
    let mut end = end.skip_while(|at| !text.is_char_boundary(*at));
    &text[..end.next().unwrap_or(0)]
}

fn block(kind: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    // A record is 16 MiB at most.
    let length = ((out.len() - start + 4) as u32).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&length);
    out.extend_from_slice(&length);
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    padded(value, out);
}

/// Appends bytes and zeros up to a multiple of 4.
fn padded(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes);
    out.resize(out.len() + (4 - bytes.len() % 4) % 4, 0);
}
