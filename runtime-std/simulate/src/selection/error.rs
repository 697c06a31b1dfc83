//! Why a request cannot be served.

use crate::catalog::ResolveError;
use crate::catalog::resolve::{nearest, shown};
use crate::generator::EventKind;
use std::fmt;

/// What is wrong with a request's JSON block. The text is what the server
/// answers in its error message, so it speaks to whoever wrote the client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectionError {
    /// Not JSON; with the parser's reason, line and column.
    NotJson(String),
    /// Something is missing or of the wrong kind.
    Shape {
        /// Where, such as `Events.FileEvent.Fields`.
        path: String,
        /// What should be there.
        expected: &'static str,
    },
    /// An event type that does not exist in fully-qualified form.
    UnknownEvent {
        /// What was asked for.
        name: String,
    },
    /// A field or field set cannot be resolved.
    Fields(ResolveError),
    /// An output format this server does not have.
    RenderFormat {
        /// `Transform` or `TransformConfig`.
        key: &'static str,
        /// What was asked for.
        value: String,
    },
}

impl fmt::Display for SelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(reason) => write!(
                f,
                "the configuration block of the request is not JSON: {reason}"
            ),
            Self::Shape { path, expected } => {
                write!(f, "{path} of the request must be {expected}")
            }
            Self::UnknownEvent { name } => {
                write!(
                    f,
                    "there are no fully-qualified events of type {}",
                    shown(name)
                )?;
                match nearest(name, EventKind::ALL.into_iter().map(EventKind::name)) {
                    Some(near) => write!(f, "; did you mean {near}?"),
                    None => write!(
                        f,
                        "; ask for ConnectionEvent, IntrusionEvent, IntrusionPacket or FileEvent"
                    ),
                }
            }
            Self::Fields(error) => error.fmt(f),
            Self::RenderFormat { key, value } => {
                let known = if *key == "Transform" {
                    "only Text exists"
                } else {
                    "choose JSON or CSV"
                };
                write!(
                    f,
                    "OutputFormat.{key} {} is not supported; {known}",
                    shown(value)
                )
            }
        }
    }
}

impl std::error::Error for SelectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fields(error) => Some(error),
            _ => None,
        }
    }
}
