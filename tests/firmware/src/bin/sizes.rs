//! Prints what a session keeps in memory on this machine: `NAME BYTES` lines.

#![no_std]
#![no_main]

use estreamer_core::session::ClientSession;
use estreamer_firmware::semihosting::Stdout;

#[cortex_m_rt::entry]
fn main() -> ! {
    print("ClientSession", size_of::<ClientSession>());
    estreamer_firmware::finish(true)
}

fn print(name: &str, mut bytes: usize) {
    let mut digits = [b'0'; 10];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (bytes % 10) as u8;
        bytes /= 10;
        if bytes == 0 {
            break;
        }
    }
    let stdout = Stdout::open();
    for part in [name.as_bytes(), b" ", &digits[start..], b"\n"] {
        stdout.write(part);
    }
}
