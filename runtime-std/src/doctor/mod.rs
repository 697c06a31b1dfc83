//! Why a client does not connect, or connects and stays silent.
//!
//! ```text
//! walk ──▶ probe (a client's sink) ──▶ what was seen, and how it ended
//!                                         │
//!      report ◀── findings: lines ◀───────┤
//!                 class           ◀───────┘
//! ```
//!
//! A [`Class`] is recognised by when and how the connection ended, never by the
//! text of an error.

mod attempt;
mod class;
mod findings;
mod forms;
mod judgement;
mod options;
mod probe;
mod reading;
mod report;
mod walk;

pub use class::Class;
pub use options::Options;
pub use report::{Line, Report, Verdict};
pub use walk::walk;
