//! The transform in which a server sends event data.

use std::fmt;
use std::str::FromStr;

use estreamer_core::fqe::Transform;

/// A transform of event data (FQE, `TransformConfig`); the owned form of
/// [`Transform`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnedTransform {
    /// Text: one JSON object an event.
    Json,
    /// Text: comma-separated values.
    Csv,
    /// A transform of this name. Its data is bytes that are never altered.
    Other(String),
}

impl OwnedTransform {
    /// Returns the transform to request.
    pub fn as_transform(&self) -> Transform<'_> {
        match self {
            Self::Json => Transform::Json,
            Self::Csv => Transform::Csv,
            Self::Other(name) => Transform::Named(name),
        }
    }
}

impl From<Transform<'_>> for OwnedTransform {
    fn from(transform: Transform<'_>) -> Self {
        match transform {
            Transform::Json => Self::Json,
            Transform::Csv => Self::Csv,
            Transform::Named(name) => Self::Other(name.into()),
        }
    }
}

impl FromStr for OwnedTransform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("use JSON, CSV, or the name of another transform".into()),
            _ if text.eq_ignore_ascii_case("json") => Ok(Self::Json),
            _ if text.eq_ignore_ascii_case("csv") => Ok(Self::Csv),
            _ => Ok(Self::Other(text.into())),
        }
    }
}

impl fmt::Display for OwnedTransform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_transform().name())
    }
}
