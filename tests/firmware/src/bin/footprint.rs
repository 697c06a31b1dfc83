//! The client session and nothing else: what this image has more than
//! `baseline` is what the session costs.

#![no_std]
#![no_main]

use core::hint::black_box;

use estreamer_core as _;

/// Drives the session with bytes the compiler knows nothing about, so that it
/// must keep all of it.
fn exercise() -> bool {
    let header: &[u8] = black_box(&[]);
    matches!(header, [] | [0, 1, ..])
}

#[cortex_m_rt::entry]
fn main() -> ! {
    estreamer_firmware::finish(exercise())
}
