//! `estreamer capture`: decodes a recorded stream.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use estreamer::capture::{CaptureError, decode};
use estreamer::shared::Count;
use estreamer::shared::Input;
use tracing::info;

use super::Failure;

/// Decode a recorded stream.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer capture decode stream.bin --explain")]
pub(super) struct CaptureCommand {
    #[command(subcommand)]
    command: CaptureAction,
}

#[derive(Subcommand)]
enum CaptureAction {
    /// Print every message of a stream, one a line with its offset.
    #[command(after_help = "Example:\n  estreamer capture decode stream.bin --explain")]
    Decode {
        /// The bytes of one direction of a connection, without TLS.
        file: PathBuf,
        /// Print each field in hexadecimal with its meaning, and where the guide
        /// describes the message.
        #[arg(long)]
        explain: bool,
    },
}

impl CaptureCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let CaptureAction::Decode { file, explain } = self.command;
        let unreadable = |error: io::Error| {
            Failure::failed(
                format!("cannot read {}: {error}", file.display()),
                "Check the path and its permissions",
            )
        };
        let mut input = Counted {
            input: Input::open(&file).map_err(unreadable)?,
            bytes: 0,
        };
        let mut out = io::BufWriter::new(io::stdout().lock());
        let decoded = decode(&mut input, explain, &mut out);
        match (decoded, out.flush()) {
            (Err(CaptureError::Write(error)), _) | (Ok(_), Err(error)) => match error.kind() {
                // Whoever read our output has had enough.
                io::ErrorKind::BrokenPipe => Ok(()),
                _ => Err(Failure::failed(
                    format!("cannot write the decoded stream: {error}"),
                    "",
                )),
            },
            (Err(CaptureError::Read(error)), _) => Err(unreadable(error)),
            (Err(CaptureError::Peer(error)), _) => Err(Failure::failed(
                format!("{} is not an eStreamer stream: {error}", file.display()),
                "Record one direction alone, from its first byte, without TLS",
            )),
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

/// Counts the bytes that are read.
struct Counted {
    input: Input,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
