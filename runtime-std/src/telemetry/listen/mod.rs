//! Serves the status over HTTP/1.1: at an address, and at a socket in the state directory.
//!
//! - `listener` and `socket`: the two places.
//! - `connection`: one connection: a request within limits, an answer, and the end.
//! - `crowd`: the connections at a time, and which of them has to go.
//! - `request`, `response`: what is read and written.
//! - `routes`: which path answers what.
//! - [`fetch`]: reads the status of a collector from another process.

mod connection;
mod crowd;
mod fetch;
mod listener;
mod request;
mod response;
mod routes;
mod socket;

pub use fetch::{Place, fetch};
pub(crate) use listener::Listener;
pub(crate) use socket::StatusSocket;
