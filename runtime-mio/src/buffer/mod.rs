//! The memory that records are received into, and the batches cut from it.
//!
//! ```text
//! Pool ─▶ Arena ─▶ BatchBuilder ─▶ Batch ─▶ EventRecord
//! ```
//!
//! A [`Pool`] is a budget of memory in arenas of one size. Plaintext is read into
//! the free tail of the current arena and decoded there. A [`Batch`] is an arena
//! that is handed over with the places of the records in it; dropping the batch
//! gives the arena back.

mod batch;
mod builder;
mod bytes;
mod pool;
mod record;

pub use batch::Batch;
pub use pool::Pool;
pub use record::{BundleStart, EventRecord, RecordKind};

pub(crate) use builder::BatchBuilder;
pub(crate) use bytes::ByteBuffer;
