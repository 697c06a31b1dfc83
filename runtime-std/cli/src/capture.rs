//! `estreamer capture`: recorded streams.

mod decode;
mod redact;
mod replay;

use std::io::{self, Read};
use std::path::Path;

use clap::{Args, Subcommand};
use estreamer::shared::Input;

use super::Failure;

/// Decode a recorded stream, make it fit to be sent to others, or replay it.
#[derive(Args)]
#[command(after_help = "Example:\n  estreamer capture decode stream.bin --explain")]
pub(super) struct CaptureCommand {
    #[command(subcommand)]
    command: CaptureAction,
}

#[derive(Subcommand)]
enum CaptureAction {
    Decode(decode::DecodeCommand),
    Redact(redact::RedactCommand),
    Replay(replay::ReplayCommand),
}

impl CaptureCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            CaptureAction::Decode(decode) => decode.run(),
            CaptureAction::Redact(redact) => redact.run(),
            CaptureAction::Replay(replay) => replay.run(),
        }
    }
}

/// A recorded stream whose bytes are counted.
struct Counted {
    input: Input,
    bytes: u64,
}

impl Counted {
    fn open(file: &Path) -> Result<Self, Failure> {
        let input = Input::open(file).map_err(|error| unreadable(file, &error))?;
        Ok(Self { input, bytes: 0 })
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::failed(
        format!("cannot read {}: {error}", file.display()),
        "Check the path and its permissions",
    )
}

/// A failure to write to standard output; nothing if its reader has had enough.
fn unwritable(error: &io::Error) -> Result<(), Failure> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failure::failed(
            format!("cannot write to standard output: {error}"),
            "",
        )),
    }
}

fn not_a_stream(file: &Path, error: &impl std::fmt::Display) -> Failure {
    Failure::failed(
        format!("{} is not an eStreamer stream: {error}", file.display()),
        "Record one direction alone, from its first byte, without TLS",
    )
}
