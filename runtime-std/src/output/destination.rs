//! The destination of an output, as users write it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use super::Output;
use super::file::FileOutput;
use super::file::settings::FileSettings;
use super::pattern::Pattern;
use super::receivers::{ReceiverKind, RecordNeeds, receivers};
use super::stdout::StdoutOutput;
use crate::digest::DigestKey;
use crate::disk::Disk;
use crate::output::options::ReceiverOptions;

/// `stdout:` (or `-`), `file:PATH`, or the URL of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// Standard output: at least once.
    Stdout,
    /// Files, appended to: exactly once, with a state directory.
    File(Pattern),
    /// A receiver of one of the known kinds.
    Receiver {
        /// The kind.
        kind: &'static ReceiverKind,
        /// The address after the scheme.
        address: String,
    },
}

impl Destination {
    /// Creates the output; `settings` are those of its files, `options` those of a receiver.
    pub fn output(
        &self,
        disk: &Arc<dyn Disk>,
        key: &DigestKey,
        settings: FileSettings,
        options: &ReceiverOptions,
    ) -> Box<dyn Output> {
        match self {
            Self::Stdout => Box::new(StdoutOutput::default()),
            Self::File(_) => Box::new(FileOutput::new(disk.clone(), key.clone(), settings)),
            Self::Receiver { kind, address } => (kind.output)(address, options),
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

    /// Returns whether it writes priority, time and host before each event.
    pub fn has_own_header(&self) -> bool {
        self.scheme().starts_with("syslog+")
    }

    /// Returns whether it can hold a format that begins with something: files, and standard
    /// output.
    pub fn holds_head(&self) -> bool {
        !matches!(self, Self::Receiver { .. })
    }

    /// Returns the configuration keys of its own.
    pub fn keys(&self) -> &'static [&'static str] {
        match self {
            Self::Receiver { kind, .. } => kind.keys,
            _ => &[],
        }
    }

    /// Returns what it needs to know of each record.
    pub fn needs(&self) -> RecordNeeds {
        match self {
            Self::Receiver { kind, .. } => kind.needs,
            _ => RecordNeeds::Nothing,
        }
    }

    /// Resolves a relative path against `base`.
    #[must_use]
    pub fn under(self, base: &str) -> Self {
        match self {
            Self::File(pattern) => Self::File(pattern.under(base)),
            Self::Receiver { kind, address } if kind.is_path => {
                let address = Path::new(base).join(address);
                let address = address.to_string_lossy().into_owned();
                Self::Receiver { kind, address }
            }
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
        let Some(kind) = receivers().find(|kind| kind.scheme == scheme) else {
            let built = receivers().filter(|kind| kind.missing.is_none());
            let usages: Vec<&str> = built.map(|kind| kind.usage).collect();
            let receivers = usages.join(", ");
            return Err(format!("use stdout:, file:PATH, or one of {receivers}"));
        };
        if let Some(feature) = kind.missing {
            return Err(format!(
                "this program was built without the cargo feature {feature}; build it with that \
                 feature"
            ));
        }
        let rest = match kind.is_path {
            true => Some(rest),
            false => rest.strip_prefix("//"),
        };
        match rest.and_then(kind.address) {
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
            Self::Receiver { kind, address } => {
                let slashes = if kind.is_path { "" } else { "//" };
                write!(f, "{}:{slashes}{address}", kind.scheme)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_of_another_kind_is_another_destination() {
        let read = |text: &str| -> Destination { text.parse().unwrap() };
        assert_eq!(read("tcp://a:6514"), read("tcp://a:6514/"));
        assert_ne!(read("tcp://a:6514"), read("tcp+tls://a:6514"));
        assert_ne!(read("tcp://a:6514"), read("tcp://a:6515"));
    }

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
            ("http://a", Some("http://a")),
            ("gopher://a", None),
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
            ("tcp+tls://a:6514", Some("tcp+tls://a:6514")),
            ("syslog+udp://a:514", Some("syslog+udp://a:514")),
            ("syslog+tcp://a", None),
            ("unix:/run/receiver.sock", Some("unix:/run/receiver.sock")),
            ("unix:", None),
        ] {
            let shown = text.parse::<Destination>().ok().map(|d| d.to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }
}
