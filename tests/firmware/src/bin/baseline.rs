//! `footprint` without the session.

#![no_std]
#![no_main]

use core::hint::black_box;

#[cortex_m_rt::entry]
fn main() -> ! {
    estreamer_firmware::finish(black_box(true))
}
