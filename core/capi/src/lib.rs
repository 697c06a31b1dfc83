//! The eStreamer protocol for C, without I/O and without an operating system.
//!
//! C programs use `include/estreamer_core.h` and link `libestreamer_core.a`, or
//! they link `libestreamer`, which contains this crate. The Rust items here are
//! for the crate `estreamer-capi`; they are not a stable Rust interface.
//!
//! Every handle is opaque and locked ([`Handle`]): a null pointer, a call from a
//! second thread, and a panic each return a status.

#![no_std]
// C names.
#![allow(non_camel_case_types)]

#[cfg(feature = "std")]
extern crate std;

mod api;
mod detail;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod memory;
mod request;
mod session;
mod status;
mod system;
mod types;

pub use api::*;
pub use detail::Detail;
pub use handle::{Handle, pointer, text};
pub use memory::Buffer;
pub use request::{Request, RequestFailure, record_length};
pub use status::*;
pub use system::catch;
pub use types::*;

/// Stops the processor. There is no place to report the panic to.
#[cfg(all(feature = "panic-handler", not(feature = "std")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
