//! What went wrong, to what, and what to do now: for the person who has to act.

use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

/// A failure, with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    what: String,
    remedy: String,
}

impl Failure {
    /// The work could not be done.
    pub fn failed(what: impl Display, remedy: impl Display) -> Self {
        Self {
            code: 1,
            what: what.to_string(),
            remedy: remedy.to_string(),
        }
    }

    /// What was asked for was not understood.
    pub fn usage(what: impl Display, remedy: impl Display) -> Self {
        Self {
            code: 2,
            ..Self::failed(what, remedy)
        }
    }

    /// The operating system refuses a resource.
    pub fn system(error: io::Error) -> Self {
        Self::failed(
            format!("the operating system refuses a resource: {error}"),
            "Check the limits on files and threads",
        )
    }

    /// What happened, without the remedy.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The exit status it ends with.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Tells the person and gives the exit status.
    pub fn report(&self) -> ExitCode {
        say!("estreamer: {self}.");
        ExitCode::from(self.code)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.remedy.is_empty() {
            true => f.write_str(&self.what),
            false => write!(f, "{}. {}", self.what, self.remedy),
        }
    }
}
