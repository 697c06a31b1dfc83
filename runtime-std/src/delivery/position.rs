//! What the bookmark of a source is at.

use std::time::SystemTime;

use super::dedup::high_water_mark::ResumePoint;

/// What the bookmark of a source is at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Position {
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
}
