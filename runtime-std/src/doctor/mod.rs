//! Finds out why a client does not connect, or connects but receives no events.
//!
//! ```text
//! diagnose ──▶ probe (a client's sink) ──▶ what was seen, and how it ended
//!                                         │
//!      report ◀── findings: lines ◀───────┤
//!                 class           ◀───────┘
//! ```
//!
//! A [`Class`] is recognised by when and how the connection ended, never by the
//! text of an error.

mod attempt;
mod class;
mod credit;
mod diagnose;
mod findings;
mod forms;
mod judgement;
mod options;
mod probe;
mod reading;
mod report;
mod wrap;

pub use class::Class;
pub use diagnose::diagnose;
pub use options::DoctorOptions;
pub use report::{DiagnosisStep, Report, Verdict};
