//! How an open file is closed: its content is recorded in the manifest, durably; then it is
//! renamed; then its successor is opened. A start completes a closing that was interrupted.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::naming::{closed_path, seconds_of};
use super::notice::FileNotice;
use super::series::{Series, hash};
use super::settings::{DATE_DIGIT, DatedPath, FileSettings, HOUR_DIGIT};
use super::tally::{Content, FileTally, sha256};
use super::{FileOutput, OpenFile};
use crate::disk::{FileMark, directory};

/// How many names are tried if other files have them.
const MAX_NAMES: u64 = 1000;

impl FileOutput {
    /// Closes an open file, whose content is durable and committed.
    pub(super) fn close_file(&mut self, path: &Arc<Path>) -> io::Result<()> {
        if self.settings.archive.rotate.is_some() {
            if !self.is_in_place(path)? {
                return self.abandon(path);
            }
            self.rename(path)?;
        }
        let Some(open) = self.files.remove(path) else {
            return Ok(());
        };
        open.file.unlock();
        self.untended.insert(self.base(path));
        match self.settings.is_lazy || open.period_end.is_some() {
            true => self.let_go.push(open.mark.path),
            false => self.open(path, None)?,
        }
        self.sync_names()
    }

    /// Returns whether the open file still has its name.
    fn is_in_place(&self, path: &Path) -> io::Result<bool> {
        let found = self.disk.identity(path)?;
        let open = self.files.get(path).map(|open| &open.mark);
        let same = open
            .zip(found)
            .is_some_and(|(mark, found)| (found.device, found.inode) == (mark.device, mark.inode));
        Ok(same || open.is_none())
    }

    /// Lets a file go that something else renamed or removed, perhaps after it was recorded
    /// as closed.
    pub(super) fn abandon(&mut self, path: &Arc<Path>) -> io::Result<()> {
        self.go_on(path)?;
        let Some(open) = self.files.remove(path) else {
            return Ok(());
        };
        if open.content.is_some() && open.mark.end > 0 {
            self.notices.push(FileNotice::TakenAway(path.to_path_buf()));
        }
        open.file.unlock();
        // It keeps its content.
        self.released.push(open.file);
        self.open(path, open.period_end)
    }

    /// Records that a file is not closed after all, if it was recorded as closed.
    pub(super) fn go_on(&mut self, path: &Path) -> io::Result<()> {
        let closing = self.files.get(path).and_then(|open| open.closing.clone());
        if let (Some(to), Some(series)) = (closing, self.series(path)?) {
            series.record_void(series.name(&to))?;
        }
        Ok(())
    }

    /// Gives the open file the name of a closed one.
    fn rename(&mut self, path: &Arc<Path>) -> io::Result<()> {
        let series = self.series(path)?;
        for number in 1..=MAX_NAMES {
            let Some(open) = self.files.get_mut(path) else {
                return Ok(());
            };
            let to = match (&open.closing, &series) {
                (Some(to), _) => to.clone(),
                (None, Some(series)) => {
                    let content = recorded(open)?;
                    let hash = content.1;
                    open.closing
                        .insert(series.record(path, &content.0, hash)?)
                        .clone()
                }
                (None, None) => closed_path(path, self.disk.now(), number),
            };
            match self.disk.rename_new(path, &to) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if let Some(series) = &series {
                        series.record_void(series.name(&to))?;
                        open.closing = None;
                    }
                }
                renamed => {
                    renamed?;
                    #[cfg(feature = "archive")]
                    if let Some(series) = &series {
                        series.has_name(&to);
                    }
                    self.unsynced.insert(directory(&to).into());
                    return Ok(());
                }
            }
        }
        Err(io::Error::other(
            "other files have the names of closed files",
        ))
    }

    /// Makes names durable that were changed.
    pub(super) fn sync_names(&mut self) -> io::Result<()> {
        while let Some(directory) = self.unsynced.first() {
            self.disk.sync_names(directory)?;
            self.unsynced.pop_first();
        }
        Ok(())
    }

    /// Compresses and removes closed files, as far as the rules say so.
    pub(super) fn tend(&mut self) {
        let rules = &self.settings.archive;
        let untended = std::mem::take(&mut self.untended);
        if rules.compress.is_none() && !rules.keep.is_limited() {
            return;
        }
        for base in untended {
            if let Some(series) = self.series.get(&base) {
                let told = self.archivist.tend(series.clone());
                self.notices.extend(told);
            }
        }
    }

    /// Reads the manifests, and completes closings that were interrupted.
    pub(super) fn load_series(&mut self) -> Result<(), (PathBuf, io::Error)> {
        let undated = self.settings.paths.iter().map(PathBuf::as_path);
        let dated = self.settings.dated.iter().map(|dated| &*dated.base);
        let bases: Vec<Arc<Path>> = undated.chain(dated).map(Into::into).collect();
        let marks = std::mem::take(&mut self.marks);
        for base in bases {
            let failed = |error| (base.to_path_buf(), error);
            // Without rotation, too: it may have been configured until now.
            let series = Series::load(&self.disk, &base, &self.settings).map_err(failed)?;
            series.complete(&marks).map_err(failed)?;
            if self.settings.archive.manifest {
                self.series.insert(base.clone(), Arc::new(series));
                self.untended.insert(base);
            }
        }
        Ok(())
    }

    /// Finds the open files of hours and days among those of the last process.
    /// They are opened again, so that they are closed in time.
    pub(super) fn find_open(&mut self, files: &BTreeMap<Arc<Path>, FileMark>) {
        for dated in &self.settings.dated {
            let Ok(base) = self.disk.canonical(&dated.base) else {
                continue;
            };
            let directory = crate::disk::directory(&base);
            for path in files.keys() {
                let Ok(name) = path.strip_prefix(directory) else {
                    continue;
                };
                let path = PathBuf::from(&dated.template[..dated.directory]).join(name);
                if let Some(end) = self.settings.period.and_then(|it| dated.end(&path, it)) {
                    self.last_open.push((path.into(), end));
                }
            }
        }
    }

    /// Returns the series of an open file if it has a manifest.
    fn series(&mut self, path: &Path) -> io::Result<Option<Arc<Series>>> {
        if !self.settings.archive.manifest {
            return Ok(None);
        }
        let base = self.base(path);
        if let Some(series) = self.series.get(&base) {
            return Ok(Some(series.clone()));
        }
        let series = Arc::new(Series::load(&self.disk, &base, &self.settings)?);
        self.series.insert(base, series.clone());
        Ok(Some(series))
    }

    /// Returns the base path of the series of an open file.
    fn base(&self, path: &Path) -> Arc<Path> {
        let mut dated = self.settings.dated.iter();
        let found = dated.find(|dated| dated.is_path(path));
        found.map_or_else(|| path.into(), |dated| dated.base.as_path().into())
    }

    /// Returns what a file holds that is opened now, if it is going to be closed by us.
    pub(super) fn content(
        &mut self,
        path: &Path,
        mark: &FileMark,
        before: Option<Content>,
        is_unchanged: bool,
    ) -> io::Result<Option<Content>> {
        let FileSettings { archive, .. } = &self.settings;
        if archive.rotate.is_none() {
            return Ok(None);
        }
        if is_unchanged && before.is_some() {
            return Ok(before.filter(|content| content.tally.end == mark.end));
        }
        let recovered = self.recovered.remove(&mark.path);
        let known = before.map(|content| content.tally).or(recovered);
        let tally = FileTally::resumed(mark.path.clone(), mark.end, self.disk.now(), known);
        let hash = match archive.manifest {
            true if mark.end > 0 => Some(hash(self.disk.as_ref(), path, mark.end)?),
            true => Some(sha256()),
            false => None,
        };
        Ok(Some(Content { tally, hash }))
    }
}

/// Returns what a file holds, with its hash.
fn recorded(open: &OpenFile) -> io::Result<(FileTally, ring::digest::Context)> {
    let content = open.content.clone();
    let content = content.and_then(|content| Some((content.tally, content.hash?)));
    content.ok_or_else(|| io::Error::other("the content of the file was not counted"))
}

impl DatedPath {
    /// Returns the end of the hour or day of a path, UNIX seconds; `None` if it is none of
    /// these paths.
    fn end(&self, path: &Path, period: u32) -> Option<u64> {
        let text = path.to_str().filter(|_| self.is_path(path))?;
        let digits = |of: &str, count: usize| -> String {
            let places = text.chars().zip(self.template.chars());
            let places = places.filter(|(_, wanted)| of.starts_with(*wanted));
            places.take(count).map(|(digit, _)| digit).collect()
        };
        let (date, hour) = (digits(DATE_DIGIT, 8), digits(HOUR_DIGIT, 2));
        let hour = if hour.is_empty() { "00" } else { &hour };
        let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
        let start = seconds_of(&format!("{year}-{month}-{day}T{hour}:00:00Z"))?;
        Some(start + u64::from(period))
    }

    /// Returns whether a path is the one of some date and hour.
    pub fn is_path(&self, path: &Path) -> bool {
        let Some(path) = path.to_str() else {
            return false;
        };
        let (path, template) = (path.bytes(), self.template.bytes());
        let fits = |(found, wanted): (u8, u8)| match wanted {
            0 | 1 => found.is_ascii_digit(),
            other => found == other,
        };
        path.len() == template.len() && path.zip(template).all(fits)
    }
}
