//! The first layer of the C library for machines without an operating system:
//! `libestreamer_core.a`. See [`layer`].

#![no_std]
// The names are C's.
#![allow(non_camel_case_types)]

extern crate protocol as estreamer_core;

pub mod layer;
mod system;

/// Nothing can be done about it and nobody can be told.
#[cfg(feature = "panic-handler")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
