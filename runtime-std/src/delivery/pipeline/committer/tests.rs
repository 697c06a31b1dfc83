//! Commits that fail, or while which something else fails.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use estreamer_mio::event_loop::EventLoop;

use super::*;
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::recovery::Bookmark;
use crate::delivery::ledger::Ledger;
use crate::delivery::pipeline::acknowledgement::Credit;
use crate::delivery::pipeline::progress::{BatchRecords, Rules};
use crate::delivery::volumes::Volumes;
use crate::digest::{Digest, DigestKey};
use crate::disk::FileIdentity;
use crate::failure::Wording;
use crate::fuzzing::disk::ModelDisk;

struct Scene {
    disk: ModelDisk,
    steps: DeliverySteps,
    progress: Arc<DeliveryProgress>,
}

/// One output, and a journal that becomes a new segment at this size.
fn scene(limit: u64) -> Scene {
    let disk = ModelDisk::default();
    let key = DigestKey::new([3; 32]);
    let mut journal = Journal::start(
        Arc::new(disk.clone()),
        Path::new("/state"),
        ("1", &key),
        vec!["out".into()],
        Bookmark::default(),
        None,
    )
    .unwrap();
    journal.set_limit(limit);
    let rules = Rules {
        is_strict: false,
        has_bookmark: true,
    };
    let wake = EventLoop::<()>::new().unwrap().handle();
    let ledger = Arc::new(Ledger::new(5, Wording::default()));
    Scene {
        disk,
        steps: DeliverySteps::new(Some(journal)),
        progress: Arc::new(DeliveryProgress::new(1, 0, rules, wake, ledger)),
    }
}

impl Scene {
    /// A batch is received, and accepted by the output if `is_accepted`.
    fn batch(&self, n: u64, is_accepted: bool) {
        let mut entry = Some(BatchEntry {
            n,
            source: "fmc".into(),
            server: 0,
            point: None,
            records: vec![(9, Digest::new(n.into()))],
        });
        self.steps.append_batch(&mut entry, false).unwrap();
        let batch = BatchRecords {
            n,
            source: "fmc".into(),
            records: Volumes::default(),
            point: None,
            sent: Instant::now(),
        };
        self.progress.sent(batch, Arc::<Credit>::default(), 0);
        if is_accepted {
            self.steps.accepted(&"out".into(), n).unwrap();
            self.progress.accept(0, n, 1);
        }
    }

    /// Runs the committer to its end, which comes within a minute; the outputs have finished.
    fn run(&self, files: &[OpenFiles]) {
        self.progress.finish();
        self.progress.writer_ended();
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|threads| {
            threads.spawn(move || {
                let ended = is_done.recv_timeout(Duration::from_secs(60));
                if ended == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    self.progress.fail(PipelineError::Late);
                }
            });
            run(files, &self.steps, &self.progress);
            drop(done);
        });
    }

    /// The number of the last batch in the bookmark.
    fn committed(&self) -> u64 {
        self.steps.journal().unwrap().bookmark().n
    }
}

/// A file during whose sync something fails in another thread.
struct FailsElsewhere(Arc<DeliveryProgress>, fn() -> PipelineError);

impl DiskFile for FailsElsewhere {
    fn sync(&self) -> io::Result<()> {
        self.0.fail(self.1());
        Ok(())
    }

    fn append(&self, _: &[u8]) -> io::Result<()> {
        unreachable!()
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        unreachable!()
    }

    fn lock(&self) -> io::Result<()> {
        unreachable!()
    }

    fn unlock(&self) {}

    fn set_group(&self, _: u32) -> io::Result<()> {
        unreachable!()
    }

    fn identity(&self) -> io::Result<FileIdentity> {
        unreachable!()
    }

    fn read_range(&self, _: u64, _: u64) -> io::Result<Vec<u8>> {
        unreachable!()
    }
}

#[test]
fn a_sync_that_fails_elsewhere_during_a_commit_voids_what_the_commit_left() {
    let scene = scene(1 << 20);
    scene.batch(1, true);
    scene.batch(2, false);
    let sync_failed = || PipelineError::NotDurable(io::Error::other("another disk"));
    let file: Arc<dyn DiskFile> = Arc::new(FailsElsewhere(scene.progress.clone(), sync_failed));
    scene.run(&[Arc::new(Mutex::new(vec![file]))]);
    assert_eq!(scene.committed(), 1);
    let journal = scene.steps.journal().unwrap();
    let discarded = journal.discarded().iter().map(|pending| pending.batch.n);
    assert_eq!(discarded.collect::<Vec<_>>(), [2]);
}

#[test]
fn a_commit_that_is_given_up_meanwhile_leaves_the_journal_to_another_pipeline() {
    let scene = scene(1 << 20);
    scene.batch(1, true);
    let late = || PipelineError::Late;
    let file: Arc<dyn DiskFile> = Arc::new(FailsElsewhere(scene.progress.clone(), late));
    scene.run(&[Arc::new(Mutex::new(vec![file]))]);
    assert_eq!(scene.committed(), 0);
    assert!(matches!(
        scene.progress.take_failure(),
        Some(PipelineError::Late)
    ));
}

#[test]
fn a_last_commit_that_cannot_be_recorded_is_a_failure() {
    let scene = scene(1 << 20);
    scene.batch(1, true);
    scene.disk.set_state_full(true);
    scene.run(&[]);
    assert_eq!(scene.committed(), 0);
    let failure = scene.progress.take_failure();
    assert!(
        matches!(&failure, Some(PipelineError::Output(what, _)) if what == "the journal"),
        "{failure:?}"
    );
    assert!(scene.progress.journal().failing().is_some());
}

#[test]
fn a_last_commit_is_tried_again() {
    let scene = scene(1 << 20);
    scene.batch(1, true);
    scene.disk.set_state_full(true);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let journal = scene.progress.journal();
            while journal.failing().is_none() && !scene.progress.has_failed() {
                std::thread::yield_now();
            }
            scene.disk.set_state_full(false);
        });
        scene.run(&[]);
    });
    assert_eq!(scene.committed(), 1);
    assert!(scene.progress.take_failure().is_none());
    assert!(scene.progress.journal().failing().is_none());
}

#[test]
fn writes_that_are_retried_do_not_make_the_journal_longer_and_longer() {
    let scene = scene(1000);
    scene.batch(1, false);
    for _ in 0..100 {
        scene.steps.accepted(&"out".into(), 1).unwrap();
    }
    // The one before the one that is written to.
    let content = || scene.disk.content(Path::new("/state/journal.0"));
    let before = content();
    std::thread::scope(|threads| {
        threads.spawn(|| run(&[], &scene.steps, &scene.progress));
        let began = Instant::now();
        while content() == before && began.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
        scene.progress.finish();
        scene.progress.writer_ended();
    });
    assert!(content() != before && content().len() < 1000);
}
