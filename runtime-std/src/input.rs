//! Reads files that users name, up to a limit of size and time. A name may refer to a file
//! of 3 GB, an endless device, or a pipe without a writer.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// The maximum size of a certificate or key file in bytes.
pub(crate) const IDENTITY: usize = 1 << 20;

/// The maximum number of bytes to read from a device.
const DEVICE: usize = 1 << 20;
/// How long to wait for a writer of a pipe.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The interval of reads from a pipe.
const PAUSE: Duration = Duration::from_millis(10);

/// Reads a whole file of at most `limit` bytes. The file may hold a secret: all buffers
/// are wiped when freed.
///
/// # Errors
/// Those of the system; the file is larger; or nothing writes to the pipe.
pub fn read(path: &Path, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut input = Input::open(path)?;
    let limit = input.limit(limit);
    let expected = usize::try_from(input.length).unwrap_or(usize::MAX);
    if expected > limit {
        return Err(too_large(limit));
    }
    let mut bytes = room(expected + 1)?;
    let mut piece = Zeroizing::new([0; 8192]);
    loop {
        let count = input.read(&mut *piece)?;
        if count == 0 {
            return Ok(bytes);
        }
        if bytes.len() + count > limit {
            return Err(too_large(limit));
        }
        if bytes.len() + count > bytes.capacity() {
            let mut larger = room(2 * (bytes.len() + count))?;
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(&piece[..count]);
    }
}

/// Returns a reader of what is in a file: gzip and zstd are decompressed.
///
/// # Errors
/// Those of the reader.
#[cfg(feature = "archive")]
pub fn decompressed<'r>(reader: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    use std::io::{BufRead, BufReader};
    /// The largest window that is read, as a power of two: it bounds the memory.
    const MAX_WINDOW: u32 = 27;
    let mut reader = BufReader::with_capacity(1 << 16, reader);
    Ok(match reader.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
            decoder.window_log_max(MAX_WINDOW)?;
            Box::new(decoder)
        }
        _ => Box::new(reader),
    })
}

/// An open file, pipe or terminal.
pub struct Input {
    file: File,
    /// Whether it is a regular file.
    regular: bool,
    device: bool,
    length: u64,
    /// Whether a byte was read.
    any: bool,
}

impl Input {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Without O_NONBLOCK, opening a pipe without a writer would block.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            file,
            regular: metadata.is_file(),
            device: is_device(&metadata),
            length: if metadata.is_file() {
                metadata.len()
            } else {
                0
            },
            any: false,
        })
    }

    fn limit(&self, limit: usize) -> usize {
        match self.device {
            true => limit.min(DEVICE),
            false => limit,
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = Instant::now();
        loop {
            match self.file.read(buffer) {
                // A pipe without a writer returns 0 bytes.
                Ok(0) if !self.regular && !self.device && !self.any => {
                    if start.elapsed() >= TIMEOUT {
                        let what = "nothing writes to the pipe";
                        return Err(io::Error::new(ErrorKind::TimedOut, what));
                    }
                }
                Ok(count) => {
                    self.any = true;
                    return Ok(count);
                }
                // Data may still arrive.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Returns the content of a text file, without a byte-order mark at its start.
///
/// # Errors
/// It is not UTF-8; the error names the encoding if the file begins with its mark.
pub fn text(bytes: &[u8]) -> io::Result<&str> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "it is UTF-16, not UTF-8",
        ));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let start = &bytes[..error.valid_up_to()];
        let line = 1 + memchr::memchr_iter(b'\n', start).count();
        let what = format!("it is not UTF-8 text (line {line})");
        io::Error::new(ErrorKind::InvalidData, what)
    })
}

fn is_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_block_device()
}

fn too_large(limit: usize) -> io::Error {
    let limit = match limit {
        0..1024 => format!("{limit} bytes"),
        1024..1_048_576 => format!("{} KiB", limit >> 10),
        _ => format!("{} MiB", limit >> 20),
    };
    let what = format!("it is larger than {limit}, the limit for such a file");
    io::Error::new(ErrorKind::FileTooLarge, what)
}

fn room(bytes: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut room = Vec::new();
    room.try_reserve_exact(bytes)?;
    Ok(Zeroizing::new(room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_a_byte_further() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for size in [0, 1, 8191, 8192, 8193, 50_000] {
            fs::write(&path, vec![7; size]).unwrap();
            assert_eq!(*read(&path, size).unwrap(), vec![7; size], "{size}");
            if size > 0 {
                let error = read(&path, size - 1).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{size}");
            }
        }
    }

    #[test]
    fn a_text_is_utf_8_with_or_without_its_mark() {
        assert_eq!(text(b"\xef\xbb\xbfa").unwrap(), "a");
        for (bytes, part) in [
            (&b"\xff\xfea\0"[..], "UTF-16"),
            (b"\xfe\xff\0a", "UTF-16"),
            (b"a\nb\nZ\xfcrich", "line 3"),
        ] {
            let error = text(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_too_large_or_endless_is_refused_without_reading_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sparse");
        fs::File::create(&path).unwrap().set_len(3 << 30).unwrap();
        for path in [&path, Path::new("/dev/zero")] {
            let error = read(path, 1 << 30).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{}", path.display());
        }
        assert!(read(Path::new("/dev/null"), 10).unwrap().is_empty());
    }

    #[test]
    fn a_pipe_is_read_when_somebody_writes_and_else_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = read(&path, 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let writer = {
            let path = path.clone();
            std::thread::spawn(move || fs::write(path, "from a pipe"))
        };
        assert_eq!(&**read(&path, 100).unwrap(), b"from a pipe");
        writer.join().unwrap().unwrap();
    }
}
