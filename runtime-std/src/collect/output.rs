//! Where events go.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;

/// A destination as it was typed: `stdout:` (or `-`), `file:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "-" => Ok(Self::Stdout),
            Some(("stdout", "")) => Ok(Self::Stdout),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err("use stdout: or file:PATH".into()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// An open destination.
pub struct Output {
    destination: Destination,
    writer: Writer,
}

enum Writer {
    Stdout(BufWriter<io::Stdout>),
    File(BufWriter<File>),
}

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

impl Output {
    /// Opens the destination.
    ///
    /// # Errors
    /// The system's, when a file cannot be opened for appending.
    pub fn open(destination: Destination) -> io::Result<Self> {
        let writer = match &destination {
            Destination::Stdout => Writer::Stdout(BufWriter::with_capacity(BUFFER, io::stdout())),
            Destination::File(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path)?;
                Writer::File(BufWriter::with_capacity(BUFFER, file))
            }
        };
        Ok(Self {
            destination,
            writer,
        })
    }

    /// Where it goes.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.writer {
            Writer::Stdout(writer) => writer.write_all(line),
            Writer::File(writer) => writer.write_all(line),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Writer::Stdout(writer) => writer.flush(),
            Writer::File(writer) => writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_stdout_or_a_file() {
        for (text, expected) in [
            ("-", Some(Destination::Stdout)),
            ("stdout:", Some(Destination::Stdout)),
            ("file:/tmp/a:b", Some(Destination::File("/tmp/a:b".into()))),
            ("file:", None),
            ("stdout", None),
            ("/tmp/a", None),
            ("http://a", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }
}
