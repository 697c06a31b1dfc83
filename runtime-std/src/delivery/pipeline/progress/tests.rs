use std::io;

use estreamer_core::wire::RecordType;
use estreamer_mio::event_loop::EventLoop;

use super::*;
use crate::failure::Wording;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn progress(outputs: usize, is_strict: bool) -> (DeliveryProgress, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::new(5, Wording::default()));
    let rules = Rules {
        is_strict,
        has_bookmark: true,
    };
    let wake = EventLoop::<()>::new().unwrap().handle();
    (
        DeliveryProgress::new(outputs, 10, rules, wake, ledger.clone()),
        ledger,
    )
}

/// Batch `n` of this many events of 7 bytes.
fn batch(n: u64, events: u64) -> BatchRecords {
    let mut records = Volumes::default();
    (0..events).for_each(|_| records.count(RecordType(9999), 7));
    BatchRecords {
        n,
        source: "fmc".into(),
        records,
        point: None,
        sent: Instant::now(),
    }
}

#[test]
fn credit_is_given_for_what_every_output_took_or_in_strict_mode_accepted() {
    for is_strict in [false, true] {
        let (progress, _) = progress(2, is_strict);
        let credit = Arc::<Credit>::default();
        progress.sent(batch(11, 1), credit.clone(), 5);
        progress.sent(batch(12, 1), credit.clone(), 9);
        progress.take(0, 12);
        assert_eq!(credit.units(), 0, "the other output has nothing");
        progress.take(1, 11);
        let after_taking = if is_strict { 0 } else { 5 };
        assert_eq!(credit.units(), after_taking);
        progress.accept(0, 12, 7);
        progress.accept(1, 12, 7);
        assert_eq!((credit.units(), credit.batches()), (9, 2));
        assert_eq!(progress.cut(), 12);
    }
}

#[test]
fn what_an_output_has_not_accepted_waits_for_it() {
    let (progress, ledger) = progress(2, false);
    let credit = Arc::<Credit>::default();
    for (n, events) in [(11, 2), (12, 3)] {
        progress.sent(batch(n, events), credit.clone(), n);
    }
    progress.accept(0, 11, 14);
    assert_eq!(progress.pending(), [3, 5]);
    let backlogs = progress.backlogs();
    let seen = backlogs.iter().map(|of| (of.batches, of.bytes));
    assert_eq!(seen.collect::<Vec<_>>(), [(1, 21), (2, 35)]);
    assert_eq!(progress.in_flight(), BTreeMap::from([("fmc".into(), 5)]));
    progress.accept(1, 11, 14);
    assert_eq!(progress.in_flight(), BTreeMap::from([("fmc".into(), 3)]));
    assert_eq!(ledger.of("fmc").accepted.events(), 2);
    assert_eq!(ledger.of("fmc").durable.events(), 0);
    progress.committed(11);
    assert_eq!(
        (progress.durable(), ledger.of("fmc").durable.events()),
        (11, 2)
    );
}

#[test]
fn what_a_failed_sync_took_back_is_not_counted() {
    let (progress, ledger) = progress(1, false);
    let credit = Arc::<Credit>::default();
    for n in [11, 12] {
        progress.sent(batch(n, 4), credit.clone(), n);
        progress.accept(0, n, 28);
    }
    progress.committed(11);
    progress.discard_not_durable();
    assert_eq!(ledger.of("fmc").accepted.events(), 4);
}

#[test]
fn a_failed_sync_is_told_rather_than_what_came_before_and_after_it() {
    let (progress, _) = progress(1, false);
    let output = || PipelineError::Output("out".into(), io::Error::other("full"));
    progress.fail(output());
    assert!(progress.has_failed() && !progress.is_void());
    progress.fail(PipelineError::ReaderLeft);
    let first = progress.take_failure();
    assert!(
        matches!(first, Some(PipelineError::Output(..))),
        "{first:?}"
    );
    progress.fail(output());
    progress.fail(PipelineError::NotDurable(io::Error::other("lost")));
    progress.fail(output());
    assert!(progress.is_void());
    let worst = progress.take_failure();
    assert!(
        matches!(worst, Some(PipelineError::NotDurable(_))),
        "{worst:?}"
    );
}

#[test]
fn a_commit_is_due_after_many_bytes_or_records_when_an_output_waits_and_at_the_end() {
    let is_due = |of: &DeliveryProgress| of.state().is_due();
    let (progress, _) = progress(1, false);
    let credit = Arc::<Credit>::default();
    progress.sent(batch(11, 1), credit.clone(), 1);
    progress.accept(0, 11, VOLUME - 1);
    assert!(!is_due(&progress));
    progress.accept(0, 11, 1);
    assert!(is_due(&progress), "many bytes");
    assert!(!progress.wait_for_commit_due(LONG), "batches still arrive");
    assert!(!is_due(&progress), "it is counted anew");
    progress.sent(batch(12, RECORDS), credit.clone(), 2);
    assert!(!is_due(&progress));
    progress.accept(0, 12, 0);
    assert!(is_due(&progress), "many records");
    progress.wait_for_commit_due(LONG);
    progress.committed(12);
    progress.state().wanted = 13;
    assert!(!is_due(&progress), "batch 13 is not accepted");
    progress.sent(batch(13, 1), credit, 3);
    progress.accept(0, 13, 0);
    assert!(is_due(&progress), "an output waits");
    progress.committed(13);
    assert!(!is_due(&progress));
    progress.finish();
    assert!(progress.wait_for_commit_due(LONG), "the end");
}

#[test]
fn the_end_is_waited_for_unless_an_output_needs_a_commit_or_it_is_late() {
    let (progress, _) = progress(1, false);
    progress.sent(batch(11, 1), Arc::default(), 1);
    progress.accept(0, 11, 7);
    progress.state().wanted = 11;
    assert_eq!(progress.wait_for_end_or_commit(), Some(false));
    progress.committed(11);
    assert!(progress.wait_until_durable(11));
    assert!(!progress.wait_for_writers(Instant::now()));
    progress.fail(PipelineError::Late);
    assert_eq!(progress.wait_for_end_or_commit(), None);
    assert!(
        !progress.wait_for_writers(Instant::now() + LONG),
        "it is late"
    );
    assert!(!progress.wait_until_durable(12), "it has failed");
    progress.writer_ended();
    assert_eq!(progress.wait_for_end_or_commit(), Some(true));
    assert!(progress.wait_for_writers(Instant::now()));
}

#[test]
fn a_pause_ends_with_the_pipeline() {
    let start = Instant::now();
    let (finishing, _) = progress(1, false);
    assert!(!finishing.is_over());
    finishing.finish();
    let (failed, _) = progress(1, false);
    failed.fail(PipelineError::ReaderLeft);
    for progress in [finishing, failed] {
        assert!(progress.is_over());
        progress.pause(LONG);
    }
    assert!(start.elapsed() < LONG);
}

#[test]
fn an_output_in_a_call_is_named() {
    let (progress, _) = progress(3, false);
    assert_eq!(progress.calling(1, || progress.called()), [1]);
    assert!(progress.called().is_empty());
}

#[test]
fn outputs_that_wait_for_different_commits_do_not_wait_for_each_other_at_a_stop() {
    let (progress, _) = progress(2, false);
    for n in 11..=16 {
        progress.sent(batch(n, 1), Arc::<Credit>::default(), 1);
    }
    progress.accept(0, 15, 7);
    progress.accept(1, 12, 7);
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let progress = &progress;
        scope.spawn(move || {
            // Ends the others if something here does not.
            let _ = is_done.recv_timeout(LONG);
            progress.fail(PipelineError::Late);
        });
        let first = scope.spawn(|| progress.wait_until_durable(15));
        let second = scope.spawn(|| progress.wait_until_durable(12));
        while progress.state().wanted < 15 {
            std::thread::yield_now();
        }
        progress.finish();
        // What is possible is committed, although it is not all that is waited for.
        assert_eq!(progress.wait_for_end_or_commit(), Some(false));
        progress.committed(progress.cut());
        assert!(second.join().unwrap());
        progress.accept(1, 16, 7);
        assert_eq!(progress.wait_for_end_or_commit(), Some(false));
        progress.committed(progress.cut());
        assert!(first.join().unwrap());
        drop(done);
    });
}

#[test]
fn nothing_that_happens_after_it_was_given_up_counts() {
    let (progress, _) = progress(1, false);
    progress.fail(PipelineError::Late);
    progress.fail(PipelineError::NotDurable(io::Error::other("disk")));
    assert!(progress.is_late() && !progress.is_void());
}
