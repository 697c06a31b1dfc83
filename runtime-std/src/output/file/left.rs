//! Files that were closed to be opened again by their names, and what happened to them since.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::notice::FileNotice;
use super::tally::Content;
use super::{FileOutput, OpenFile};
use crate::digest::DigestKey;
use crate::disk::{DiskFile, FileIdentity, FileMark, PROOF};

/// The state of a file when it was closed.
pub(super) struct LeftFile {
    pub(super) mark: FileMark,
    pub(super) is_marked: bool,
    pub(super) content: Option<Content>,
    pub(super) period_end: Option<u64>,
    pub(super) written: u64,
}

impl OpenFile {
    /// Returns what is kept of a file that is closed.
    pub(super) fn left(self, key: &DigestKey) -> LeftFile {
        LeftFile {
            mark: FileMark {
                proof: key.of_file(&self.tail),
                ..self.mark
            },
            is_marked: self.is_marked,
            content: self.content,
            period_end: self.period_end,
            written: self.written,
        }
    }
}

impl FileOutput {
    /// Tells that something else changed a file between two marks.
    pub(super) fn tell_change(
        &mut self,
        path: &Path,
        left: &LeftFile,
        now: &FileMark,
        file: &dyn DiskFile,
    ) -> io::Result<()> {
        let before = &left.mark;
        if (before.device, before.inode) != (now.device, now.inode) {
            self.tell_taken(path, left);
            return Ok(());
        }
        let notice = if now.end < before.end {
            FileNotice::Shorter(path.into())
        } else {
            let start = before.end.saturating_sub(PROOF as u64);
            let is_same = self.key.of_file(&file.read_range(start, before.end)?) == before.proof;
            match is_same {
                true if now.end == before.end => return Ok(()),
                true => FileNotice::Longer(path.into()),
                false => FileNotice::Rewritten(path.into()),
            }
        };
        self.notices.push(notice);
        Ok(())
    }

    /// Tells that a file which we would have closed has its name no more. Of any other file that
    /// is not told: rotation renames files.
    pub(super) fn tell_taken(&mut self, path: &Path, left: &LeftFile) {
        if left.content.is_some() && left.mark.end > 0 {
            self.notices.push(FileNotice::TakenAway(path.into()));
        }
    }

    /// Opens the files again that were closed to be reopened and are still in place, so that they
    /// are closed in time although no event comes.
    pub(super) fn take_up(&mut self) -> io::Result<()> {
        let left = self.left.iter().filter(|(_, left)| left.content.is_some());
        let left: Vec<Arc<Path>> = left.map(|(path, _)| path.clone()).collect();
        for path in left {
            let found = self.disk.identity(&path)?;
            let Some(of) = self.left.get(&path) else {
                continue;
            };
            let (mark, end) = (&of.mark, of.period_end);
            let is_same = |it: &FileIdentity| (it.device, it.inode) == (mark.device, mark.inode);
            if found.as_ref().is_some_and(is_same) {
                // If that fails now, it is told when its next event comes.
                let _ = self.open(&path, end);
            } else if let Some(of) = self.left.remove(&path) {
                self.tell_taken(&path, &of);
            }
        }
        Ok(())
    }
}
