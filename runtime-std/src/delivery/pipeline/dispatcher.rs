//! The dispatcher thread: numbers batches and hands them to the outputs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::{Batch, RecordKind};

use super::acknowledgement::Credit;
use super::best_effort::BestEffort;
use super::delivery::{Delivery, OutputCommand, SourceInfo, SpareVerdicts};
use super::output_log::OutputLog;
use super::progress::{BatchRecords, DeliveryProgress, FailOnPanic, RECORDS};
use super::reading::Readers;
use super::retry::Retry;
use super::steps::DeliverySteps;
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::dedup::sequencer::{
    BatchCounts, Numbered, RecordVerdict, Remembered, Sequencer,
};
use crate::delivery::ledger::Ledger;
use crate::delivery::volumes::Volumes;
use crate::sync::lock;

/// A job of the dispatcher.
pub(super) enum Job {
    /// A connection is about to be made; answer with the second to request from.
    Connect {
        source: Arc<SourceInfo>,
        from: InitialTimestamp,
        answer: Sender<InitialTimestamp>,
    },
    /// The session of a connection began with this server.
    Began {
        source: Arc<SourceInfo>,
        server: u64,
    },
    /// A connection received records.
    Batch {
        source: Arc<SourceInfo>,
        credit: Arc<Credit>,
        batch: Batch,
    },
    /// Reopen files.
    Reopen,
}

/// The state of the dispatcher thread.
pub(super) struct Dispatcher {
    sequencer: Sequencer,
    /// Gets what was delivered, at the end.
    delivered: Remembered,
    /// The remaining number of records to deliver.
    left: u64,
    outputs: Vec<Sender<OutputCommand>>,
    best_effort: Vec<BestEffort>,
    readers: Arc<Readers>,
    ledger: Arc<Ledger>,
    steps: Arc<DeliverySteps>,
    progress: Arc<DeliveryProgress>,
    spare: Arc<SpareVerdicts>,
    retry: Retry,
    /// The last batch in the journal.
    last_appended: u64,
}

impl Dispatcher {
    pub(super) fn new(
        (sequencer, delivered, limit): (Sequencer, Remembered, u64),
        outputs: Vec<Sender<OutputCommand>>,
        (best_effort, readers): (Vec<BestEffort>, Arc<Readers>),
        ledger: Arc<Ledger>,
        (steps, progress): (Arc<DeliverySteps>, Arc<DeliveryProgress>),
    ) -> Self {
        let retry = Retry::new(OutputLog::journal(ledger.journal().clone()));
        Self {
            sequencer,
            delivered,
            left: limit,
            outputs,
            best_effort,
            readers,
            ledger,
            steps,
            progress,
            spare: Arc::default(),
            retry,
            last_appended: 0,
        }
    }

    /// Runs until all senders are dropped.
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
                    self.send(&OutputCommand::Reopen);
                    true
                }
            };
            if !goes_on {
                break;
            }
        }
        *lock(&self.delivered) = Some(self.sequencer.into_delivered());
        drop(self.outputs);
        for output in self.best_effort {
            output.finish(&self.ledger);
        }
    }

    fn send(&self, command: &OutputCommand) {
        for output in &self.outputs {
            // Fails only if the output has failed, which it reports itself.
            let _ = output.send(command.clone());
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
        // The connection may have ended.
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

    /// Makes the second to request from durable, if it changed.
    fn anchor(&mut self, source: &SourceInfo, before: Option<u32>) -> bool {
        let anchor = self.sequencer.anchor(&source.name);
        let Some(second) = anchor.filter(|_| anchor != before) else {
            return true;
        };
        let steps = &self.steps;
        let anchored = self
            .retry
            .until_stopped(&self.progress, || steps.anchor(&source.name, second));
        if anchored.is_some() {
            self.retry.progressed();
        }
        anchored.is_some()
    }

    /// Numbers a batch, appends it to the journal, and sends it to the outputs. Returns
    /// false if the pipeline ends.
    fn batch(&mut self, source: Arc<SourceInfo>, credit: Arc<Credit>, batch: Batch) -> bool {
        let mut verdicts = lock(&self.spare).pop().unwrap_or_default();
        let journal = self.steps.journal();
        let journal = journal.map(|mut it| (it.pending_records(), it.spare()));
        let (pending, memory) = journal.unwrap_or_default();
        if pending >= MAX_PENDING {
            self.progress.wait_for_commit(self.last_appended);
        }
        let name = &source.name;
        self.sequencer.screen(name, batch.records(), &mut verdicts);
        let Numbered {
            n,
            point,
            server,
            records,
            is_first,
            counts,
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
        // The first archival second of a source is made durable at once, so that the
        // resume point is known.
        let appended = self
            .retry
            .until_stopped(&self.progress, || steps.append_batch(&mut entry, is_first));
        if appended.is_none() {
            return false;
        }
        self.retry.progressed();
        self.last_appended = n;
        self.left -= counts.kept;
        if self.left == 0 {
            self.progress.enough();
        }
        let sent = Instant::now();
        let counted = BatchRecords {
            n,
            source: name.clone(),
            records: self.count(&source, &batch, &verdicts, counts),
            point,
            sent,
        };
        self.progress.sent(counted, credit, batch.units());
        let delivery = Arc::new(Delivery {
            n,
            reading: self.readers.reading(&source.name, &source.transform),
            source,
            received: unix_seconds(),
            batch,
            verdicts,
            sent,
            spare: self.spare.clone(),
        });
        for output in &mut self.best_effort {
            output.offer(&delivery, &self.ledger);
        }
        self.send(&OutputCommand::Deliver(delivery));
        true
    }

    /// Counts the records of a batch. Returns those to deliver.
    fn count(
        &self,
        source: &SourceInfo,
        batch: &Batch,
        verdicts: &[RecordVerdict],
        noticed: BatchCounts,
    ) -> Volumes {
        let (mut malformed, mut oversize) = (0, 0);
        let (mut kept, mut left_out) = (Volumes::default(), Volumes::default());
        let mut verdicts = verdicts.iter();
        for record in batch.records() {
            match record.kind {
                RecordKind::Event => {}
                RecordKind::Malformed(_) => malformed += 1,
                RecordKind::Oversize => oversize += 1,
            }
            let volumes = match verdicts.next().is_some_and(|verdict| verdict.keep) {
                true => &mut kept,
                false => &mut left_out,
            };
            volumes.count(record.record_type, record.data.len());
        }
        self.ledger.change(&source.name, |counts| {
            counts.received += &kept;
            counts.received += &left_out;
            counts.duplicates += noticed.duplicates;
            counts.missing += noticed.missing;
            counts.ahead += noticed.ahead;
            counts.unremembered += noticed.unremembered;
            counts.set_back += noticed.set_back;
            counts.disorder = counts.disorder.max(noticed.disorder.into());
            counts.malformed += malformed;
            counts.oversize += oversize;
        });
        kept
    }
}

/// The maximum number of records that wait for a commit. It is twice the number that
/// makes a commit due, so that no source waits while the disk is fast.
const MAX_PENDING: usize = 2 * RECORDS as usize;

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}
