//! Standard output: at least once.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use super::{Acceptance, Output, Part, ReaderLeft};
use crate::format::terminal::visible;

/// Standard output, without a buffer of its own.
#[derive(Debug, Default)]
pub struct StdoutOutput {
    /// The batch that was begun, and its bytes that are written.
    begun: Option<(u64, usize)>,
}

impl Output for StdoutOutput {
    fn write(&mut self, n: u64, parts: &[Part]) -> io::Result<Acceptance> {
        // A batch that is tried again goes on where it stopped.
        let (_, mut done) = self.begun.take().filter(|of| of.0 == n).unwrap_or((n, 0));
        let stdout = io::stdout();
        let shown = |bytes| match stdout.is_terminal() {
            true => visible(bytes),
            false => Cow::Borrowed(bytes),
        };
        let mut file = File::from(stdout.as_fd().try_clone_to_owned()?);
        for part in parts {
            let bytes = shown(&part.bytes);
            while let Some(left) = bytes.get(done..).filter(|left| !left.is_empty()) {
                match file.write(left) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => done += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        return Err(io::Error::other(ReaderLeft));
                    }
                    Err(error) => {
                        self.begun = Some((n, done));
                        return Err(error);
                    }
                }
            }
        }
        Ok(Acceptance::Accepted)
    }
}
