//! The lock of a handle: one call at a time, and none after a panic.

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicU8, Ordering};

use super::est_status;
use crate::system;

const FREE: u8 = 0;
const BUSY: u8 = 1;
const POISONED: u8 = 2;

/// A value that one call at a time uses.
///
/// The value is lent to the call and cannot leave it:
///
/// ```compile_fail,E0521
/// use estreamer_core_capi::{Handle, est_status::EST_OK};
/// let handle = Handle::new(0);
/// let mut kept: Option<&mut i32> = None;
/// handle.enter(|value| {
///     kept = Some(value);
///     EST_OK
/// });
/// ```
#[derive(Debug)]
pub struct Handle<T> {
    lock: AtomicU8,
    value: UnsafeCell<T>,
}

impl<T> Handle<T> {
    /// A handle that is not in use.
    pub const fn new(value: T) -> Self {
        Self {
            lock: AtomicU8::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs a call on the value. Returns [`est_status::EST_BUSY`] while another
    /// call runs, and [`est_status::EST_POISONED`] after a call has panicked.
    #[inline]
    pub fn enter(&self, call: impl FnOnce(&mut T) -> est_status) -> est_status {
        if let Err(status) = self.lock() {
            return status;
        }
        // SAFETY: this call holds the lock, so no other reference exists. The
        // reference ends before the lock is released.
        let value = unsafe { &mut *self.value.get() };
        match system::catch(|| call(value)) {
            Some(status) => {
                self.lock.store(FREE, Ordering::Release);
                status
            }
            None => {
                self.lock.store(POISONED, Ordering::Release);
                est_status::EST_POISONED
            }
        }
    }

    /// Locks the handle for good, so that it can be freed.
    ///
    /// # Errors
    /// [`est_status::EST_BUSY`] while another call runs.
    pub fn retire(&self) -> Result<(), est_status> {
        match self.lock() {
            Err(est_status::EST_BUSY) => Err(est_status::EST_BUSY),
            _ => Ok(()),
        }
    }

    /// Whether a call has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.load(Ordering::Acquire) == POISONED
    }

    /// The address of the value. Dereferencing it needs the lock.
    pub const fn value(&self) -> *mut T {
        self.value.get()
    }

    #[inline]
    fn lock(&self) -> Result<(), est_status> {
        #[cfg(target_has_atomic = "8")]
        let found = self
            .lock
            .compare_exchange(FREE, BUSY, Ordering::Acquire, Ordering::Relaxed);
        // Targets without compare-and-swap have one core and no threads.
        #[cfg(not(target_has_atomic = "8"))]
        let found = match self.lock.load(Ordering::Acquire) {
            FREE => Ok(self.lock.store(BUSY, Ordering::Relaxed)),
            other => Err(other),
        };
        match found {
            Ok(_) => Ok(()),
            Err(POISONED) => Err(est_status::EST_POISONED),
            Err(_) => Err(est_status::EST_BUSY),
        }
    }
}

/// Borrows what a pointer from C points to.
///
/// # Safety
/// The pointer is null or points to a live `T`, which nothing changes during
/// `'a`, except inside an `UnsafeCell`.
///
/// # Errors
/// [`est_status::EST_NULL`].
#[inline]
pub unsafe fn pointer<'a, T>(pointer: *const T) -> Result<&'a T, est_status> {
    // SAFETY: the caller's contract.
    unsafe { pointer.as_ref() }.ok_or(est_status::EST_NULL)
}

/// Borrows a text from C. Returns `None` if it is not UTF-8.
///
/// # Safety
/// The pointer is null, or the text ends with NUL and does not change during
/// `'a`.
///
/// # Errors
/// [`est_status::EST_NULL`].
pub unsafe fn text<'a>(text: *const c_char) -> Result<Option<&'a str>, est_status> {
    if text.is_null() {
        return Err(est_status::EST_NULL);
    }
    // SAFETY: the caller's contract.
    let text = unsafe { CStr::from_ptr(text) };
    Ok(text.to_str().ok())
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use est_status::*;

    #[test]
    fn a_panic_is_a_status_and_no_later_call_enters_the_handle() {
        let handle = Handle::new(0);
        assert_eq!(handle.enter(|_| panic!("a test")), EST_POISONED);
        assert_eq!(handle.enter(|_| EST_OK), EST_POISONED);
        assert!(handle.is_poisoned());
        assert_eq!(handle.retire(), Ok(()), "it can still be freed");
    }

    #[test]
    fn a_call_within_a_call_is_refused() {
        let handle = Handle::new(0);
        let status = handle.enter(|_| {
            assert_eq!(handle.enter(|_| EST_OK), EST_BUSY);
            assert_eq!(handle.retire(), Err(EST_BUSY));
            EST_AGAIN
        });
        assert_eq!(status, EST_AGAIN);
        assert_eq!(handle.enter(|_| EST_OK), EST_OK);
    }
}
