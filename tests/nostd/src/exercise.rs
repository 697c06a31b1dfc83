//! The calls that are to work without an operating system.

use core::hint::black_box;

/// Whether everything came out as it should. Inputs go through [`black_box`],
/// else the compiler would work it all out and link nothing.
pub fn exercise() -> bool {
    use estreamer_core as _;

    let header = black_box([0u8, 1, 0, 0, 0, 0, 0, 0]);
    u16::from_be_bytes([header[0], header[1]]) == 1
}
