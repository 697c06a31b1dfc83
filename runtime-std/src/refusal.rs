//! Words why a start is refused, with remedies.

use std::fmt::Display;
use std::io;

use crate::delivery::bookmark::journal::JournalError;
use crate::delivery::bookmark::opening::OpeningError;
use crate::delivery::bookmark::recovery::Damage;
use crate::delivery::bookmark::state_dir::StateError;
use crate::delivery::pipeline::failure::{PipelineError, StartError};
use crate::failure::{Failure, Remedy};

/// Returns the failure for a state directory that cannot be used.
pub(crate) fn state(error: &StateError) -> Failure {
    let remedy = match error {
        StateError::InUse(_) => Remedy::NameState,
        StateError::Io(_, error) => Remedy::of_system(error, "Check the path and its permissions"),
        StateError::KeyMissing(_) | StateError::KeyDamaged(_) | StateError::JournalMissing(_) => {
            return unchanged(error, Remedy::RestoreOrReset);
        }
    };
    Failure::failed(error, remedy)
}

/// Returns the failure for a pipeline that does not start.
pub(crate) fn start(error: StartError) -> Failure {
    match error {
        StartError::Thread(failure) => failure,
        StartError::Opening(error) => opening(&error),
    }
}

/// Returns the failure for a bookmark or files that cannot be used.
pub(crate) fn opening(error: &OpeningError) -> Failure {
    match error {
        OpeningError::Journal(JournalError::Damaged(_, damage)) => match damage {
            Damage::Version { .. } => unchanged(
                error,
                "Use the version of the program that wrote it, or a newer one".into(),
            ),
            Damage::OtherKey => unchanged(error, Remedy::RestoreBothOrReset),
            _ => unchanged(error, Remedy::RestoreOrReset),
        },
        OpeningError::File(_, found) if found.kind() == io::ErrorKind::WouldBlock => {
            Failure::failed(error, "Give each process its own file")
        }
        // The error says what to use instead.
        OpeningError::File(_, found) if found.kind() == io::ErrorKind::InvalidInput => {
            Failure::failed(error, "")
        }
        OpeningError::File(_, found) | OpeningError::Journal(JournalError::Io(_, found)) => {
            let otherwise = "Check the path and its permissions";
            Failure::failed(error, Remedy::of_system(found, otherwise))
        }
        OpeningError::UnknownSource(..) => Failure::failed(error, ""),
    }
}

/// Returns the failure for a start that was refused before it changed anything.
fn unchanged(error: impl Display, remedy: Remedy) -> Failure {
    Failure::failed(format!("{error}. Nothing was changed"), remedy)
}

/// Returns the failure for a bookmark that was removed while the process ran.
pub(crate) fn bookmark_gone(error: PipelineError) -> Failure {
    Failure::failed(error, Remedy::RestoreOrReset)
}
