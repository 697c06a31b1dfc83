//! What the first layer builds on here: nothing.

/// There is no allocator: sessions live in memory that is given.
pub(crate) const fn allocate(_: usize) -> *mut u8 {
    core::ptr::null_mut()
}

/// Gives back what [`allocate`] gave.
///
/// # Safety
/// It is not in use.
pub(crate) const unsafe fn free(_: *mut u8, _: usize) {}

/// Nothing unwinds: a panic stops the machine.
pub(crate) fn catch<R>(call: impl FnOnce() -> R) -> Option<R> {
    Some(call())
}
