//! The memory of a session: the caller's, or allocated once.

use core::mem::align_of;
use core::ptr;

use crate::system;

/// A byte buffer at a fixed address, which is also known to C.
///
/// References to the bytes borrow the buffer, so two of them cannot alias:
///
/// ```compile_fail,E0499
/// use estreamer_core_capi::Buffer;
/// let mut memory = [0; 8];
/// // SAFETY: the buffer is the only user of the array.
/// let mut buffer = unsafe { Buffer::new(memory.as_mut_ptr(), memory.len()) };
/// let (one, two) = (buffer.bytes_mut(), buffer.bytes_mut());
/// one[0] = two[0];
/// ```
#[derive(Debug)]
pub struct Buffer {
    start: *mut u8,
    length: usize,
}

impl Buffer {
    /// Takes over the memory.
    ///
    /// # Safety
    /// `start` points to `length` initialised bytes, which stay valid as long as
    /// the buffer exists. Other code accesses them only through
    /// [`address`](Self::address), and never while a reference from
    /// [`bytes`](Self::bytes) or [`bytes_mut`](Self::bytes_mut) exists.
    pub const unsafe fn new(start: *mut u8, length: usize) -> Self {
        Self { start, length }
    }

    /// The number of bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a session's buffers are never empty"
    )]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// The bytes.
    #[inline]
    pub const fn bytes(&self) -> &[u8] {
        // SAFETY: the contract of `new`; the slice borrows the buffer.
        unsafe { core::slice::from_raw_parts(self.start, self.length) }
    }

    /// The bytes, for writing.
    #[inline]
    pub const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the contract of `new`; the slice borrows the buffer.
        unsafe { core::slice::from_raw_parts_mut(self.start, self.length) }
    }

    /// The address of the byte at `offset`, for C.
    #[inline]
    pub const fn address(&self, offset: usize) -> *mut u8 {
        self.start.wrapping_add(offset)
    }
}

/// Memory to free with a session. Neither `Copy` nor `Clone`: it is freed once.
#[derive(Debug)]
pub(crate) struct Allocation {
    start: *mut u8,
    /// Bytes allocated; 0 if the memory is the caller's.
    size: usize,
}

impl Allocation {
    /// Frees the memory if the library allocated it.
    ///
    /// # Safety
    /// Nothing uses the memory any more.
    pub(crate) unsafe fn free(self) {
        if self.size > 0 {
            // SAFETY: `divide` allocated it with this size; the caller's contract.
            unsafe { system::free(self.start, self.size) };
        }
    }
}

/// The memory of a session, divided into its parts.
pub(crate) struct Parts<T> {
    /// Aligned room for the state; not initialised.
    pub(crate) state: *mut T,
    pub(crate) window: Buffer,
    pub(crate) output: Buffer,
    pub(crate) allocation: Allocation,
}

/// Divides the `size` bytes at `start` into room for a `T`, a window and an
/// output buffer. Allocates the memory if `start` is null. `state` is the number
/// of bytes for the `T` and its alignment.
///
/// Returns `None` if the memory is too small or cannot be allocated.
///
/// # Safety
/// `start` is null or points to `size` writable bytes, which only the returned
/// parts use from now on. `state` is at least `size_of::<T>() + align_of::<T>()`.
pub(crate) unsafe fn divide<T>(
    start: *mut u8,
    size: usize,
    state: usize,
    window: usize,
    output: usize,
) -> Option<Parts<T>> {
    let needed = state.checked_add(window)?.checked_add(output)?;
    let allocation = if start.is_null() {
        let start = system::allocate(needed);
        Allocation {
            start,
            size: needed,
        }
    } else if size >= needed {
        // SAFETY: the caller's contract.
        unsafe { ptr::write_bytes(start, 0, needed) };
        Allocation { start, size: 0 }
    } else {
        return None;
    };
    let start = allocation.start;
    if start.is_null() {
        return None;
    }
    let place = start.wrapping_add(start.align_offset(align_of::<T>()));
    let buffers = place.wrapping_add(size_of::<T>());
    // SAFETY: `needed` bytes at `start` are zeroed. The state with its alignment
    // takes at most `state` of them, the two buffers lie behind it and do not
    // overlap. Nothing else uses the memory, by the caller's contract.
    let (window, output) = unsafe {
        (
            Buffer::new(buffers, window),
            Buffer::new(buffers.wrapping_add(window), output),
        )
    };
    Some(Parts {
        state: place.cast(),
        window,
        output,
        allocation,
    })
}
