//! What waits in a pipeline, seen from outside of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::backlog::Backlog;
use super::best_effort::QueueView;
use super::progress::DeliveryProgress;
use crate::delivery::output_counts::OutputCounts;

/// A view of a pipeline. It stays usable after the end of the pipeline.
#[derive(Clone, Default)]
pub struct PipelineView {
    pub(super) progress: Option<Arc<DeliveryProgress>>,
    /// The required outputs, in their order in the progress.
    pub(super) required: Vec<ViewedOutput>,
    /// The outputs that are not required, with their queues.
    pub(super) optional: Vec<(ViewedOutput, QueueView)>,
}

/// An output of the view.
#[derive(Clone)]
pub struct ViewedOutput {
    /// The name of the output.
    pub name: Arc<str>,
    /// The kind of its destination: the scheme of its URL.
    pub kind: &'static str,
    /// Its counts.
    pub counts: Arc<OutputCounts>,
}

impl PipelineView {
    /// Returns the outputs, whether each is required, and what waits for it.
    pub fn outputs(&self) -> Vec<(&ViewedOutput, bool, Backlog)> {
        let progress = self.progress.as_ref();
        let backlogs = progress.map(|it| it.backlogs()).unwrap_or_default();
        let mut backlogs = backlogs.into_iter();
        let required = self.required.iter();
        let required = required.map(|it| (it, true, backlogs.next().unwrap_or_default()));
        let optional = self.optional.iter();
        let optional = optional.map(|(it, queue)| (it, false, queue.backlog()));
        required.chain(optional).collect()
    }

    /// Returns the number of records of each source between server and outputs.
    pub fn in_flight(&self) -> BTreeMap<Arc<str>, u64> {
        let progress = self.progress.as_ref();
        progress.map(|it| it.in_flight()).unwrap_or_default()
    }
}
