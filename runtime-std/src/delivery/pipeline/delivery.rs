//! What the outputs are told to do.

use std::sync::{Arc, Mutex};

use estreamer_mio::buffer::{Batch, EventRecord};

use crate::delivery::dedup::sequencer::Verdict;
use crate::format::Data;
use crate::sync::lock;

/// Where records come from.
#[derive(Debug)]
pub struct SourceInfo {
    /// The source's name.
    pub name: Arc<str>,
    /// The form its events' data comes in.
    pub data: Data,
    /// Whether several servers may answer for it.
    pub has_several_servers: bool,
}

/// Lists of verdicts that are used again.
pub(super) type SpareVerdicts = Mutex<Vec<Vec<Verdict>>>;

/// A batch on its way to the outputs.
pub(super) struct Delivery {
    pub(super) n: u64,
    pub(super) source: Arc<SourceInfo>,
    pub(super) batch: Batch,
    pub(super) verdicts: Vec<Verdict>,
    /// Where the verdicts go when everybody is done with them.
    pub(super) spare: Arc<SpareVerdicts>,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        lock(&self.spare).push(std::mem::take(&mut self.verdicts));
    }
}

impl Delivery {
    /// The records to be delivered.
    pub(super) fn kept(&self) -> impl Iterator<Item = (EventRecord<'_>, &Verdict)> {
        self.batch
            .records()
            .zip(&self.verdicts)
            .filter(|(_, verdict)| verdict.keep)
    }
}

/// What comes to an output, in order.
#[derive(Clone)]
pub(super) enum Order {
    Deliver(Arc<Delivery>),
    /// Files are closed durably and opened by their names again.
    Reopen,
}
