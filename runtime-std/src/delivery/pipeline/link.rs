//! One connection's way into the pipeline.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::Batch;

use super::delivery::SourceInfo;
use super::dispatcher::Job;
use super::progress::{Credit, Progress};
use crate::delivery::ledger::Ledger;

/// One connection's way into the pipeline.
pub struct Link {
    source: Arc<SourceInfo>,
    jobs: Sender<Job>,
    progress: Arc<Progress>,
    ledger: Arc<Ledger>,
    credit: Arc<Credit>,
    /// Batches handed over.
    handed_over: Cell<u64>,
    /// Where to ask from.
    pub from: InitialTimestamp,
}

/// A link on its way: the pipeline has to work off what came before.
pub struct PendingLink {
    pub(super) source: Arc<SourceInfo>,
    pub(super) jobs: Sender<Job>,
    pub(super) progress: Arc<Progress>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) from: Receiver<InitialTimestamp>,
}

impl PendingLink {
    /// The link, once.
    pub fn link(&self) -> Option<Link> {
        let from = self.from.try_recv().ok()?;
        Some(Link {
            source: self.source.clone(),
            jobs: self.jobs.clone(),
            progress: self.progress.clone(),
            ledger: self.ledger.clone(),
            credit: Arc::default(),
            handed_over: Cell::new(0),
            from,
        })
    }
}

impl Link {
    /// The session has begun. `server` is a number that tells this server from
    /// another one that answers for the same source; 0 if it is not known.
    pub fn began(&self, server: u64) {
        let source = self.source.clone();
        // Without a receiver the pipeline has failed, and says so.
        let _ = self.jobs.send(Job::Began { source, server });
    }

    /// Hands a batch over.
    pub fn batch(&self, batch: Batch) {
        self.handed_over.set(self.handed_over.get() + 1);
        // As above.
        let _ = self.jobs.send(Job::Batch {
            source: self.source.clone(),
            credit: self.credit.clone(),
            batch,
        });
    }

    /// The ledger's account of this source.
    pub fn ledger(&self) -> (&Ledger, &Arc<str>) {
        (&self.ledger, &self.source.name)
    }

    /// Units of this connection that may be acknowledged.
    pub fn delivered(&self) -> u64 {
        self.credit.units()
    }

    /// Whether batches are on their way to the outputs.
    pub fn is_busy(&self) -> bool {
        self.handed_over.get() > self.credit.batches()
    }

    /// Whether as many records came as were wanted.
    pub fn is_enough(&self) -> bool {
        self.progress.is_enough()
    }

    /// Whether the pipeline cannot go on.
    pub fn has_failed(&self) -> bool {
        self.progress.has_failed()
    }
}
