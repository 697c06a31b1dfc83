//! How strictly a server takes the length of a request (FQE, Requesting
//! Fully-qualified Events).

use std::fmt;
use std::str::FromStr;

/// The reading of a request's length that a server holds. With N the length of
/// the JSON block:
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RequestLength {
    /// Every reading.
    #[default]
    Any,
    /// 8 + N. Of a request that says more, the server waits for the rest.
    Payload,
    /// 16 + N. A request that says less loses its last 8 bytes, and what is left
    /// is answered with an error.
    Inclusive,
    /// The same, but the server closes without a word.
    InclusiveClose,
    /// The same, but the server stays silent.
    InclusiveSilent,
}

impl RequestLength {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Any,
        Self::Payload,
        Self::Inclusive,
        Self::InclusiveClose,
        Self::InclusiveSilent,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Payload => "payload",
            Self::Inclusive => "inclusive",
            Self::InclusiveClose => "inclusive-close",
            Self::InclusiveSilent => "inclusive-silent",
        }
    }

    /// Whether the length counts the message header, always.
    pub(super) const fn is_literal(self) -> bool {
        !matches!(self, Self::Any | Self::Payload)
    }
}

impl FromStr for RequestLength {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut known = Self::ALL.into_iter();
        let found = known.find(|length| length.name() == name);
        found.ok_or_else(|| format!("use one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

impl fmt::Display for RequestLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
