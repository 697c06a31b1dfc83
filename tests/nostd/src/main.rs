//! A Linux program with nothing beneath it: no std, no allocator, no C
//! library, only [`sys`]. That it links at all proves that the core needs none
//! of them; that it exits with 0 proves that the core still works.

#![no_std]
#![no_main]

#[cfg(feature = "alloc-control")]
extern crate alloc;
#[cfg(feature = "std-control")]
extern crate std;

mod exercise;
mod sys;

/// What the program does, once [`sys`] has given it a stack.
fn main() -> u8 {
    #[cfg(feature = "alloc-control")]
    core::hint::black_box(alloc::boxed::Box::new(0u8));
    #[cfg(feature = "std-control")]
    std::println!("there is an operating system");

    let done = exercise::exercise() && !cfg!(feature = "fail-control");
    if done { 0 } else { 1 }
}
