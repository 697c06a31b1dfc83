//! The form in which a server sends an event's data.

use std::fmt;
use std::str::FromStr;

use estreamer_core::fqe::Transform;

/// The form of an event's data (the guide's `TransformConfig`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Text, one JSON object.
    Json,
    /// Text, comma-separated values.
    Csv,
    /// Bytes that are never altered, by the transform's name.
    Other(String),
}

impl Data {
    /// The transform to ask for.
    pub fn transform(&self) -> Transform<'_> {
        match self {
            Self::Json => Transform::Json,
            Self::Csv => Transform::Csv,
            Self::Other(name) => Transform::Named(name),
        }
    }
}

impl From<Transform<'_>> for Data {
    fn from(transform: Transform<'_>) -> Self {
        match transform {
            Transform::Json => Self::Json,
            Transform::Csv => Self::Csv,
            Transform::Named(name) => Self::Other(name.into()),
        }
    }
}

impl FromStr for Data {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("use json, csv, or the name of another transform".into()),
            _ if text.eq_ignore_ascii_case("json") => Ok(Self::Json),
            _ if text.eq_ignore_ascii_case("csv") => Ok(Self::Csv),
            _ => Ok(Self::Other(text.into())),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.transform().name())
    }
}
