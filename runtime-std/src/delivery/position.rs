//! How far a source has come in the archive of its server.

use std::time::SystemTime;

use super::dedup::high_water_mark::ResumePoint;

/// The position of a source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Position {
    /// The newest archival second that every required output has accepted, UNIX seconds.
    pub newest: Option<u32>,
    /// The resume point in the bookmark.
    pub durable: Option<ResumePoint>,
    /// When events of this source were committed last; `None` before the first commit of
    /// this run.
    pub committed: Option<SystemTime>,
}

impl Position {
    /// Records a commit.
    pub(super) fn commit(&mut self, point: Option<ResumePoint>) {
        self.durable = point.or(self.durable);
        self.committed = Some(SystemTime::now());
    }

    /// Takes over what a bookmark on disk holds.
    pub(super) fn resume(&mut self, point: Option<ResumePoint>) {
        self.durable = point;
        self.newest = point.and_then(|point| point.high);
    }
}
