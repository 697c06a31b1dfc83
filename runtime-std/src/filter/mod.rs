//! What an output takes of the events: a condition on their fields, and the fields that are
//! written. Both are read once, when a configuration is read.
//!
//! - [`Condition`]: `where`. `token` and `parse` read it, `node` holds and prints its parts,
//!   `evaluate` applies it to an event.
//! - [`FieldSelection`]: `keep_fields` and `drop_fields`.
//! - `decimal`, `network`, `glob`: how values are compared.

mod condition;
mod decimal;
mod evaluate;
mod glob;
mod network;
mod node;
mod parse;
mod selection;
#[cfg(test)]
mod tests;
mod token;

pub use condition::Condition;
pub use parse::ConditionError;
pub use selection::FieldSelection;
