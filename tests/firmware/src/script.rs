//! A whole client session against a scripted server.

use core::hint::black_box;

/// Whether the session went as the script has it.
pub fn exercise() -> bool {
    use estreamer_core as _;

    defmt::info!("session starts");
    let header = black_box([0u8, 1, 0, 0, 0, 0, 0, 0]);
    let version = u16::from_be_bytes([header[0], header[1]]);
    defmt::debug!("header {=[u8]:x}", header);
    if version == 1 {
        defmt::info!("session ends, version {}", version);
        true
    } else {
        defmt::error!("unexpected version {}", version);
        false
    }
}
