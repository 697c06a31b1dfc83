//! Standard output: at least once.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use super::{Acceptance, Output, OutputPart, ReaderLeft};
use crate::format::terminal::visible;

/// Standard output, without a buffer of its own.
#[derive(Debug, Default)]
pub struct StdoutOutput {
    /// The last batch, and how many of its bytes are written.
    last: (u64, usize),
}

impl StdoutOutput {
    /// Writes what is not written yet of batch `n`. A batch may come again: when it
    /// was written in part, or when its note in the journal failed.
    fn write_rest(&mut self, to: &mut impl Write, n: u64, bytes: &[u8]) -> io::Result<()> {
        if self.last.0 != n {
            self.last = (n, 0);
        }
        let done = &mut self.last.1;
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
        // There is one part, or none where the batch has nothing for this output.
        if let Some(part) = parts.first() {
            let bytes = match stdout.is_terminal() {
                true => visible(&part.bytes),
                false => Cow::Borrowed(&*part.bytes),
            };
            self.write_rest(&mut file, n, &bytes)?;
        }
        Ok(Acceptance::Accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, and then no more.
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
