//! When an open file is closed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::settings::Rotation;
use super::{FileOutput, OpenFile};
use crate::output::{DueFile, OutputPart};

/// How long a file of an hour or a day that has passed waits for late events, in seconds.
const GRACE: u64 = 60;
/// The maximum number of open files of one series.
const MAX_OPEN: usize = 2;

impl FileOutput {
    /// Returns the files that have to be closed before these parts are written.
    pub(super) fn find_due(&mut self, parts: &[OutputPart]) -> io::Result<Vec<DueFile>> {
        self.take_up()?;
        let now = self.disk.now();
        let added = |path: &Path, open: &OpenFile| -> u64 {
            let parts = parts.iter().filter(|part| *part.path == *path);
            parts
                .map(|part| open.missing(part).len() as u64 + part.length())
                .sum()
        };
        let rotate = self.settings.archive.rotate;
        let is_due = |(path, open): &(&Arc<Path>, &OpenFile)| {
            let by_rule = rotate.is_some_and(|rule| {
                open.fits == Some(false) || rule.is_due(open, added(path, open), now)
            });
            open.closing.is_some() || by_rule || has_passed(open, now)
        };
        let open = self.files.iter();
        let mut due: Vec<Arc<Path>> = open.filter(is_due).map(|(path, _)| path.clone()).collect();
        due.extend(self.surplus(&due));
        // Something else may have changed or renamed them, also after they were recorded as closed.
        for path in &due {
            if let Some(open) = self.files.get(path) {
                let end = open.period_end;
                self.check_file(path, end)?;
            }
        }
        let due = due.into_iter().filter_map(|path| {
            let open = self.files.get(&path)?;
            (open.mark.end > 0).then(|| DueFile {
                marked: open.mark.path.clone(),
                file: open.file.clone(),
                path,
            })
        });
        Ok(due.collect())
    }

    /// Returns the oldest files of each series that has too many, without those that are
    /// due already.
    fn surplus(&self, due: &[Arc<Path>]) -> Vec<Arc<Path>> {
        let mut surplus = Vec::new();
        for dated in &self.settings.dated {
            let open = self.files.iter().filter(|(path, _)| !due.contains(path));
            let mut open: Vec<_> = open.filter(|(path, _)| dated.is_path(path)).collect();
            open.sort_by_key(|(_, open)| open.period_end);
            let many = open.len().saturating_sub(MAX_OPEN);
            surplus.extend(open[..many].iter().map(|(path, _)| Arc::clone(path)));
        }
        surplus
    }

    /// Returns the time until a file may have to be closed.
    pub(super) fn next_due(&self) -> Option<Duration> {
        if self.left.values().any(|left| left.content.is_some()) {
            return Some(Duration::from_secs(1));
        }
        let now = self.disk.now();
        let every = self.settings.archive.rotate.and_then(|rule| rule.every);
        let open = self.files.values().filter(|open| open.mark.end > 0);
        let next = open.filter_map(|open| {
            let begun = open.content.as_ref().map(|content| content.tally.begun);
            let by_time = every
                .zip(begun)
                .map(|(every, begun)| (begun / every + 1) * every);
            let by_period = open.period_end.map(|end| end.max(open.written) + GRACE);
            let first = by_time.into_iter().chain(by_period).min()?;
            Some(first.saturating_sub(now).max(1))
        });
        next.min().map(Duration::from_secs)
    }

    /// Returns the end of the hour or day of a part, if it has one.
    pub(super) fn period_end(&self, part: &OutputPart) -> Option<u64> {
        let seconds = u64::from(self.settings.period?);
        Some((u64::from(part.period) + 1) * seconds)
    }

    /// Returns the time, if it is needed.
    pub(super) fn written_now(&self) -> u64 {
        match self.settings.archive.rotate.is_some() || self.settings.period.is_some() {
            true => self.disk.now(),
            false => 0,
        }
    }
}

/// Returns whether the hour or day of a file has passed, and no late event came lately.
fn has_passed(open: &OpenFile, now: u64) -> bool {
    open.period_end
        .is_some_and(|end| now >= end.max(open.written) + GRACE)
}

impl Rotation {
    /// Returns whether a file is due before `added` bytes are written to it.
    fn is_due(&self, open: &OpenFile, added: u64, now: u64) -> bool {
        let end = open.mark.end;
        let begun = open.content.as_ref().map(|content| content.tally.begun);
        let by_size = self
            .size
            .is_some_and(|size| end >= size || end + added > size);
        let by_time = self.every.zip(begun);
        // A clock that was set back closes the file, too.
        let by_time = by_time.is_some_and(|(every, begun)| begun / every != now / every);
        end > 0 && (by_size || by_time)
    }
}

#[cfg(all(test, feature = "fuzzing"))]
mod tests;
