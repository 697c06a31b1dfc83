//! Memory allocation and panics: the two things that depend on `std`.

#[cfg(feature = "std")]
mod imp {
    use core::ptr;
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// The alignment of C's `malloc` on 64-bit systems.
    const ALIGN: usize = 16;

    /// Allocates `size` zeroed bytes. Returns null if there is not enough memory.
    /// `size` must not be 0. It asks the system, not the program's allocator, which may
    /// keep a reserve for those who cannot go on without memory.
    pub(crate) fn allocate(size: usize) -> *mut u8 {
        match Layout::from_size_align(size, ALIGN) {
            // SAFETY: the size is not 0.
            Ok(layout) if size > 0 => unsafe { System.alloc_zeroed(layout) },
            _ => ptr::null_mut(),
        }
    }

    /// Frees memory from [`allocate`].
    ///
    /// # Safety
    /// `memory` came from `allocate(size)` and is not used any more.
    pub(crate) unsafe fn free(memory: *mut u8, size: usize) {
        if let Ok(layout) = Layout::from_size_align(size, ALIGN) {
            // SAFETY: the caller's contract.
            unsafe { System.dealloc(memory, layout) };
        }
    }

    /// Runs a call. Returns `None` if it panics.
    #[inline]
    pub fn catch<R>(call: impl FnOnce() -> R) -> Option<R> {
        catch_unwind(AssertUnwindSafe(call)).ok()
    }
}

#[cfg(not(feature = "std"))]
mod imp {
    /// Returns null: there is no allocator.
    pub(crate) const fn allocate(_: usize) -> *mut u8 {
        core::ptr::null_mut()
    }

    /// Does nothing: [`allocate`] never returns memory.
    ///
    /// # Safety
    /// None is needed; the function with `std` has the same signature.
    pub(crate) const unsafe fn free(_: *mut u8, _: usize) {}

    /// Runs a call. A panic does not return.
    #[inline]
    pub fn catch<R>(call: impl FnOnce() -> R) -> Option<R> {
        Some(call())
    }
}

pub use imp::catch;
pub(crate) use imp::{allocate, free};
