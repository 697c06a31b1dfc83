//! How much of the stack was used.

/// What the stack is painted with before `main`.
const PAINT: u32 = 0xcccc_cccc;

unsafe extern "C" {
    /// The end of what is kept: the stack grows down to it.
    static __sheap: u32;
    static _stack_start: u32;
}

/// Returns the bytes of the stack that were used since the start of the image.
pub fn used() -> usize {
    let (mut lowest, start) = (&raw const __sheap, &raw const _stack_start);
    // SAFETY: all words between the two are RAM that belongs to the stack alone.
    while lowest < start && unsafe { lowest.read_volatile() } == PAINT {
        lowest = lowest.wrapping_add(1);
    }
    start as usize - lowest as usize
}
