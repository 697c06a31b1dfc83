//! Entry points for fuzzers, as in `estreamer_core::fuzzing`.
//!
//! - `batch`: batches contain the records that were sent, within the budget.
//! - [`pkcs12`]: an identity is read, or refused with a reason.
//! - `certificate`: texts of a certificate contain no control characters.
//!
//! [`ByteReceiver`] is the receiving end of a client without a socket, for models.

mod batch;
mod identity;
mod receiver;

pub use batch::batch;
pub use identity::{certificate, pkcs12};
pub use receiver::ByteReceiver;

use estreamer_core::fuzzing::Target;

/// All targets of this crate.
pub const TARGETS: &[Target] = &[
    ("batch", batch),
    ("pkcs12", pkcs12),
    ("certificate", certificate),
];
