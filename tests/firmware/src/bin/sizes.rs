//! Prints what a session keeps in memory on this machine: `NAME BYTES` lines.

#![no_std]
#![no_main]

use estreamer_core::session::ClientSession;
use estreamer_firmware::semihosting::print;

#[cortex_m_rt::entry]
fn main() -> ! {
    print("ClientSession", size_of::<ClientSession>());
    estreamer_firmware::finish(true)
}
