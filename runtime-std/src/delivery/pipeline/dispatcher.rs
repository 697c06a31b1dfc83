//! The thread that numbers batches, and hands them to the outputs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{SystemTime, UNIX_EPOCH};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::{Batch, RecordKind};

use super::best_effort::BestEffort;
use super::delivery::{Delivery, Order, SourceInfo, SpareVerdicts};
use super::progress::{Counted, Credit, FailOnPanic, Progress, RECORDS};
use super::retry::Retry;
use super::steps::Steps;
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::dedup::sequencer::{Noticed, Numbered, Sequencer};
use crate::delivery::ledger::Ledger;
use crate::sync::lock;

/// What comes to the thread.
pub(super) enum Job {
    /// A connection is about to be made.
    Connect {
        source: Arc<SourceInfo>,
        from: InitialTimestamp,
        answer: Sender<InitialTimestamp>,
    },
    /// Its session has begun, with this server.
    Began {
        source: Arc<SourceInfo>,
        server: u64,
    },
    /// It brought records.
    Batch {
        source: Arc<SourceInfo>,
        credit: Arc<Credit>,
        batch: Batch,
    },
    /// Files are to be opened anew.
    Reopen,
}

pub(super) struct Dispatcher {
    sequencer: Sequencer,
    /// Records still to be delivered, at most.
    left: u64,
    outputs: Vec<Sender<Order>>,
    best_effort: Vec<BestEffort>,
    ledger: Arc<Ledger>,
    steps: Arc<Steps>,
    progress: Arc<Progress>,
    spare: Arc<SpareVerdicts>,
    retry: Retry,
    /// The last batch that was noted.
    noted: u64,
}

impl Dispatcher {
    pub(super) fn new(
        sequencer: Sequencer,
        limit: u64,
        outputs: Vec<Sender<Order>>,
        best_effort: Vec<BestEffort>,
        ledger: Arc<Ledger>,
        (steps, progress): (Arc<Steps>, Arc<Progress>),
    ) -> Self {
        Self {
            sequencer,
            left: limit,
            outputs,
            best_effort,
            ledger,
            steps,
            progress,
            spare: Arc::default(),
            retry: Retry::new("the journal"),
            noted: 0,
        }
    }

    /// Works until nothing comes any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let progress = self.progress.clone();
        let _guard = FailOnPanic(&progress);
        for job in jobs {
            let goes_on = match job {
                Job::Connect {
                    source,
                    from,
                    answer,
                } => self.connect(&source, from, &answer),
                Job::Began { source, server } => self.began(&source, server),
                Job::Batch {
                    source,
                    credit,
                    batch,
                } => self.batch(source, credit, batch),
                Job::Reopen => {
                    self.tell(&Order::Reopen);
                    true
                }
            };
            if !goes_on {
                break;
            }
        }
        drop(self.outputs);
        for output in self.best_effort {
            output.finish(&self.ledger);
        }
    }

    fn tell(&self, order: &Order) {
        for output in &self.outputs {
            // An output that has ended has failed, and says so.
            let _ = output.send(order.clone());
        }
    }

    fn connect(
        &mut self,
        source: &SourceInfo,
        from: InitialTimestamp,
        answer: &Sender<InitialTimestamp>,
    ) -> bool {
        let several = source.has_several_servers;
        let before = self.sequencer.anchor(&source.name);
        let from = self
            .sequencer
            .connect(&source.name, from, unix_seconds(), several);
        if !self.anchor(source, before) {
            return false;
        }
        // The connection that asked may have ended.
        let _ = answer.send(from);
        self.progress.wake();
        true
    }

    fn began(&mut self, source: &SourceInfo, server: u64) -> bool {
        let before = self.sequencer.anchor(&source.name);
        if self.sequencer.began(&source.name, unix_seconds(), server) {
            self.ledger
                .change(&source.name, |counts| counts.server_changes += 1);
        }
        self.anchor(source, before)
    }

    /// Makes durable where a source is asked from, if that changed.
    fn anchor(&mut self, source: &SourceInfo, before: Option<u32>) -> bool {
        let anchor = self.sequencer.anchor(&source.name);
        let Some(second) = anchor.filter(|_| anchor != before) else {
            return true;
        };
        let steps = &self.steps;
        let anchored = self
            .retry
            .until_stopped(&self.progress, || steps.anchor(&source.name, second));
        self.retry.progressed();
        anchored.is_some()
    }

    /// Numbers a batch, notes it, and sends it on; false when that is over.
    fn batch(&mut self, source: Arc<SourceInfo>, credit: Arc<Credit>, batch: Batch) -> bool {
        let mut verdicts = lock(&self.spare).pop().unwrap_or_default();
        let journal = self.steps.journal();
        let journal = journal.map(|mut it| (it.pending_records(), it.spare()));
        let (pending, memory) = journal.unwrap_or_default();
        if pending >= MOST_PENDING {
            self.progress.wait_for_commit(self.noted);
        }
        let name = &source.name;
        self.sequencer.screen(name, batch.records(), &mut verdicts);
        let Numbered {
            n,
            point,
            server,
            records,
            is_first,
            noticed,
        } = self.sequencer.number(
            name,
            batch.records(),
            &mut verdicts,
            self.left,
            unix_seconds(),
            memory,
        );
        let mut entry = Some(BatchEntry {
            n,
            source: name.clone(),
            server,
            point,
            records,
        });
        let steps = &self.steps;
        // With its first archival second it is known where to go on from, whatever
        // happens.
        let noted = self
            .retry
            .until_stopped(&self.progress, || steps.note(&mut entry, is_first));
        if noted.is_none() {
            return false;
        }
        self.retry.progressed();
        self.noted = n;
        self.left -= noticed.kept;
        if self.left == 0 {
            self.progress.enough();
        }
        self.count(&source, &batch, noticed);
        let counted = Counted {
            n,
            source: name.clone(),
            records: noticed.kept,
        };
        self.progress.sent(counted, credit, batch.units());
        let delivery = Arc::new(Delivery {
            n,
            source,
            batch,
            verdicts,
            spare: self.spare.clone(),
        });
        for output in &mut self.best_effort {
            output.offer(&delivery, &self.ledger);
        }
        self.tell(&Order::Deliver(delivery));
        true
    }

    fn count(&self, source: &SourceInfo, batch: &Batch, noticed: Noticed) {
        let (mut malformed, mut oversize) = (0, 0);
        for record in batch.records() {
            match record.kind {
                RecordKind::Event => {}
                RecordKind::Malformed(_) => malformed += 1,
                RecordKind::Oversize => oversize += 1,
            }
        }
        let received = batch.records().len() as u64;
        self.ledger.change(&source.name, |counts| {
            counts.received += received;
            counts.duplicates += noticed.duplicates;
            counts.missing += noticed.missing;
            counts.ahead += noticed.ahead;
            counts.unremembered += noticed.unremembered;
            counts.set_back += noticed.set_back;
            counts.disorder = counts.disorder.max(noticed.disorder.into());
            counts.malformed += malformed;
            counts.oversize += oversize;
        });
    }
}

/// So many records may wait for a commit, however long that takes: with twice as
/// many as make it due, no source waits while the disk is fast.
const MOST_PENDING: usize = 2 * RECORDS as usize;

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}
