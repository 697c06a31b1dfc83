//! The transform that is served besides JSON and CSV: bytes that are no text.

/// What makes JSON bytes that are no text: its spaces become line ends.
pub const OPAQUE: u8 = b' ' ^ b'\n';
