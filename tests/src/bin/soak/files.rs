//! The files of an output over its rotations, and those of somebody else.

use std::fs;
use std::path::{Path, PathBuf};

use estreamer_tests::archive::{archived, closed};

/// All that was written, in order, and what must not change.
pub(crate) struct Files {
    /// The file that is written to.
    current: PathBuf,
    /// From the oldest on; the last is the file that is written to.
    segments: Vec<Segment>,
    foreign: Vec<(PathBuf, Vec<u8>)>,
    /// Whether the collector closes its files itself; then nobody else touches them.
    is_archive: bool,
}

/// One file that was written to.
struct Segment {
    path: PathBuf,
    /// What somebody else had put there before.
    prefix: Vec<u8>,
    /// What it held when it was taken away.
    taken: Option<Vec<u8>>,
}

impl Files {
    /// The files of this path, of which the first is somebody else's, too.
    pub(crate) fn new(current: PathBuf, is_archive: bool) -> Self {
        let mut files = Self {
            current,
            segments: Vec::new(),
            foreign: Vec::new(),
            is_archive,
        };
        files.replace(b"somebody else's first line\n".to_vec());
        files
    }

    /// The file that is written to.
    pub(crate) fn current(&self) -> &Path {
        &self.current
    }

    /// Renames it; it is made again by the collector.
    pub(crate) fn rotate(&mut self) {
        if self.is_archive {
            return;
        }
        let renamed = self.current.with_extension(self.segments.len().to_string());
        if let Some(last) = self.segments.last_mut()
            && fs::rename(&last.path, &renamed).is_ok()
        {
            last.path = renamed;
            let path = self.current.clone();
            self.segments.push(Segment {
                path,
                prefix: Vec::new(),
                taken: None,
            });
        }
    }

    /// After a clean stop: renames it, and somebody else makes a file of its name.
    pub(crate) fn usurp(&mut self) {
        if self.is_archive {
            return;
        }
        self.rotate();
        self.segments.pop();
        let length = self.segments.last().map_or(0, |last| last.bytes().len());
        let name = format!("out in place of {}", self.segments.len());
        self.replace(foreign(length + 1000, &name));
    }

    fn replace(&mut self, prefix: Vec<u8>) {
        let path = self.current.clone();
        fs::write(&path, &prefix).expect("a writable directory");
        self.segments.push(Segment {
            path,
            prefix,
            taken: None,
        });
    }

    /// After a clean stop: takes the renamed files away, and lets somebody else's
    /// grow in their place, which get the numbers that became free.
    pub(crate) fn take_away(&mut self) {
        if self.is_archive {
            return;
        }
        let (_, renamed) = self.segments.split_last_mut().expect("one at least");
        for segment in renamed.iter_mut().filter(|it| it.taken.is_none()) {
            let bytes = segment.bytes();
            fs::remove_file(&segment.path).expect("a file of ours");
            let path = segment
                .path
                .with_extension(format!("other{}", self.foreign.len()));
            let name = format!("other {}", self.foreign.len());
            let other = foreign(bytes.len() + 1000, &name);
            fs::write(&path, &other).expect("a writable directory");
            self.foreign.push((path, other));
            segment.taken = Some(bytes);
        }
    }

    /// Every line that was written, in order. An error names a file of somebody
    /// else's that changed.
    pub(crate) fn lines(&self) -> Result<Vec<Vec<u8>>, PathBuf> {
        if self.is_archive {
            let mut lines = archived(&self.current).map_err(|_| self.current.clone())?;
            let prefix = self.segments.first().map(|first| first.prefix.clone());
            let first = lines.first().map(|line| [line, &b"\n"[..]].concat());
            if first != prefix {
                return Err(self.current.clone());
            }
            lines.remove(0);
            return Ok(lines);
        }
        let changed = self
            .foreign
            .iter()
            .find(|(path, bytes)| match fs::read(path) {
                Ok(found) => found != *bytes,
                Err(_) => true,
            });
        if let Some((path, _)) = changed {
            return Err(path.clone());
        }
        let mut lines = Vec::new();
        for segment in &self.segments {
            let bytes = segment.bytes();
            let Some(ours) = bytes.strip_prefix(&*segment.prefix) else {
                return Err(segment.path.clone());
            };
            let all = ours.split_inclusive(|&byte| byte == b'\n');
            lines.extend(all.map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec()));
        }
        Ok(lines)
    }

    pub(crate) fn rotations(&self) -> u64 {
        if self.is_archive {
            return closed(&self.current).len() as u64;
        }
        self.segments.len() as u64 - 1
    }
}

impl Segment {
    fn bytes(&self) -> Vec<u8> {
        match &self.taken {
            Some(bytes) => bytes.clone(),
            // It may not have been made yet.
            None => fs::read(&self.path).unwrap_or_default(),
        }
    }
}

/// About so many bytes in lines, which are in no other file.
fn foreign(length: usize, name: &str) -> Vec<u8> {
    let lines = (0..).map(|line| format!("line {line} of somebody else's {name}\n"));
    let mut bytes = Vec::with_capacity(length + 64);
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        if bytes.len() >= length {
            break;
        }
    }
    bytes
}
