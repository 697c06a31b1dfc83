//! The thread that numbers batches, and hands them to the outputs.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::batch::{Batch, RecordKind};

use super::best_effort::Lossy;
use super::delivery::{Delivery, Order, Origin};
use super::progress::Credit;
use super::retry::patiently;
use super::writer::TellsPanic;
use super::{Failure, Shared, Uncommitted};
use crate::delivery::bookmark::entry::Entry;
use crate::delivery::dedup::sequencer::{Memory, Noticed, Numbered, Sequencer, Verdict};
use crate::sync::lock;

/// What comes to the thread.
pub(super) enum Job {
    /// A connection is about to be made.
    Connect {
        origin: Arc<Origin>,
        from: InitialTimestamp,
        answer: Sender<InitialTimestamp>,
    },
    /// Its session has begun.
    Began { origin: Arc<Origin> },
    /// It brought records.
    Batch {
        origin: Arc<Origin>,
        credit: Arc<Credit>,
        batch: Batch,
    },
    /// Files are to be opened anew.
    Reopen,
}

/// Lists of verdicts that are used again.
pub(super) type Spare = Mutex<Vec<Vec<Verdict>>>;

pub(super) struct Numbering {
    pub(super) sequencer: Sequencer,
    /// Records still to be delivered, at most.
    pub(super) left: u64,
    pub(super) outputs: Vec<Sender<Order>>,
    pub(super) lossy: Vec<Lossy>,
    pub(super) shared: Arc<Shared>,
}

impl Numbering {
    /// Works until nothing comes any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let shared = self.shared.clone();
        let _told = TellsPanic(&shared);
        for job in jobs {
            match job {
                Job::Connect {
                    origin,
                    from,
                    answer,
                } => {
                    // Whoever asked may be gone.
                    let _ = answer.send(self.sequencer.connect(&origin.name, from));
                    self.shared.votes.wake();
                }
                Job::Began { origin } => self.sequencer.began(&origin.name, unix_seconds()),
                Job::Batch {
                    origin,
                    credit,
                    batch,
                } => {
                    if !self.batch(origin, credit, batch) {
                        break;
                    }
                }
                Job::Reopen => self.tell(&Order::Reopen),
            }
        }
        drop(self.outputs);
        for lossy in self.lossy {
            lossy.finish(&shared.ledger);
        }
    }

    fn tell(&self, order: &Order) {
        for output in &self.outputs {
            // An output that has ended has failed, and says so.
            let _ = output.send(order.clone());
        }
    }

    /// Numbers a batch, notes it, and sends it on; false when that is over.
    fn batch(&mut self, origin: Arc<Origin>, credit: Arc<Credit>, batch: Batch) -> bool {
        let shared = self.shared.clone();
        let journal = shared.journal.as_ref();
        let memory = Memory {
            verdicts: lock(&shared.spare).pop().unwrap_or_default(),
            records: journal.map_or_else(Vec::new, |journal| lock(journal).spare()),
        };
        let (name, records) = (&origin.name, batch.records());
        let before = self.sequencer.noticed(name);
        let anchored = self.sequencer.is_anchored(name);
        let Numbered { note, verdicts } =
            self.sequencer
                .batch(name, records, self.left, unix_seconds(), memory);
        let noticed = self.sequencer.noticed(name);
        let handed_on = noticed.delivered - before.delivered;
        let n = note.n;
        let is_anchor = !anchored && note.marks.is_some();
        if let Some(journal) = &shared.journal {
            let mut entry = Some(Entry::Batch(note));
            let noted = patiently(&shared, "the journal", || match entry.take() {
                None => Ok(()),
                Some(note) => lock(journal).note(note).map_err(|(note, error)| {
                    entry = Some(note);
                    error
                }),
            });
            if !noted {
                return false;
            }
            // Where to go on from is known from now on, whatever happens.
            if is_anchor && let Err(error) = lock(journal).sync() {
                shared.votes.fail(Failure::NotDurable(error));
                return false;
            }
        }
        self.left -= handed_on;
        if self.left == 0 {
            shared.votes.enough();
        }
        self.count(&origin, &batch, before, noticed);
        if journal.is_some() {
            lock(&shared.uncommitted).push_back(Uncommitted {
                n,
                source: origin.name.clone(),
                records: handed_on,
            });
        }
        shared.votes.sent(n, credit, batch.units);
        let delivery = Arc::new(Delivery {
            n,
            origin,
            batch,
            verdicts,
            spare: shared.spare.clone(),
        });
        for lossy in &mut self.lossy {
            lossy.offer(&delivery, &shared.ledger);
        }
        self.tell(&Order::Deliver(delivery));
        true
    }

    fn count(&self, origin: &Origin, batch: &Batch, before: Noticed, noticed: Noticed) {
        let (mut malformed, mut oversize) = (0, 0);
        for record in batch.records() {
            match record.kind {
                RecordKind::Event => {}
                RecordKind::Malformed(_) => malformed += 1,
                RecordKind::Oversize => oversize += 1,
            }
        }
        self.shared.ledger.change(&origin.name, |counts| {
            counts.delivered += noticed.delivered - before.delivered;
            counts.duplicates += noticed.duplicates - before.duplicates;
            counts.missing += noticed.missing - before.missing;
            counts.ahead += noticed.ahead - before.ahead;
            counts.bounded += noticed.bounded - before.bounded;
            counts.disorder = counts.disorder.max(noticed.disorder.into());
            counts.malformed += malformed;
            counts.oversize += oversize;
        });
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}
