//! `estreamer capture decode`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use estreamer::capture::{CaptureError, decode};
use estreamer::shared::Count;
use tracing::info;

use super::super::Failure;
use super::{Counted, not_a_stream, unreadable, unwritable};

/// Print every message of a stream, one a line with its offset.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer capture decode stream.bin --explain")]
pub(super) struct DecodeCommand {
    /// The bytes of one direction of a connection, without TLS.
    file: PathBuf,
    /// Print each field in hexadecimal with its meaning, and where the guide
    /// describes the message.
    #[arg(long)]
    explain: bool,
}

impl DecodeCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = self.file;
        let mut input = Counted::open(&file)?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        let decoded = decode(&mut input, self.explain, &mut out);
        match (decoded, out.flush()) {
            (Err(CaptureError::Write(error)), _) | (Ok(_), Err(error)) => unwritable(&error),
            (Err(CaptureError::Read(error)), _) => Err(unreadable(&file, &error)),
            (Err(CaptureError::Peer(error)), _) => Err(not_a_stream(&file, &error)),
            (Err(error), _) => Err(Failure::failed(error, "")),
            (Ok(0), _) if input.bytes == 0 => {
                info!(
                    "{} is empty: nothing was recorded in this direction.",
                    file.display()
                );
                Ok(())
            }
            (Ok(0), _) => Ok(()),
            (Ok(bytes), _) => {
                let bytes = Count(bytes, "byte");
                info!("the stream ends {bytes} into a message.");
                Ok(())
            }
        }
    }
}
