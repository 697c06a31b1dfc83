//! Records a connection, for `estreamer capture decode`.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::output::pattern::segment;

/// Both directions of one connection as plaintext, each in a file.
pub(super) struct Capture {
    received: BufWriter<File>,
    sent: BufWriter<File>,
}

impl Capture {
    /// Records received bytes in `path`, and sent bytes in a second file with the suffix
    /// `.sent`. If there are several sources, the source's name is appended to `path`;
    /// further connections append their number. The files are readable by their owner
    /// only, because they contain the events.
    ///
    /// # Errors
    /// The path and the error of the system.
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
            match options.open(&path).and_then(for_owner) {
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

/// Makes sure that only the owner can read a file, also if it was there before. A device stays as
/// it is.
fn for_owner(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}
