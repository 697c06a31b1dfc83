//! Output to files: each event exactly once.
//!
//! - [`settings`]: the options. [`notice`]: the messages. `group`: that of new files.
//! - `rotation`: when an open file is closed. `closing`: how. [`naming`]: the names.
//! - `left`: files that were closed to be opened again.
//! - [`tally`]: what a file holds. [`manifest`]: the lines that prove closed files.
//! - [`series`]: the closed files of one open file. [`compression`], `retention`: what is
//!   done to them. `archivist`: the thread that does it.

mod archivist;
mod closing;
#[cfg(feature = "archive")]
pub mod compression;
mod group;
mod left;
pub mod manifest;
pub mod naming;
pub mod notice;
mod retention;
mod rotation;
pub mod series;
pub mod settings;
pub mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::{Acceptance, DueFile, Output, OutputPart};
use crate::digest::DigestKey;
use crate::disk::{Disk, DiskFile, FileIdentity, FileMark, FileRange, PROOF, directory};
use crate::format::head::HeadState;
use archivist::Archivist;
use left::LeftFile;
use notice::FileNotice;
use series::Series;
use settings::FileSettings;
use tally::{Content, FileTally};

/// The files of one output.
pub struct FileOutput {
    disk: Arc<dyn Disk>,
    key: DigestKey,
    settings: FileSettings,
    /// The open files, by path.
    files: BTreeMap<Arc<Path>, OpenFile>,
    /// The files that were closed to be reopened.
    left: BTreeMap<Arc<Path>, LeftFile>,
    /// After a failed write: the data that may be partially written, by file.
    torn: Vec<(Arc<Path>, Vec<u8>)>,
    notices: Vec<FileNotice>,
    /// Whether notices were told since the last marks.
    has_told: bool,
    /// Files that get no more data and may not be durable yet.
    released: Vec<Arc<dyn DiskFile>>,
    /// The marks of the files of the last process, by absolute path.
    marks: BTreeMap<Arc<Path>, FileMark>,
    /// What the files of the last process hold, by absolute path.
    recovered: BTreeMap<Arc<Path>, FileTally>,
    /// The series with a manifest, by base path.
    series: BTreeMap<Arc<Path>, Arc<Series>>,
    /// The absolute paths that no open file has any more.
    let_go: Vec<Arc<Path>>,
    /// Directories with new names that are not durable yet.
    unsynced: BTreeSet<PathBuf>,
    /// The series with newly closed files.
    untended: BTreeSet<Arc<Path>>,
    archivist: Archivist,
    /// The files of hours and days that were open in the last process, with the end of
    /// that time.
    last_open: Vec<(Arc<Path>, u64)>,
}

struct OpenFile {
    file: Arc<dyn DiskFile>,
    mark: FileMark,
    /// The last bytes before the mark, at most [`PROOF`].
    tail: Vec<u8>,
    /// Whether the bookmark has this mark.
    is_marked: bool,
    /// What it holds, if it is going to be closed by us.
    content: Option<Content>,
    /// The name that it gets, once that is recorded.
    closing: Option<PathBuf>,
    /// The end of its hour or day, for a file that has one; UNIX seconds.
    period_end: Option<u64>,
    /// When it was written last, UNIX seconds.
    written: u64,
    /// What of the heads of its parts it has.
    head: HeadState,
    /// Whether it begins with what its parts need, once that is known.
    fits: Option<bool>,
}

impl OpenFile {
    /// Returns what a part needs before it.
    fn missing(&self, part: &OutputPart) -> Vec<u8> {
        self.head.missing(&part.head, self.mark.end)
    }
}

impl FileOutput {
    /// Returns an output without open files.
    pub fn new(disk: Arc<dyn Disk>, key: DigestKey, settings: FileSettings) -> Self {
        Self {
            disk,
            key,
            archivist: Archivist::new(settings.tend_in_thread),
            settings,
            files: BTreeMap::new(),
            left: BTreeMap::new(),
            torn: Vec::new(),
            notices: Vec::new(),
            has_told: false,
            released: Vec::new(),
            marks: BTreeMap::new(),
            recovered: BTreeMap::new(),
            series: BTreeMap::new(),
            let_go: Vec::new(),
            unsynced: BTreeSet::new(),
            untended: BTreeSet::new(),
            last_open: Vec::new(),
        }
    }

    fn open(&mut self, path: &Arc<Path>, period_end: Option<u64>) -> io::Result<()> {
        if period_end.is_some() {
            self.disk.create_directory(directory(path))?;
        }
        let is_new = self.disk.identity(path)?.is_none();
        if is_new && let Some(left) = self.left.remove(path) {
            // The new file may get the number of the one that had its name.
            self.tell_taken(path, &left);
        }
        let file = self.disk.open(path, self.settings.mode)?;
        file.lock()?;
        if is_new {
            group::give(&*self.disk, path, &*file, self.settings.group)?;
        }
        // Without a durable name, a synced file may be lost.
        self.disk.sync_names(directory(path))?;
        self.begin(path, file, period_end)
    }

    /// Continues at the end of a file.
    fn begin(
        &mut self,
        path: &Arc<Path>,
        file: Arc<dyn DiskFile>,
        period_end: Option<u64>,
    ) -> io::Result<()> {
        let identity = file.identity()?;
        let end = identity.length;
        let start = end.saturating_sub(PROOF as u64);
        let tail = match end {
            0 => Vec::new(),
            _ => file.read_range(start, end)?,
        };
        let mark = FileMark {
            path: self.disk.canonical(path)?.into(),
            device: identity.device,
            inode: identity.inode,
            end,
            proof: self.key.of_file(&tail),
        };
        let left = self.left.remove(path);
        if let Some(left) = &left {
            self.tell_change(path, left, &mark, file.as_ref())?;
        }
        // True if the file did not change between close and reopen.
        let is_marked = |left: &LeftFile| left.is_marked && left.mark == mark;
        let is_marked = left.as_ref().is_some_and(is_marked);
        let written = left.as_ref().map(|left| left.written);
        let before = left.and_then(|left| left.content);
        let open = OpenFile {
            content: self.content(path, &mark, before, is_marked)?,
            file,
            mark,
            tail,
            is_marked,
            closing: None,
            period_end,
            written: written.unwrap_or_else(|| self.written_now()),
            head: HeadState::default(),
            fits: (end == 0).then_some(true),
        };
        self.files.insert(path.clone(), open);
        Ok(())
    }

    /// Checks a file before a write.
    fn check_file(&mut self, path: &Arc<Path>, period_end: Option<u64>) -> io::Result<()> {
        let found = self.disk.identity(path)?;
        let Some(open) = self.files.get(path) else {
            return self.open(path, period_end);
        };
        let (mark, file) = (&open.mark, open.file.clone());
        let same = |found: &FileIdentity| (found.device, found.inode) == (mark.device, mark.inode);
        match found.filter(same) {
            Some(found) if found.length == mark.end => return Ok(()),
            Some(_) => {}
            None => return self.abandon(path),
        }
        self.go_on(path)?;
        self.released.push(file.clone());
        if let Some(open) = self.files.remove(path) {
            self.left.insert(path.clone(), open.left(&self.key));
        }
        self.begin(path, file, period_end)
    }

    /// Truncates every file to the end of its last complete batch, if the bytes after it
    /// belong to the failed batch.
    fn put_back(&mut self) -> io::Result<()> {
        for (path, bytes) in &self.torn {
            let Some(open) = self.files.get(path) else {
                continue;
            };
            let (end, length) = (open.mark.end, open.file.identity()?.length);
            let left = open.file.read_range(end, length)?;
            if bytes.starts_with(&left) {
                open.file.truncate(end)?;
            }
        }
        self.torn.clear();
        Ok(())
    }

    /// Checks that a file which something else or an earlier configuration began has the
    /// beginning that a part needs. If not, it is closed, or the write fails.
    fn check_head(&mut self, part: &OutputPart) -> io::Result<()> {
        let Some(open) = self.files.get_mut(&part.path) else {
            return Ok(());
        };
        let begin = part.head.begin();
        let fits = match open.fits {
            Some(fits) => fits,
            None => {
                let length = (begin.len() as u64).min(open.mark.end);
                open.file.read_range(0, length)? == begin
            }
        };
        open.fits = Some(fits);
        match fits || self.settings.archive.rotate.is_some() {
            true => Ok(()),
            // It may be renamed until the next attempt.
            false => Err(io::Error::other(part.head.misfit())),
        }
    }
}

impl Output for FileOutput {
    fn recover(
        &mut self,
        files: &BTreeMap<Arc<Path>, FileMark>,
        tallies: &BTreeMap<Arc<Path>, FileTally>,
    ) {
        if self.settings.archive.rotate.is_some() {
            self.recovered = tallies.clone();
        }
        self.find_open(files);
        self.marks = files.clone();
    }

    fn prepare(&mut self) -> Result<(), (PathBuf, io::Error)> {
        self.load_series()?;
        for path in self.settings.paths.clone() {
            let failed = |error| (path.clone(), error);
            if !self.settings.is_lazy || self.disk.identity(&path).map_err(failed)?.is_some() {
                self.open(&path.as_path().into(), None).map_err(failed)?;
            }
        }
        for (path, end) in std::mem::take(&mut self.last_open) {
            let failed = |error| (path.to_path_buf(), error);
            if self.disk.identity(&path).map_err(failed)?.is_some() {
                self.open(&path, Some(end)).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn check_files(&mut self, parts: &[OutputPart]) -> io::Result<()> {
        self.put_back()?;
        self.sync_names()?;
        for part in parts {
            let (path, end) = (&part.path, self.period_end(part));
            let checked = self
                .check_file(path, end)
                .and_then(|()| self.check_head(part));
            checked.map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
        }
        Ok(())
    }

    fn due(&mut self, parts: &[OutputPart]) -> io::Result<Vec<DueFile>> {
        match self.settings.archive.rotate.is_some() || self.settings.period.is_some() {
            true => self.find_due(parts),
            false => Ok(Vec::new()),
        }
    }

    fn close(&mut self, due: &DueFile) -> io::Result<()> {
        self.close_file(&due.path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", due.path.display()))
        })
    }

    fn poll_interval(&self) -> Option<Duration> {
        self.next_due()
    }

    fn let_go(&self) -> Vec<Arc<Path>> {
        self.let_go.clone()
    }

    fn tallies(&self, parts: &[OutputPart]) -> Vec<FileTally> {
        let counted = parts.iter().filter_map(|part| {
            let open = self.files.get(&part.path)?;
            let mut tally = open.content.as_ref()?.tally.clone();
            let header = open.missing(part).len() as u64;
            let end = open.mark.end + header + part.length();
            tally.add(part, end, self.disk.now());
            Some(tally)
        });
        counted.collect()
    }

    fn take_released(&mut self) -> Vec<Arc<dyn DiskFile>> {
        std::mem::take(&mut self.released)
    }

    fn unmarked(&self) -> Vec<FileMark> {
        let open = self.files.values();
        open.filter(|open| !open.is_marked)
            .map(|open| open.mark.clone())
            .collect()
    }

    fn set_marked(&mut self) {
        for open in self.files.values_mut() {
            open.is_marked = true;
        }
        self.has_told = false;
        self.let_go.clear();
        self.tend();
    }

    fn plan(&mut self, parts: &[OutputPart]) -> Option<SmallVec<[FileRange; 1]>> {
        let planned = parts.iter().filter_map(|part| {
            let open = self.files.get_mut(&part.path)?;
            let header = open.missing(part);
            let mut tail = std::mem::take(&mut open.tail);
            // `tail` is restored: it changes only when the batch is written.
            let old = tail.len();
            tail.extend_from_slice(&header);
            let new = &part.bytes[part.bytes.len().saturating_sub(PROOF)..];
            tail.extend_from_slice(new);
            let proof = self.key.of_file(&tail[tail.len().saturating_sub(PROOF)..]);
            tail.truncate(old);
            open.tail = tail;
            Some(FileRange {
                path: open.mark.path.clone(),
                start: open.mark.end,
                end: open.mark.end + header.len() as u64 + part.length(),
                proof,
            })
        });
        Some(planned.collect())
    }

    fn write(&mut self, _: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        let mut headers: SmallVec<[Vec<u8>; 1]> = SmallVec::new();
        for part in parts {
            let Some(open) = self.files.get(&part.path) else {
                return Err(io::Error::other("a file was not checked before the write"));
            };
            let header = open.missing(part);
            let appended = match header.is_empty() {
                true => open.file.append(&part.bytes),
                false => open.file.append(&[&*header, &part.bytes].concat()),
            };
            headers.push(header);
            if let Err(error) = appended {
                let parts = parts.iter().enumerate().map(|(index, part)| {
                    let header = headers.get(index).map_or(&[][..], Vec::as_slice);
                    (part.path.clone(), [header, &part.bytes].concat())
                });
                self.torn = parts.collect();
                // If this fails, it is retried before the next write.
                let _ = self.put_back();
                return Err(error);
            }
        }
        let now = self.written_now();
        for (part, header) in parts.iter().zip(headers) {
            if let Some(open) = self.files.get_mut(&part.path) {
                for bytes in [&*header, &*part.bytes] {
                    let new = &bytes[bytes.len().saturating_sub(PROOF)..];
                    let old = open.tail.len().min(PROOF - new.len());
                    open.tail.drain(..open.tail.len() - old);
                    open.tail.extend_from_slice(new);
                }
                open.mark.end += header.len() as u64 + part.length();
                open.head.written(&part.head);
                open.written = now;
                if let Some(content) = &mut open.content {
                    content.add(part, &header, open.mark.end, now);
                }
            }
        }
        Ok(Acceptance::Accepted)
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.put_back()?;
        let now = self.disk.now();
        let is_over = |left: &LeftFile| left.period_end.is_some_and(|end| end < now);
        // What is going to be closed by us is opened again.
        self.left
            .retain(|_, left| left.content.is_some() || !is_over(left));
        for (path, open) in std::mem::take(&mut self.files) {
            if open.closing.is_some() {
                // It is recorded as closed already.
                self.files.insert(path, open);
                continue;
            }
            open.file.unlock();
            self.released.push(open.file.clone());
            self.left.insert(path, open.left(&self.key));
        }
        Ok(())
    }

    fn has_notices(&mut self) -> bool {
        !self.notices.is_empty() && !std::mem::replace(&mut self.has_told, true)
    }

    fn notices(&mut self) -> Vec<FileNotice> {
        std::mem::take(&mut self.notices)
    }

    fn files(&self, open: &mut Vec<Arc<dyn DiskFile>>) {
        open.extend(self.files.values().map(|open| open.file.clone()));
    }
}
