//! Why a request cannot be served.

use crate::catalog::ResolveError;
use crate::catalog::resolve::{nearest, shown};
use crate::generator::EventKind;
use std::fmt;

/// The problem of a JSON block. The text is sent in the server's error message to the author
/// of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectionError {
    /// Not JSON; with reason, line and column of the parser.
    NotJson(String),
    /// A member is missing or has the wrong type.
    Shape {
        /// The path, such as `Events.FileEvent.Fields`.
        path: String,
        /// The expected value.
        expected: &'static str,
    },
    /// An unknown event type.
    UnknownEvent {
        /// The requested name.
        name: String,
    },
    /// A field or field set cannot be resolved.
    Fields(ResolveError),
    /// An unsupported output format.
    RenderFormat {
        /// `Transform` or `TransformConfig`.
        key: &'static str,
        /// The requested value.
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
                write!(f, "{} is not a type of fully-qualified events", shown(name))?;
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
                    "only Text is supported"
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
