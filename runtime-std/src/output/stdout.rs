//! Standard output: at least once.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use super::{Acceptance, Output, OutputPart, ReaderLeft};
use crate::format::head::HeadState;
use crate::format::terminal::visible;

/// An unbuffered output to standard output.
#[derive(Debug, Default)]
pub struct StdoutOutput {
    /// The last batch.
    last_n: u64,
    /// The number of its bytes that are written.
    written: usize,
    /// What it needed before its part.
    missing: Vec<u8>,
    /// What of the heads of parts is written, that of the last batch included.
    head: HeadState,
}

impl StdoutOutput {
    /// Writes the remaining bytes of batch `n`. A batch is retried after a partial write, or
    /// if its journal entry failed.
    fn write_rest(&mut self, to: &mut impl Write, n: u64, bytes: &[u8]) -> io::Result<()> {
        if self.last_n != n {
            (self.last_n, self.written) = (n, 0);
        }
        let done = &mut self.written;
        while let Some(left) = bytes.get(*done..).filter(|left| !left.is_empty()) {
            match to.write(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => *done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Err(io::Error::other(ReaderLeft));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Output for StdoutOutput {
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        let stdout = io::stdout();
        let mut file = File::from(stdout.as_fd().try_clone_to_owned()?);
        // There is at most one part; none if no record is selected.
        if let Some(part) = parts.first() {
            if self.last_n != n {
                self.missing = self.head.missing(&part.head, self.last_n);
                self.head.written(&part.head);
            }
            let bytes = match self.missing.is_empty() {
                true => Cow::Borrowed(&*part.bytes),
                false => Cow::Owned([&*self.missing, &part.bytes].concat()),
            };
            let bytes = match stdout.is_terminal() {
                true => Cow::Owned(visible(&bytes).into_owned()),
                false => bytes,
            };
            self.write_rest(&mut file, n, &bytes)?;
        }
        Ok(Acceptance::Accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that accepts a limited number of bytes.
    struct Full(Vec<u8>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1 - self.0.len());
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A writer that a signal interrupts before each byte.
    #[derive(Default)]
    struct Interrupted(Vec<u8>, bool);

    impl Write for Interrupted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.push(bytes[0]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_signal_interrupts_no_batch() {
        let (mut output, mut to) = (StdoutOutput::default(), Interrupted::default());
        output.write_rest(&mut to, 7, b"first\n").unwrap();
        assert_eq!(to.0, b"first\n");
    }

    #[test]
    fn a_batch_that_comes_again_is_written_once() {
        let (mut output, mut to) = (StdoutOutput::default(), Full(Vec::new(), 3));
        output.write_rest(&mut to, 7, b"first\n").unwrap_err();
        to.1 = 100;
        for _ in 0..2 {
            output.write_rest(&mut to, 7, b"first\n").unwrap();
        }
        output.write_rest(&mut to, 8, b"first\n").unwrap();
        assert_eq!(to.0, b"first\nfirst\n");
    }
}
