//! The commands to the writers of outputs.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use estreamer_mio::buffer::{Batch, EventRecord};

use super::reading::{BatchReading, SharedReading};
use crate::delivery::dedup::sequencer::RecordVerdict;
use crate::format::OwnedTransform;
use crate::format::csv::SourceColumns;
use crate::sync::lock;

/// The source of records.
#[derive(Debug)]
pub struct SourceInfo {
    /// The name of the source.
    pub name: Arc<str>,
    /// The transform of its events.
    pub transform: OwnedTransform,
    /// The columns of its events, for the format that has some.
    pub columns: SourceColumns,
    /// Whether several servers may answer.
    pub has_several_servers: bool,
}

/// Verdict buffers for reuse.
pub(super) type SpareVerdicts = Mutex<Vec<Vec<RecordVerdict>>>;

/// A numbered batch for the outputs.
pub(super) struct Delivery {
    pub(super) n: u64,
    pub(super) source: Arc<SourceInfo>,
    /// When it was received, in UNIX seconds.
    pub(super) received: u64,
    pub(super) batch: Batch,
    pub(super) verdicts: Vec<RecordVerdict>,
    /// The members of its events, if several outputs look at them.
    pub(super) reading: Option<SharedReading>,
    /// When it was handed to the outputs.
    pub(super) sent: Instant,
    /// Receives the verdict buffer on drop.
    pub(super) spare: Arc<SpareVerdicts>,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        lock(&self.spare).push(std::mem::take(&mut self.verdicts));
    }
}

impl Delivery {
    /// Returns the records to deliver.
    pub(super) fn kept(&self) -> impl Iterator<Item = (EventRecord<'_>, &RecordVerdict)> {
        self.batch
            .records()
            .zip(&self.verdicts)
            .filter(|(_, verdict)| verdict.keep)
    }

    /// Returns the members of the events that several outputs look at. The first of these
    /// outputs reads them.
    pub(super) fn reading(&self) -> Option<&BatchReading> {
        let records = self.kept().map(|(record, _)| record);
        self.reading.as_ref()?.get(records)
    }
}

/// A command to the writer of an output.
#[derive(Clone)]
pub(super) enum OutputCommand {
    Deliver(Arc<Delivery>),
    /// Make files durable and reopen them by name.
    Reopen,
}
