//! What keeps a handle sound whatever C does with it: one call at a time, and
//! after a panic none any more.

use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicU8, Ordering};

use super::est_status;
use crate::system;

const FREE: u8 = 0;
const BUSY: u8 = 1;
const POISONED: u8 = 2;

/// A value that is used by one call at a time.
pub struct Handle<T> {
    lock: AtomicU8,
    value: UnsafeCell<T>,
}

impl<T> Handle<T> {
    /// A handle that nobody uses yet.
    pub const fn new(value: T) -> Self {
        Self {
            lock: AtomicU8::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs a call.
    #[inline]
    pub fn enter(&self, call: impl FnOnce(&mut T) -> est_status) -> est_status {
        if let Err(status) = self.take() {
            return status;
        }
        // SAFETY: whoever took the lock is alone until it is given back.
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

    /// Takes the lock for good, so that the handle can be freed.
    ///
    /// # Errors
    /// [`est_status::EST_BUSY`] while another call is inside.
    pub fn retire(&self) -> Result<(), est_status> {
        match self.take() {
            Err(est_status::EST_BUSY) => Err(est_status::EST_BUSY),
            _ => Ok(()),
        }
    }

    /// Whether a call panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.load(Ordering::Acquire) == POISONED
    }

    /// The value, for an address inside it.
    pub const fn value(&self) -> *mut T {
        self.value.get()
    }

    #[inline]
    fn take(&self) -> Result<(), est_status> {
        #[cfg(target_has_atomic = "8")]
        let found = self
            .lock
            .compare_exchange(FREE, BUSY, Ordering::Acquire, Ordering::Relaxed);
        // Processors without compare-and-swap have one core and no threads.
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

/// A handle as C gives it.
///
/// # Safety
/// It is null or points to a live `T`.
///
/// # Errors
/// [`est_status::EST_NULL`].
#[inline]
pub unsafe fn pointer<'a, T>(pointer: *const T) -> Result<&'a T, est_status> {
    // SAFETY: the caller's contract.
    unsafe { pointer.as_ref() }.ok_or(est_status::EST_NULL)
}

/// A text as C gives it; `None` if it is not UTF-8.
///
/// # Safety
/// It is null or ends with NUL and lives as long as `'a`.
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
