//! `footprint` without the session.

#![no_std]
#![no_main]

use core::hint::black_box;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    estreamer_firmware::finish(black_box(true))
}
