//! Why a start is refused, with the remedies and what each costs.

use std::fmt::Display;

use crate::delivery::bookmark::journal::JournalError;
use crate::delivery::bookmark::opening::OpeningError;
use crate::delivery::bookmark::recovery::Damage;
use crate::delivery::bookmark::state_dir::StateError;
use crate::delivery::pipeline::failure::{PipelineError, StartError};
use crate::failure::Failure;

/// The state directory cannot be used.
pub(crate) fn state(error: &StateError) -> Failure {
    let remedy = match error {
        StateError::InUse(_) => "Name another one with --state",
        StateError::Io(..) => "Check path and permissions",
        StateError::KeyMissing(_) | StateError::KeyDamaged(_) | StateError::JournalMissing(_) => {
            return unchanged(error, WAYS_ON);
        }
    };
    Failure::failed(error, remedy)
}

/// A pipeline does not start.
pub(crate) fn start(error: StartError) -> Failure {
    match error {
        StartError::Thread(failure) => failure,
        StartError::Opening(error) => opening(&error),
    }
}

/// Bookmark or files cannot be used.
pub(crate) fn opening(error: &OpeningError) -> Failure {
    match error {
        OpeningError::Journal(JournalError::Damaged(_, damage)) => match damage {
            Damage::Version { .. } => unchanged(error, NEWER),
            Damage::OtherKey => unchanged(error, OTHER_KEY),
            _ => unchanged(error, WAYS_ON),
        },
        _ => Failure::failed(error, ""),
    }
}

/// A start that was refused before it changed anything.
fn unchanged(error: impl Display, remedy: &str) -> Failure {
    Failure::failed(error, format!("Nothing was changed. {remedy}"))
}

/// The bookmark was removed while the process ran.
pub(crate) fn bookmark_gone(error: PipelineError) -> Failure {
    Failure::failed(error, WAYS_ON)
}

const WAYS_ON: &str = "Either restore the state directory from a backup: \
                       events that came after it come again. Or start with --reset-bookmark, and \
                       with --from at or before the time of the last event in the outputs: \
                       events after that time come again, none is lost";
const NEWER: &str = "Use the version of the program that wrote it, or a newer \
                     one";
const OTHER_KEY: &str = "Restore key and journal from the same backup; or \
                         start with --reset-bookmark, and with --from at or before the time of \
                         the last event in the outputs: events after that time come again, none \
                         is lost";
