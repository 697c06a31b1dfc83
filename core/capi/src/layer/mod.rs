//! The first layer of the C library: the protocol without I/O, for C.
//!
//! Every handle is opaque and guards itself (`handle.rs`): a null pointer, a
//! second thread, and a panic each become a status. The header that goes with
//! it is `runtime-std/capi/include/estreamer.h`. Both libraries compile these
//! files; what they have to build on is in their `crate::system`.

mod api;
mod detail;
mod handle;
mod memory;
mod request;
mod session;
mod status;
mod types;

pub use api::*;
pub use detail::Detail;
pub use handle::{Handle, pointer, text};
pub use request::{Mistake, Request, record_length};
pub use status::*;
pub use types::*;
