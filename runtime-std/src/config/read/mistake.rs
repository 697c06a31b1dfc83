//! Mistakes in a configuration: which line, what is wrong, what to do.

use std::fmt;
use std::path::Path;

use crate::failure::{Cause, Failure, Remedy, Wording};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line it stands on, counted from 1; 0 where there is none, as of an
    /// argument.
    pub line: usize,
    /// What is wrong, and the remedy.
    pub failure: Failure,
}

impl Mistake {
    /// A mistake on a line.
    pub fn new(line: usize, what: impl fmt::Display, remedy: impl Into<Remedy>) -> Self {
        Self {
            line,
            failure: Failure::usage(what, remedy),
        }
    }
}

/// The failure of a configuration with these mistakes, by line, one a line. Of
/// a file it is one of usage; of arguments, of the first one's kind.
pub fn failure(file: Option<&Path>, mistakes: Vec<Mistake>) -> Failure {
    worded(file, mistakes, Wording::default())
}

/// The same in a program's words.
pub fn worded(file: Option<&Path>, mut mistakes: Vec<Mistake>, wording: Wording) -> Failure {
    mistakes.sort_by_key(|mistake| mistake.line);
    let shown: Vec<String> = mistakes
        .iter()
        .map(|Mistake { line, failure }| match (file, line) {
            (None, _) => failure.worded(wording),
            (Some(file), 0) => format!("{}: {}", file.display(), failure.worded(wording)),
            (Some(file), line) => {
                format!("{}:{line}: {}", file.display(), failure.worded(wording))
            }
        })
        .collect();
    let shown = shown.join(".\nestreamer: ");
    match mistakes.first().map(|mistake| mistake.failure.cause()) {
        Some(Cause::Failed) if file.is_none() => Failure::failed(shown, ""),
        _ => Failure::usage(shown, ""),
    }
}
