//! What the first layer builds on here.

use std::alloc::{Layout, alloc, dealloc};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// As C's own memory is.
const ALIGN: usize = 16;

/// Memory of so many bytes, which are not 0; null if there is not so much.
pub(crate) fn allocate(bytes: usize) -> *mut u8 {
    match Layout::from_size_align(bytes, ALIGN) {
        // SAFETY: the size is not 0.
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => ptr::null_mut(),
    }
}

/// Gives back what [`allocate`] gave.
///
/// # Safety
/// It is of so many bytes, and not in use.
pub(crate) unsafe fn free(memory: *mut u8, bytes: usize) {
    if let Ok(layout) = Layout::from_size_align(bytes, ALIGN) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(memory, layout) };
    }
}

/// Runs a call; `None` if it panicked.
#[inline]
pub(crate) fn catch<R>(call: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}
