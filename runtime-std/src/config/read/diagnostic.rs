//! Diagnostics of a configuration: the line, the problem, the remedy.

use std::fmt;
use std::path::Path;

use crate::failure::{Cause, Failure, Remedy, Wording};

/// A problem that makes a configuration unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line, counted from 1; 0 where there is none, as for an argument.
    pub line: usize,
    /// The problem and the remedy.
    pub failure: Failure,
}

impl Diagnostic {
    /// A usage problem on this line.
    pub fn new(line: usize, what: impl fmt::Display, remedy: impl Into<Remedy>) -> Self {
        Self {
            line,
            failure: Failure::usage(what, remedy),
        }
    }
}

/// An outdated spelling that is still accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The line, counted from 1.
    pub line: usize,
    /// What to write instead.
    pub text: String,
}

/// Joins diagnostics into one failure, sorted by line, one a line. The failure of a
/// file is one of usage; that of arguments has the cause of the first diagnostic.
pub fn failure(file: Option<&Path>, diagnostics: Vec<Diagnostic>) -> Failure {
    worded(file, diagnostics, Wording::default())
}

/// As [`failure`], with the remedies in the words of a program.
pub fn worded(file: Option<&Path>, mut diagnostics: Vec<Diagnostic>, wording: Wording) -> Failure {
    diagnostics.sort_by_key(|diagnostic| diagnostic.line);
    let shown: Vec<String> = diagnostics
        .iter()
        .map(|Diagnostic { line, failure }| match (file, line) {
            (None, _) => failure.worded(wording),
            (Some(file), 0) => format!("{}: {}", file.display(), failure.worded(wording)),
            (Some(file), line) => {
                format!("{}:{line}: {}", file.display(), failure.worded(wording))
            }
        })
        .collect();
    match diagnostics.first().map(|first| first.failure.cause()) {
        Some(Cause::Failed) if file.is_none() => Failure::failed(shown.join(". "), ""),
        _ => Failure::usage(shown.join(".\n"), ""),
    }
}
