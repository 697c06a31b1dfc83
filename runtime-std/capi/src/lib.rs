//! The C library. Its interface is `include/estreamer.h`.
//!
//! - [`layer`]: decoder and session without I/O, the same files as in
//!   `core/capi`.
//! - [`client`]: a client that connects by itself.

// The names are C's.
#![allow(non_camel_case_types)]

pub mod client;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[path = "../../../core/capi/src/layer/mod.rs"]
pub mod layer;
mod system;

#[cfg(test)]
mod tests {
    use super::layer::Handle;
    use super::layer::est_status::*;

    #[test]
    fn a_panic_is_a_status_and_nothing_gets_into_the_handle_any_more() {
        let handle = Handle::new(0);
        assert_eq!(handle.enter(|_| panic!("as a test")), EST_POISONED);
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
