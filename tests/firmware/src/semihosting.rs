//! Requests to the host of an emulated or debugged processor (Arm,
//! “Semihosting for AArch32 and AArch64”).

use core::arch::asm;

const SYS_OPEN: u32 = 0x01;
const SYS_WRITE: u32 = 0x05;
const SYS_EXIT_EXTENDED: u32 = 0x20;
const APPLICATION_EXIT: u32 = 0x20026;

/// The host's standard output.
pub struct Stdout(u32);

impl Stdout {
    /// Opens it; opening it again does no harm.
    pub fn open() -> Self {
        const NAME: &[u8] = b":tt\0";
        const MODE_WRITE: u32 = 4;
        let block = [NAME.as_ptr() as u32, MODE_WRITE, NAME.len() as u32 - 1];
        Stdout(call(SYS_OPEN, &block))
    }

    /// Writes all of `bytes`; a host that takes less has lost them.
    pub fn write(&self, bytes: &[u8]) {
        call(
            SYS_WRITE,
            &[self.0, bytes.as_ptr() as u32, bytes.len() as u32],
        );
    }
}

/// Prints a line `NAME BYTES`.
pub fn print(name: &str, mut bytes: usize) {
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

/// Ends the image with an exit status for the host.
pub fn exit(status: u32) -> ! {
    loop {
        call(SYS_EXIT_EXTENDED, &[APPLICATION_EXIT, status]);
    }
}

fn call(operation: u32, block: &[u32]) -> u32 {
    let mut result = operation;
    // SAFETY: the host reads the block and, for SYS_WRITE and SYS_OPEN, what
    // the block points to, all of which lives until it answers.
    unsafe {
        asm!("bkpt #0xab", inout("r0") result, in("r1") block.as_ptr(), options(nostack));
    }
    result
}
