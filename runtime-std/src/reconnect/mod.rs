//! Connects again and again: which server, address and form of the request is next, and
//! after what wait. The collector and the reconnecting client both follow it.
//!
//! - `attempts`: what follows from the end of a connection, with `backoff`, `rotation` (the
//!   servers in turn) and `forms` (the request forms to try).
//! - `watch`: whether a connection still works, with `rhythm`.
//! - `resolver`: addresses of names.

mod attempts;
mod backoff;
mod forms;
mod resolver;
mod rhythm;
mod rotation;
mod watch;

pub(crate) use attempts::{AfterEnd, Attempts, EndedConnection, Failed, Fault, Target};
pub(crate) use forms::Forms;
pub(crate) use resolver::{PendingAddresses, Resolver};
pub(crate) use watch::ConnectionWatch;
