//! An output as it is typed.

use std::fmt;
use std::str::FromStr;

use super::pattern::Pattern;

/// `stdout:` (or `-`), `file:PATH`, or `tcp://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output: at least once.
    Stdout,
    /// Files, appended to: exactly once, with a state directory.
    File(Pattern),
    /// A receiver of lines, as `HOST:PORT`: at least once.
    Tcp(String),
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
            Some(("tcp", rest)) => match rest.strip_prefix("//").and_then(host_and_port) {
                Some(address) => Ok(Self::Tcp(address)),
                None => Err("use tcp://HOST:PORT".into()),
            },
            _ => Err("use stdout:, file:PATH or tcp://HOST:PORT".into()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(pattern) => pattern.fmt(f),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// The address, if it has a host and a port that can be.
fn host_and_port(text: &str) -> Option<String> {
    let (host, port) = text.strip_suffix('/').unwrap_or(text).rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let sound = !host.is_empty() && (bare.is_some() || !host.contains(':')) && port > 0;
    sound.then(|| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_stdout_files_or_a_receiver() {
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
            (
                "tcp://log.example.net:6514",
                Some("tcp://log.example.net:6514"),
            ),
            ("tcp://[::1]:5/", Some("tcp://[::1]:5")),
            ("tcp://::1:5", None),
            ("tcp://a", None),
            ("tcp://a:0", None),
            ("tcp://:5", None),
            ("tcp:a:5", None),
        ] {
            let shown = text.parse::<Destination>().ok().map(|d| d.to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }
}
