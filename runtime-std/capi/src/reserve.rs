//! The allocator of the library, and what it does when the system has no memory.
//!
//! Rust ends the process when an allocation fails. A C library must not. So each client
//! keeps a reserve, which serves its allocations when the system's allocator fails. The
//! call in which this happens goes on to a point where it can stop, drops the connection,
//! and returns EST_NO_MEMORY. All its memory goes back, and the reserve is whole again.
//!
//! No page of a reserve is in use before that: it costs address space only.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use estreamer::client::Interrupter;

use crate::region::Region;

/// Bytes of a reserve: the largest record (16 MiB), the buffers of one turn and of TLS, and
/// the rest of a client's state.
const RESERVE: usize = 24 << 20;
/// Reserves of a client without a bookmark.
pub(crate) const WITHOUT_BOOKMARK: usize = 1;
/// Further reserves of a client with a bookmark: its digests are in files, in lists, in a
/// copy of the lists, and in tables.
pub(crate) const FOR_BOOKMARK: usize = 4;

/// The allocator: the system's, and the reserves.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The reserves of all clients. Any of them serves any client.
static RESERVES: Mutex<Reserves> = Mutex::new(Reserves {
    first: ptr::null_mut(),
    surplus: 0,
});
/// Blocks of reserves that are handed out. 0 unless memory has run out.
static HANDED_OUT: AtomicUsize = AtomicUsize::new(0);

struct Reserves {
    first: *mut Reserve,
    /// Reserves that stay without a client.
    surplus: usize,
}

// SAFETY: only the owner of the lock follows the pointer.
unsafe impl Send for Reserves {}

/// The description of a reserve, in its first bytes.
struct Reserve {
    region: Region,
    next: *mut Reserve,
}

const HEAD: usize = size_of::<Reserve>().next_multiple_of(16);
const LAYOUT: Layout = match Layout::from_size_align(RESERVE, 16) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

/// Adds so many reserves. Returns false if there is no memory for them; then none is added.
pub(crate) fn add(count: usize) -> bool {
    for added in 0..count {
        if !add_one() {
            remove(added);
            return false;
        }
    }
    true
}

fn add_one() -> bool {
    let mut reserves = lock();
    if reserves.surplus > 0 {
        reserves.surplus -= 1;
        return true;
    }
    // SAFETY: the size is not 0. The memory is aligned, and nothing else uses it.
    unsafe {
        let start = System.alloc(LAYOUT);
        if start.is_null() {
            return false;
        }
        let reserve: *mut Reserve = start.cast();
        reserve.write(Reserve {
            region: Region::new(start.add(HEAD), RESERVE - HEAD),
            next: reserves.first,
        });
        reserves.first = reserve;
    }
    true
}

/// Removes so many reserves, after the memory of their client is freed.
pub(crate) fn remove(count: usize) {
    for _ in 0..count {
        remove_one();
    }
}

fn remove_one() {
    let mut reserves = lock();
    let mut link: *mut *mut Reserve = &raw mut reserves.first;
    // SAFETY: each link is null or a reserve, which only the owner of the lock uses.
    unsafe {
        while !(*link).is_null() {
            let reserve = *link;
            // The last one stays, because a thread that looks up a name may outlive its
            // client.
            let is_last = reserve == reserves.first && (*reserve).next.is_null();
            if (*reserve).region.is_unused() && !is_last {
                *link = (*reserve).next;
                System.dealloc(reserve.cast(), LAYOUT);
                return;
            }
            link = &raw mut (*reserve).next;
        }
    }
    // It is the last one, or something that outlives a client is in each of them.
    reserves.surplus += 1;
}

fn lock() -> MutexGuard<'static, Reserves> {
    RESERVES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call of a client, as the allocator sees it.
struct Call<'a> {
    ran_out: Cell<bool>,
    /// Ends the call's wait.
    interrupter: Option<&'a Interrupter>,
}

thread_local! {
    /// The call in this thread. It needs no destructor, so the allocator may use it.
    static CALL: Cell<*const Call<'static>> = const { Cell::new(ptr::null()) };
}

/// Runs a call. Returns its result, and whether the system's memory ran out meanwhile. A
/// wait then ends through the interrupter.
pub(crate) fn watch<R>(interrupter: Option<&Interrupter>, call: impl FnOnce() -> R) -> (R, bool) {
    /// Restores the outer call, also after a panic: a log function may use another client.
    struct Restore(*const Call<'static>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALL.set(self.0);
        }
    }
    let this = Call {
        ran_out: Cell::new(false),
        interrupter,
    };
    let outer = CALL.replace((&raw const this).cast());
    let restore = Restore(outer);
    let result = call();
    drop(restore);
    (result, this.ran_out.get())
}

/// Serves an allocation that the system refused. Returns null if the reserves are used up.
#[cold]
fn take(layout: Layout) -> *mut u8 {
    let call = CALL.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: `watch` keeps the call alive, in this thread.
    if let Some(call) = unsafe { call.as_ref() }
        && !call.ran_out.replace(true)
        && let Some(interrupter) = call.interrupter
    {
        // Allocates nothing.
        interrupter.interrupt();
    }
    let reserves = lock();
    let mut next = reserves.first;
    // SAFETY: only the owner of the lock uses the reserves.
    while let Some(reserve) = unsafe { next.as_mut() } {
        let block = reserve.region.take(layout);
        if !block.is_null() {
            HANDED_OUT.fetch_add(1, Ordering::Relaxed);
            return block;
        }
        next = reserve.next;
    }
    ptr::null_mut()
}

/// Takes a block back. Returns false if it is not from a reserve.
///
/// # Safety
/// As for `GlobalAlloc::dealloc`.
unsafe fn give(block: *mut u8, layout: Layout) -> bool {
    if !is_reserved(block) {
        return false;
    }
    let reserves = lock();
    let mut next = reserves.first;
    // SAFETY: only the owner of the lock uses the reserves; the caller's contract.
    unsafe {
        while let Some(reserve) = next.as_mut() {
            if reserve.region.contains(block) {
                reserve.region.give(block, layout);
                HANDED_OUT.fetch_sub(1, Ordering::Relaxed);
                return true;
            }
            next = reserve.next;
        }
    }
    false
}

/// Whether the block is from a reserve.
fn is_reserved(block: *const u8) -> bool {
    if HANDED_OUT.load(Ordering::Relaxed) == 0 {
        // The usual case, without a lock.
        return false;
    }
    let reserves = lock();
    let mut next = reserves.first;
    // SAFETY: only the owner of the lock uses the reserves.
    while let Some(reserve) = unsafe { next.as_ref() } {
        if reserve.region.contains(block) {
            return true;
        }
        next = reserve.next;
    }
    false
}

// SAFETY: a block is the system's or a reserve's until it is freed, and each gets back its
// own. Nothing here panics.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract.
        let block = unsafe { System.alloc(layout) };
        if block.is_null() { take(layout) } else { block }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract; a block has the size of its layout.
        unsafe {
            let block = System.alloc_zeroed(layout);
            if !block.is_null() {
                return block;
            }
            let block = take(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe {
            if !give(block, layout) {
                System.dealloc(block, layout);
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's contract; the blocks are different ones.
        unsafe {
            if !is_reserved(block) {
                let moved = System.realloc(block, layout, size);
                if !moved.is_null() {
                    return moved;
                }
            }
            let Ok(larger) = Layout::from_size_align(size, layout.align()) else {
                return ptr::null_mut();
            };
            let moved = self.alloc(larger);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
