//! The destination of an output, as users write it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Output;
use super::file::FileOutput;
use super::file::settings::FileSettings;
use super::pattern::Pattern;
use super::stdout::StdoutOutput;
use super::tcp::TcpOutput;
use crate::digest::DigestKey;
use crate::disk::Disk;

/// `stdout:` (or `-`), `file:PATH`, or `tcp://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// Standard output: at least once.
    Stdout,
    /// Files, appended to: exactly once, with a state directory.
    File(Pattern),
    /// A receiver of a kind in `RECEIVERS`: at least once.
    Receiver {
        /// The kind.
        kind: &'static ReceiverKind,
        /// The address after the scheme.
        address: String,
    },
}

/// A kind of receiver, identified by its scheme.
pub struct ReceiverKind {
    /// The scheme of the URL.
    pub scheme: &'static str,
    /// The form of the URL, for messages.
    pub usage: &'static str,
    /// Parses the text after `scheme://`; `None` if it is not a valid address.
    pub address: fn(&str) -> Option<String>,
    /// Creates the output for an address.
    pub output: fn(&str) -> Box<dyn Output>,
}

/// Every kind of receiver.
pub const RECEIVERS: &[ReceiverKind] = &[ReceiverKind {
    scheme: "tcp",
    usage: "tcp://HOST:PORT",
    address: host_and_port,
    output: |address| Box::new(TcpOutput::new(address)),
}];

impl PartialEq for ReceiverKind {
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme
    }
}

impl Eq for ReceiverKind {}

impl fmt::Debug for ReceiverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)
    }
}

impl Destination {
    /// Creates the output; `settings` are those of its files.
    pub fn output(
        &self,
        disk: &Arc<dyn Disk>,
        key: &DigestKey,
        settings: FileSettings,
    ) -> Box<dyn Output> {
        match self {
            Self::Stdout => Box::new(StdoutOutput::default()),
            Self::File(_) => Box::new(FileOutput::new(disk.clone(), key.clone(), settings)),
            Self::Receiver { kind, address } => (kind.output)(address),
        }
    }

    /// Returns the scheme of the URL.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File(_) => "file",
            Self::Receiver { kind, .. } => kind.scheme,
        }
    }

    /// Returns whether each event type has its own file.
    pub fn by_event(&self) -> bool {
        matches!(self, Self::File(pattern) if pattern.by_event())
    }

    /// Returns whether each source has its own file.
    pub fn by_source(&self) -> bool {
        matches!(self, Self::File(pattern) if pattern.by_source())
    }

    /// Resolves a relative path against `base`.
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
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        if text == "-" || (scheme, rest) == ("stdout", "") && text.ends_with(':') {
            return Ok(Self::Stdout);
        }
        if scheme == "file" {
            return Pattern::parse(rest).map(Self::File);
        }
        let Some(kind) = RECEIVERS.iter().find(|kind| kind.scheme == scheme) else {
            let receivers: Vec<&str> = RECEIVERS.iter().map(|kind| kind.usage).collect();
            let receivers = receivers.join(" or ");
            return Err(format!("use stdout:, file:PATH or {receivers}"));
        };
        match rest.strip_prefix("//").and_then(kind.address) {
            Some(address) => Ok(Self::Receiver { kind, address }),
            None => Err(format!("use {}", kind.usage)),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(pattern) => pattern.fmt(f),
            Self::Receiver { kind, address } => write!(f, "{}://{address}", kind.scheme),
        }
    }
}

/// Returns the address if it has a host and a valid port.
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
            ("file:/tmp/{day}", None),
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
