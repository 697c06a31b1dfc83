//! The log: defmt's frames, as they are, on the host's standard output.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::semihosting::Stdout;

#[defmt::global_logger]
struct Logger;

/// The encoder of the frame that is being written, by whoever holds `taken`.
struct Shared {
    taken: AtomicBool,
    encoder: UnsafeCell<defmt::Encoder>,
}

// SAFETY: only the holder of `taken` touches the encoder.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared {
    taken: AtomicBool::new(false),
    encoder: UnsafeCell::new(defmt::Encoder::new()),
};

fn send(bytes: &[u8]) {
    Stdout::open().write(bytes);
}

// SAFETY: frames never interleave: there are no interrupts here, and a fault
// or panic inside a frame ends the image.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        if SHARED.taken.swap(true, Ordering::Acquire) {
            crate::semihosting::exit(crate::PANICKED);
        }
        // SAFETY: `taken` is held.
        unsafe { &mut *SHARED.encoder.get() }.start_frame(send);
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: `taken` is held.
        unsafe { &mut *SHARED.encoder.get() }.end_frame(send);
        SHARED.taken.store(false, Ordering::Release);
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: `taken` is held.
        unsafe { &mut *SHARED.encoder.get() }.write(bytes, send);
    }
}
