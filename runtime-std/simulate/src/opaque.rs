//! The transform that is served besides JSON and CSV: binary bytes.

/// XORed with JSON bytes, it makes them binary: spaces become line ends.
pub const OPAQUE: u8 = b' ' ^ b'\n';
