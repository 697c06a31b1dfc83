//! What a server does with null messages for which no bundle waits.

use super::feed::RequestRefusal;

/// What a server does with a null message that arrives when no bundle waits for an
/// acknowledgement. The guide does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SurplusNulls {
    /// It ignores them.
    #[default]
    Ignore,
    /// It counts them: each is the credit for a bundle.
    Credit,
    /// It sends an error message and closes the connection.
    Error,
    /// It closes the connection without a message.
    Close,
}

/// Returns the answer of a server that objects.
pub(super) fn surplus_refusal() -> RequestRefusal {
    RequestRefusal {
        code: 9,
        text: "a null message arrived when no bundle was waiting for one".into(),
    }
}
