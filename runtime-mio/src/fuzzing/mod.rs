//! What fuzzers call, as in `estreamer_core::fuzzing`.
//!
//! - `batch`: records come out of the arenas as they were sent, within the
//!   budget.
//! - [`pkcs12`]: an identity is read, or refused with a reason.
//! - `certificate`: what a certificate says cannot steer who reads it.

mod batch;
mod identity;

pub use batch::batch;
pub use identity::{certificate, pkcs12};

use estreamer_core::fuzzing::Target;

/// The targets here.
pub const TARGETS: &[Target] = &[
    ("batch", batch),
    ("pkcs12", pkcs12),
    ("certificate", certificate),
];
