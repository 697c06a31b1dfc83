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
    /// Have the server's certificate issued again, or allow SHA-1 for it.
    AllowSha1,
    /// Pin this fingerprint instead, after comparing it on the server.
    PinFingerprint(String),
    /// Accept the server's certificate, which cannot be verified, by this fingerprint.
    AcceptFingerprint(String),
    /// Correct the rule for the server's name, or leave it out.
    CorrectName,
    /// Correct the local address, or leave it out.
    CorrectBind,
    /// Say what the record length of the server counts.
    SetRecordLength,
    /// Send so many null messages ahead of need.
    Prepay(u32),
    /// Ask from an earlier time.
    AskEarlier,
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
        let remedy = Remedy::of_system(&error, "Check the limits on files and threads");
        Self::failed(
            format!("the operating system refuses a resource: {error}"),
            remedy,
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

impl Remedy {
    /// Returns what to do about a limit of the system, or `otherwise` if the error is about
    /// something else.
    pub(crate) fn of_system(error: &io::Error, otherwise: impl Into<Self>) -> Self {
        match error.raw_os_error() {
            Some(libc::EMFILE) => {
                "Raise the limit on open files of this process: LimitNOFILE= in the unit, or \
                 ulimit -n in the shell"
                    .into()
            }
            Some(libc::ENFILE) => {
                "Raise the limit on open files of this machine: sysctl fs.file-max".into()
            }
            Some(libc::ENOSPC | libc::EDQUOT) => "Free some space on that file system".into(),
            Some(libc::EIO) => "Check the disk: the log of the kernel has the cause".into(),
            Some(libc::EROFS) => {
                "Name a directory on another file system, or mount this one writable".into()
            }
            _ => otherwise.into(),
        }
    }
}

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
            Self::Verify => "Verify the server's certificate: remove insecure_no_verify",
            Self::AllowSha1 => {
                "Have it issued again with SHA-256, or allow SHA-1 for this server: allow_sha1 = \
                 true"
            }
            Self::PinFingerprint(found) => {
                return write!(
                    f,
                    "If it was renewed, compare the fingerprint on the Management Center, and pin \
                     it: server_fingerprint = \"{found}\""
                );
            }
            Self::AcceptFingerprint(found) => {
                return write!(
                    f,
                    "Compare the fingerprint on the Management Center, and accept this certificate \
                     by it: server_fingerprint = \"{found}\""
                );
            }
            Self::Prepay(nulls) => {
                return write!(
                    f,
                    "To wait less for this server, set prepaid = {nulls} in [ack]"
                );
            }
            Self::CorrectName => {
                "Correct server_name, or remove it: a Management Center's certificate need not \
                 name its address"
            }
            Self::CorrectBind => {
                "Set bind to an address of this machine of the same kind as the server's, or \
                 remove it"
            }
            Self::SetRecordLength => {
                "If events start with extra bytes or lack their first bytes, set record_length = \
                 \"data\", \"extension\" or \"all\""
            }
            Self::AskEarlier => "For older events, set an earlier start: from = \"oldest\"",
            Self::CollectAgain => {
                "The server shut down or the network failed; collect again from the time of the \
                 last event"
            }
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
