//! What went wrong, to what, and what to do now.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io;

use estreamer_core::fqe::RequestForm;

/// A failure, with its remedy. It is displayed as one or two sentences without a full
/// stop at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    cause: Cause,
    what: String,
    remedy: Remedy,
}

/// By whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The work could not be done.
    Failed,
    /// A setting, an argument or a configuration is wrong.
    Usage,
}

/// What to do about a failure. [`Display`] words it in the keys of a configuration; a
/// program that has options for them words these kinds itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// None is known, or the failure itself says it.
    None,
    /// What to do, in words that no option changes.
    Text(Cow<'static, str>),
    /// Name the CA of the server: the identity holds none.
    NameCa,
    /// Name the place of the password.
    NamePassword,
    /// Name the fields of each event type: CSV has no field sets.
    NameFields,
    /// Name another state directory: this one is in use.
    NameState,
    /// Restore the state directory, or discard the bookmark and ask from before the last
    /// delivered event.
    RestoreOrReset,
    /// Restore key and journal from one backup, or discard the bookmark and ask from
    /// before the last delivered event.
    RestoreBothOrReset,
    /// Discard what the bookmark knows of this source, if it is not needed.
    ResetSource(String),
    /// Give the source this name, so that it uses the bookmark of that name.
    NameSource(String),
    /// Set this form of the request for the server.
    SetRequestForm(RequestForm),
    /// Verify the server's certificate.
    Verify,
    /// Nothing but to collect again: the connection ended. A collection does so itself.
    CollectAgain,
    /// Record the stream, and decode the recording.
    Record,
}

/// How a program words a remedy; by default as it is displayed.
#[derive(Debug, Clone, Copy)]
pub struct Wording(fn(&Remedy) -> String);

impl Wording {
    /// Words it by this function.
    pub fn new(word: fn(&Remedy) -> String) -> Self {
        Self(word)
    }

    /// The remedy in words.
    pub fn of(self, remedy: &Remedy) -> String {
        self.0(remedy)
    }
}

impl Default for Wording {
    fn default() -> Self {
        Self(Remedy::to_string)
    }
}

impl Failure {
    /// The work could not be done.
    pub fn failed(what: impl Display, remedy: impl Into<Remedy>) -> Self {
        Self {
            cause: Cause::Failed,
            what: what.to_string(),
            remedy: remedy.into(),
        }
    }

    /// What was asked for was not understood.
    pub fn usage(what: impl Display, remedy: impl Into<Remedy>) -> Self {
        Self {
            cause: Cause::Usage,
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

    /// By whose fault it is.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What happened, to what.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it.
    pub fn remedy(&self) -> &Remedy {
        &self.remedy
    }

    /// The failure and its remedy in a program's words.
    pub fn worded(&self, wording: Wording) -> String {
        let remedy = wording.of(&self.remedy);
        match remedy.is_empty() {
            true => self.what.clone(),
            false => format!("{}. {remedy}", self.what),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.worded(Wording::default()))
    }
}

impl std::error::Error for Failure {}

impl Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::Text(text) => text,
            Self::NameCa => "Name the file of the server's CA: ca = \"FILE\"",
            Self::NamePassword => "Name the place of the password: password = { file = \"FILE\" }",
            Self::NameFields => {
                "Name the fields: events = { connection = [\"InitiatorIP\", \"URL\"] }"
            }
            Self::NameState => "Name another state directory: state = \"DIR\"",
            Self::RestoreOrReset => {
                "Either restore the state directory from a backup: events that came after it \
                 come again. Or discard the bookmark, and ask from at or before the time of the \
                 last event in the outputs: events after that time come again, none is lost"
            }
            Self::RestoreBothOrReset => {
                "Either restore key and journal from the same backup. Or discard the bookmark, \
                 and ask from at or before the time of the last event in the outputs: events \
                 after that time come again, none is lost"
            }
            Self::ResetSource(name) => {
                return write!(f, "Discard the bookmark of {name:?} if it is not needed");
            }
            Self::NameSource(name) => return write!(f, "Name the source {name:?}"),
            Self::SetRequestForm(form) => {
                return write!(f, "Set request_form = \"{form}\" for this server");
            }
            Self::CollectAgain => {
                "The server shut down or the network failed; collect again from the time of the \
                 last event"
            }
            Self::Verify => "Verify the server's certificate",
            Self::Record => "Record the stream, and decode the recording",
        })
    }
}

impl From<&'static str> for Remedy {
    fn from(text: &'static str) -> Self {
        match text {
            "" => Self::None,
            _ => Self::Text(text.into()),
        }
    }
}

impl From<String> for Remedy {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}
