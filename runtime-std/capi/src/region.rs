//! A region of memory that is handed out in blocks, first fit.

use std::alloc::Layout;
use std::ptr;

/// Every block is a multiple of this, and a free block holds its own description.
const UNIT: usize = 16;

/// A free block, described in its first bytes.
#[derive(Debug)]
struct Free {
    size: usize,
    /// The next free block, at a higher address.
    next: *mut Free,
}

const _: () = assert!(size_of::<Free>() <= UNIT && align_of::<Free>() <= UNIT);

/// Memory that someone else allocated, and its free blocks in the order of their
/// addresses. Blocks have no header: who frees one names its size.
#[derive(Debug)]
pub(crate) struct Region {
    start: *mut u8,
    size: usize,
    first: *mut Free,
    /// Bytes that are handed out.
    used: usize,
}

impl Region {
    /// Takes over the memory.
    ///
    /// # Safety
    /// `start` is aligned to 16 and points to `size` writable bytes, a multiple of 16,
    /// which nothing else uses as long as the region exists.
    pub(crate) unsafe fn new(start: *mut u8, size: usize) -> Self {
        let first: *mut Free = start.cast();
        let next = ptr::null_mut();
        // SAFETY: the caller's contract.
        unsafe { first.write(Free { size, next }) };
        Self {
            start,
            size,
            first,
            used: 0,
        }
    }

    /// Whether nothing is handed out.
    pub(crate) const fn is_unused(&self) -> bool {
        self.used == 0
    }

    /// Whether the block is in this region.
    pub(crate) fn contains(&self, block: *const u8) -> bool {
        block
            .addr()
            .checked_sub(self.start.addr())
            .is_some_and(|offset| offset < self.size)
    }

    /// Hands out a block. Returns null if there is no room for it.
    pub(crate) fn take(&mut self, layout: Layout) -> *mut u8 {
        let Some(size) = rounded(layout) else {
            return ptr::null_mut();
        };
        let align = layout.align().max(UNIT);
        let mut link: *mut *mut Free = &raw mut self.first;
        // SAFETY: every link of the list is null or a free block in the region, which
        // nothing else uses. Blocks and gaps are multiples of UNIT, so that the pieces of
        // a block have room for their descriptions.
        unsafe {
            while !(*link).is_null() {
                let block = *link;
                let Free { size: room, next } = block.read();
                let bytes: *mut u8 = block.cast();
                let gap = bytes.addr().next_multiple_of(align) - bytes.addr();
                if gap.checked_add(size).is_some_and(|needed| needed <= room) {
                    let rest = room - gap - size;
                    let mut after = next;
                    if rest > 0 {
                        after = bytes.add(gap + size).cast();
                        after.write(Free { size: rest, next });
                    }
                    if gap > 0 {
                        block.write(Free {
                            size: gap,
                            next: after,
                        });
                    } else {
                        *link = after;
                    }
                    self.used += size;
                    return bytes.add(gap);
                }
                link = &raw mut (*block).next;
            }
        }
        ptr::null_mut()
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `take` of this region returned the block for this layout, and nothing uses it any
    /// more.
    pub(crate) unsafe fn give(&mut self, block: *const u8, layout: Layout) {
        let Some(size) = rounded(layout) else {
            return;
        };
        self.used -= size;
        let mut before: *mut Free = ptr::null_mut();
        let mut after = self.first;
        // SAFETY: as in `take`; the block is in the region by the caller's contract, and
        // free from now on.
        unsafe {
            let block: *mut Free = self.start.add(block.addr() - self.start.addr()).cast();
            while !after.is_null() && after < block {
                before = after;
                after = (*after).next;
            }
            let mut freed = Free { size, next: after };
            if !after.is_null() && block.byte_add(size) == after {
                freed.size += (*after).size;
                freed.next = (*after).next;
            }
            if before.is_null() {
                self.first = block;
                block.write(freed);
            } else if before.byte_add((*before).size) == block {
                (*before).size += freed.size;
                (*before).next = freed.next;
            } else {
                (*before).next = block;
                block.write(freed);
            }
        }
    }
}

/// The size of a block for this layout.
fn rounded(layout: Layout) -> Option<usize> {
    layout.size().max(1).checked_next_multiple_of(UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 4096;

    #[repr(align(64))]
    struct Memory([u8; SIZE]);

    #[test]
    fn blocks_do_not_overlap_and_all_of_them_come_back() {
        let mut memory = Box::new(Memory([0; SIZE]));
        // SAFETY: the region is the only user of the memory, and ends before it.
        let mut region = unsafe { Region::new(memory.0.as_mut_ptr(), SIZE) };
        let mut seed = 1_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % below
        };
        let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut refused = 0;
        for round in 0..20_000_u32 {
            if random(2) == 0 {
                let (size, align) = (random(300) as usize, 1 << random(8));
                let layout = Layout::from_size_align(size, align).unwrap();
                let block = region.take(layout);
                if block.is_null() {
                    refused += 1;
                    continue;
                }
                assert!(region.contains(block) && block.addr().is_multiple_of(align));
                // SAFETY: the block has this size.
                unsafe { block.write_bytes(round as u8, size) };
                held.push((block, layout, round as u8));
            } else if !held.is_empty() {
                let (block, layout, mark) = held.swap_remove(random(held.len() as u32) as usize);
                // SAFETY: the block is this one's alone.
                unsafe {
                    let bytes = std::slice::from_raw_parts(block, layout.size());
                    assert!(bytes.iter().all(|&byte| byte == mark), "overwritten");
                    region.give(block, layout);
                }
            }
        }
        assert!(refused > 100, "the region was full at times");
        for (block, layout, _) in held.drain(..) {
            // SAFETY: as above.
            unsafe { region.give(block, layout) };
        }
        assert!(region.is_unused());
        let all = Layout::from_size_align(SIZE, 16).unwrap();
        assert!(!region.take(all).is_null(), "the blocks are one again");
        assert!(region.take(Layout::new::<u8>()).is_null());
        assert!(!region.contains(region.start.wrapping_add(SIZE)));
    }
}
