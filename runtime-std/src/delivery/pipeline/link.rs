//! The link from a connection to the pipeline.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::Batch;

use super::delivery::SourceInfo;
use super::dispatcher::Job;
use super::progress::{Credit, DeliveryProgress};
use crate::delivery::ledger::Ledger;

/// The link from a connection to the pipeline.
pub struct Link {
    source: Arc<SourceInfo>,
    jobs: Sender<Job>,
    progress: Arc<DeliveryProgress>,
    ledger: Arc<Ledger>,
    credit: Arc<Credit>,
    /// The number of batches handed over.
    handed_over: Cell<u64>,
    /// The second to request from.
    pub from: InitialTimestamp,
}

/// A requested link. It is ready after the pipeline has processed earlier jobs.
pub struct PendingLink {
    pub(super) source: Arc<SourceInfo>,
    pub(super) jobs: Sender<Job>,
    pub(super) progress: Arc<DeliveryProgress>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) from: Receiver<InitialTimestamp>,
}

impl PendingLink {
    /// Returns the link when it is ready, once.
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
    /// Reports the start of the session. `server` is the number that identifies the server
    /// among those of the source; 0 if unknown.
    pub fn began(&self, server: u64) {
        let source = self.source.clone();
        // Fails only if the pipeline has failed, which it reports itself.
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

    /// Returns the ledger and the name of the source in it.
    pub fn ledger(&self) -> (&Ledger, &Arc<str>) {
        (&self.ledger, &self.source.name)
    }

    /// Returns the number of units of this connection that may be acknowledged.
    pub fn delivered(&self) -> u64 {
        self.credit.units()
    }

    /// Returns whether batches of this connection are pending.
    pub fn is_busy(&self) -> bool {
        self.handed_over.get() > self.credit.batches()
    }

    /// Returns whether the record limit is reached.
    pub fn is_enough(&self) -> bool {
        self.progress.is_enough()
    }

    /// Returns whether the pipeline has failed.
    pub fn has_failed(&self) -> bool {
        self.progress.has_failed()
    }
}
