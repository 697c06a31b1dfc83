//! A configuration read from a file or from flags.
//!
//! ```text
//! text of a file ─▶ file::parse ─┐
//!                                ├─▶ Draft ─▶ load ─▶ Config
//! flags of a command ────────────┘
//! ```
//!
//! A `Draft` is what was written, with the lines it stands on, and nothing named in
//! it was touched yet. `Draft::load` reads identities, passwords and requests. Both
//! report every mistake there is.

pub mod collision;
pub mod draft;
pub mod event;
pub mod file;
pub mod identity;
pub mod keys;
mod load;
pub mod mistake;
mod mixture;
mod reader;
pub mod secret;
mod suggest;

#[cfg(test)]
mod tests;
