//! An output as it is typed.

use std::fmt;
use std::str::FromStr;

use super::pattern::Pattern;

/// `stdout:` (or `-`), or `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output: at least once.
    Stdout,
    /// Files, appended to: exactly once, with a state directory.
    File(Pattern),
}

impl Destination {
    /// Whether each event type goes to a file of its own.
    pub fn by_event(&self) -> bool {
        matches!(self, Self::File(pattern) if pattern.by_event())
    }

    /// Whether each source goes to a file of its own.
    pub fn by_source(&self) -> bool {
        matches!(self, Self::File(pattern) if pattern.by_source())
    }

    /// The same, with a relative path taken from `base`.
    #[must_use]
    pub fn under(self, base: &str) -> Self {
        match self {
            Self::File(pattern) => Self::File(pattern.under(base)),
            other => other,
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "-" => Ok(Self::Stdout),
            Some(("stdout", "")) => Ok(Self::Stdout),
            Some(("file", path)) => Pattern::parse(path).map(Self::File),
            _ => Err("use stdout: or file:PATH".into()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(pattern) => pattern.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_stdout_or_files() {
        for (text, expected) in [
            ("-", Some("standard output")),
            ("stdout:", Some("standard output")),
            ("file:/tmp/a:b", Some("/tmp/a:b")),
            ("file:/tmp/{event}", Some("/tmp/{event}")),
            ("file:/tmp/{date}", None),
            ("file:", None),
            ("stdout", None),
            ("/tmp/a", None),
            ("http://a", None),
        ] {
            let shown = text.parse::<Destination>().ok().map(|d| d.to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }
}
