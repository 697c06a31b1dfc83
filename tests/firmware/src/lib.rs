//! The board beneath the images: [`semihosting`] to talk to the host, and a
//! [`logger`] on top of it. What the images do with the core is in their own
//! files under `bin/`.

#![no_std]

#[cfg(feature = "embassy")]
pub mod collect;
#[cfg(feature = "log")]
mod logger;
pub mod semihosting;
#[cfg(feature = "log")]
pub mod session;
#[cfg(feature = "embassy")]
pub mod stack;

/// Ends the image; the host sees 0 or 1.
pub fn finish(done: bool) -> ! {
    semihosting::exit(if done { 0 } else { 1 })
}

/// The exit status of a panic, as std has it.
const PANICKED: u32 = 101;
/// The exit status of a processor fault.
const FAULT: u32 = 102;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "log")]
    defmt::error!("{}", defmt::Display2Format(_info));
    semihosting::exit(PANICKED)
}

// The default one waits for ever, and so would the host.
#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    semihosting::exit(FAULT)
}
