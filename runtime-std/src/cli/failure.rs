//! How a command fails: what happened, to what, and what to do now.

use std::fmt::{self, Display};
use std::process::ExitCode;

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    what: String,
    remedy: String,
}

impl Failure {
    /// The command could not do its work.
    pub(super) fn failed(what: impl Display, remedy: impl Display) -> Self {
        Self {
            code: 1,
            what: what.to_string(),
            remedy: remedy.to_string(),
        }
    }

    /// The command was not understood.
    pub(super) fn usage(what: impl Display, remedy: impl Display) -> Self {
        Self {
            code: 2,
            ..Self::failed(what, remedy)
        }
    }

    /// Tells the person and gives the exit status.
    pub(super) fn report(&self) -> ExitCode {
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
