//! How a server interprets the length of a request (FQE, Requesting Fully-qualified Events).

use std::fmt;
use std::str::FromStr;

/// How a server interprets the length of a request. N is the length of the JSON block:
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RequestLength {
    /// Every interpretation.
    #[default]
    Any,
    /// 8 + N. If the length is larger, the server waits for more bytes.
    Payload,
    /// 16 + N. If the length is smaller, the last 8 bytes are lost, and the server answers with
    /// an error.
    Inclusive,
    /// The same, but the server closes without a message.
    InclusiveClose,
    /// The same, but the server stays silent.
    InclusiveSilent,
}

impl RequestLength {
    /// All values.
    pub const ALL: [Self; 5] = [
        Self::Any,
        Self::Payload,
        Self::Inclusive,
        Self::InclusiveClose,
        Self::InclusiveSilent,
    ];

    /// Returns the name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Payload => "payload",
            Self::Inclusive => "inclusive",
            Self::InclusiveClose => "inclusive-close",
            Self::InclusiveSilent => "inclusive-silent",
        }
    }

    /// Returns whether the length always includes the message header.
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
