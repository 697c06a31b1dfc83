//! Recording a connection, for `estreamer capture decode`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::output::pattern::segment;

/// Both directions of one connection, TLS taken off, each in a file.
pub(super) struct Capture {
    received: BufWriter<File>,
    sent: BufWriter<File>,
}

impl Capture {
    /// Records what is received in `path`, what is sent in `path` with `.sent`
    /// behind it; before that the name of the source, where there are several,
    /// and of its further connections the number. Nobody else may read them:
    /// they hold the events.
    ///
    /// # Errors
    /// The file, and the system's reason.
    pub(super) fn create(
        path: &Path,
        source: Option<&str>,
        connection: u32,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let mut name = path.as_os_str().to_owned();
        if let Some(source) = source {
            name.push(format!(".{}", segment(source)));
        }
        if connection > 1 {
            name.push(format!(".{connection}"));
        }
        let create = |path: PathBuf| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            match options.open(&path) {
                Ok(file) => Ok(BufWriter::new(file)),
                Err(error) => Err((path, error)),
            }
        };
        let received = create(name.clone().into())?;
        name.push(".sent");
        Ok(Self {
            received,
            sent: create(name.into())?,
        })
    }

    pub(super) fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.received.write_all(bytes)
    }

    pub(super) fn sent(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent.write_all(bytes)
    }
}
