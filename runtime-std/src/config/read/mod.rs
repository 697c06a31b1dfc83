//! A configuration read from a file or from flags.
//!
//! ```text
//! text of a file ─▶ file::parse ─┐
//!                                ├─▶ RawConfig ─▶ load ─▶ Config
//! flags of a command ────────────┘
//! ```
//!
//! A `RawConfig` is the configuration as written, with line numbers. No file that it
//! names has been opened. `RawConfig::load` reads identities, passwords and requests.
//! Both steps report every problem.
//!
//! - [`keys`]: every key, by table. [`file`](mod@file) reads them with the help of `reader`.
//! - `known_fields`: the fields of each event type. `minimal`: what is left out of a request.
//! - `output_compat`: whether an output can hold the events of its sources.
//! - [`output_paths`]: whether an output would overwrite a file of another owner.

mod at;
pub mod check;
pub mod diagnostic;
pub mod event;
pub mod file;
mod identities;
pub mod identity;
pub mod keys;
mod known_fields;
mod load;
mod minimal;
mod output_compat;
pub mod output_paths;
pub mod raw;
mod reader;
pub mod receiver;
pub mod secret;
mod suggest;
mod unexpanded;

#[cfg(test)]
mod tests;
