//! The session with its verdict turned round, to show that the host sees it.

#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    estreamer_firmware::finish(!estreamer_firmware::session::exercise())
}
