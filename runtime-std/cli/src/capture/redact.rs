//! `estreamer capture redact`.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use estreamer::capture::{CaptureError, Redacted, RedactionKey, redact};
use estreamer::shared::{Count, read};
use tracing::{info, warn};

use super::super::Failure;
use super::{Counted, not_a_stream, unreadable, unwritable};

/// Copy a stream to standard output with all addresses, users, names, URLs and packets
/// replaced by pseudonyms. Messages and all lengths stay.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer capture redact stream.bin > redacted.bin")]
pub(super) struct RedactCommand {
    /// The bytes of one direction of a connection, without TLS.
    file: PathBuf,
    /// A file with at least 16 secret bytes: the same key gives the same pseudonyms in another
    /// recording. By default the key is random and is not kept.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl RedactCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = self.file;
        let mut input = Counted::open(&file)?;
        let key = match &self.key_file {
            None => RedactionKey::random().map_err(Failure::system)?,
            Some(path) => key(path)?,
        };
        if io::stdout().is_terminal() {
            return Err(Failure::usage(
                "the redacted stream is not text for a terminal",
                "Write it into a file: > FILE",
            ));
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        let redacted = redact(&mut input, key, &mut out);
        match (redacted, out.flush()) {
            (Err(CaptureError::Write(error)), _) | (Ok(_), Err(error)) => unwritable(&error),
            (Err(CaptureError::Read(error)), _) => Err(unreadable(&file, &error)),
            (Err(CaptureError::Peer(error)), _) => Err(not_a_stream(&file, &error)),
            (Err(error), _) => Err(Failure::failed(error, "")),
            (Ok(Redacted::Truncated(bytes)), _) => {
                let bytes = Count(bytes, "byte");
                info!("the stream ends {bytes} into a message; they are replaced.");
                Ok(())
            }
            (Ok(Redacted::Lost(error)), _) => {
                warn!(
                    "{}: {error}. All bytes from there on are replaced.",
                    file.display()
                );
                Ok(())
            }
            (Ok(_), _) if input.bytes == 0 => {
                info!("{} is empty.", file.display());
                Ok(())
            }
            (Ok(_), _) => Ok(()),
        }
    }
}

fn key(path: &Path) -> Result<RedactionKey, Failure> {
    let bytes = read(path, MAX_KEY).map_err(|error| unreadable(path, &error))?;
    if bytes.len() < MIN_KEY {
        let found = Count(bytes.len() as u64, "byte");
        return Err(Failure::usage(
            format!("{} holds {found}, too few for a key", path.display()),
            format!("Make one: head -c 32 /dev/urandom > {}", path.display()),
        ));
    }
    Ok(RedactionKey::new(&bytes))
}

/// The bytes of a key.
const MIN_KEY: usize = 16;
const MAX_KEY: usize = 4096;
