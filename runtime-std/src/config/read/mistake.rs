//! Mistakes in a configuration: which line, what is wrong, what to do.

use std::fmt;
use std::path::Path;

use crate::failure::Failure;

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
    pub fn new(line: usize, what: impl fmt::Display, remedy: impl fmt::Display) -> Self {
        Self {
            line,
            failure: Failure::usage(what, remedy),
        }
    }
}

/// The failure of a configuration with these mistakes, by line, one a line. Of
/// a file it is one of usage; of arguments, of the first one's kind.
pub fn failure(file: Option<&Path>, mut mistakes: Vec<Mistake>) -> Failure {
    mistakes.sort_by_key(|mistake| mistake.line);
    let shown: Vec<String> = mistakes
        .iter()
        .map(|Mistake { line, failure }| match (file, line) {
            (None, _) => failure.to_string(),
            (Some(file), 0) => format!("{}: {failure}", file.display()),
            (Some(file), line) => format!("{}:{line}: {failure}", file.display()),
        })
        .collect();
    let shown = shown.join(".\nestreamer: ");
    match mistakes.first().map(|mistake| mistake.failure.code()) {
        Some(1) if file.is_none() => Failure::failed(shown, ""),
        _ => Failure::usage(shown, ""),
    }
}
