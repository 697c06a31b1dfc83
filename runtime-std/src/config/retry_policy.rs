//! What happens when a source fails that has never worked.

use std::fmt;
use std::str::FromStr;

/// What happens when a source fails that has never worked. A source that worked once is
/// always retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RetryPolicy {
    /// The run ends: a person has to correct something first.
    #[default]
    Worked,
    /// It is retried for ever.
    Always,
}

impl FromStr for RetryPolicy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "worked" => Ok(Self::Worked),
            "always" => Ok(Self::Always),
            _ => Err("use \"worked\" or \"always\""),
        }
    }
}

impl fmt::Display for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worked => "worked",
            Self::Always => "always",
        })
    }
}
