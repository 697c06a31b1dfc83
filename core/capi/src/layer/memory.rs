//! The memory of a session: the caller's, or allocated once.

use core::mem::align_of;
use core::ops::Range;
use core::ptr;

use crate::system;

/// One piece of memory.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    start: *mut u8,
    /// Bytes to give back; 0 if it is the caller's.
    allocated: usize,
}

impl Memory {
    /// The caller's memory of `size` bytes, or, where that is null, new memory.
    /// `None` if there are not `needed` bytes.
    ///
    /// # Safety
    /// The caller's memory can be written as long as this is used.
    pub(crate) unsafe fn of(start: *mut u8, size: usize, needed: usize) -> Option<Self> {
        if !start.is_null() {
            let allocated = 0;
            return (size >= needed).then_some(Self { start, allocated });
        }
        let start = system::allocate(needed);
        (!start.is_null()).then_some(Self {
            start,
            allocated: needed,
        })
    }

    /// A place for `T`, aligned, and two regions behind it.
    pub(crate) fn lay_out<T>(self, window: usize, output: usize) -> (*mut T, Region, Region) {
        let place = self
            .start
            .wrapping_add(self.start.align_offset(align_of::<T>()));
        let window = Region {
            start: place.wrapping_add(size_of::<T>()),
            length: window,
        };
        let output = Region {
            start: window.start.wrapping_add(window.length),
            length: output,
        };
        // SAFETY: `of` made sure of the room; it is written to as a whole here,
        // since it is handed out as a whole.
        unsafe { ptr::write_bytes(output.start, 0, output.length) };
        (place.cast(), window, output)
    }

    /// Gives back what was allocated.
    ///
    /// # Safety
    /// Nothing uses it any more.
    pub(crate) unsafe fn free(self) {
        if self.allocated > 0 {
            // SAFETY: it was allocated so, and the caller's contract.
            unsafe { system::free(self.start, self.allocated) };
        }
    }
}

/// A part of the memory. Its owner knows which bytes of it are filled.
pub(crate) struct Region {
    start: *mut u8,
    length: usize,
}

impl Region {
    pub(crate) const fn length(&self) -> usize {
        self.length
    }

    /// The address of a byte.
    pub(crate) const fn at(&self, offset: usize) -> *mut u8 {
        self.start.wrapping_add(offset)
    }

    /// Bytes that are filled. They are borrowed from nobody, so that the rest of
    /// the session can be used meanwhile: one such slice at a time.
    pub(crate) fn filled<'a>(&self, range: Range<usize>) -> &'a mut [u8] {
        debug_assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: the range lies within the region, which lives as long as the
        // session; its bytes were written by the caller or by us.
        unsafe { core::slice::from_raw_parts_mut(self.at(range.start), range.end - range.start) }
    }

    /// Moves bytes to the front.
    pub(crate) fn move_to_front(&mut self, range: Range<usize>) {
        debug_assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: both ends lie within the region.
        unsafe { ptr::copy(self.at(range.start), self.start, range.end - range.start) };
    }
}
