//! What was not durable, or not what a start took for durable.

use super::*;

/// A start cut a file and failed to make that durable; the next start did not try again.
#[test]
fn a_cut_that_failed_to_be_durable_is_made_durable_by_the_next_start() {
    let actions = [
        store(0),
        SEND,
        ARRIVE,
        WRITE,
        FailSyncs { count: 1 },
        Rename {
            file: 1,
            away: false,
        },
        Crash(Crash::Kill),
        Crash(Crash::Power),
    ];
    holds(&[0, 2], &actions);
}

/// After a kill, an operator deleted the state, and syncs failed. By then the system has written
/// what the killed process left, so that the hash in the manifest is that of the file.
#[test]
fn what_a_killed_process_wrote_is_on_the_disk_when_an_operator_has_deleted_the_state() {
    let conditions = Conditions {
        overlap: 7,
        segment: 9280,
        outputs: vec![3, 4],
        ask: InitialTimestamp(99_990),
        deviations: [0, 2],
        history: 5,
    };
    let actions = [
        Send {
            source: 0,
            events: 5,
        },
        ARRIVE,
        WRITE,
        LoseSegment { second: true },
        FailSyncs { count: 5 },
        Commit,
        CrashAt {
            operation: 17,
            crash: Crash::PowerAndLength,
        },
    ];
    let (story, failure) = run::live(&conditions, &actions);
    assert_eq!(failure, None, "{story:#?}");
}

/// The process was killed, and the machine lost power a little later: the next process had taken
/// events for delivered that no disk had.
#[test]
fn a_power_loss_soon_after_a_kill_loses_nothing() {
    let kill = [store(0), SEND, ARRIVE, WRITE, Crash(Crash::Kill)];
    for power in [
        Crash::Power,
        Crash::PowerButJournal,
        Crash::PowerButOutputs,
        Crash::PowerAndLength,
    ] {
        for output in [0, 1, 2, 3] {
            holds(&[output], &[&kill[..], &[Crash(power)]].concat());
        }
    }
}

/// A sync failed, and the process was killed before it could note that. Later syncs succeed, but
/// the system does not write again what it failed to write.
#[test]
fn a_power_loss_after_a_failed_sync_and_a_kill_loses_nothing() {
    for operation in 1..30 {
        let crash = Crash::Kill;
        let actions = [
            store(0),
            SEND,
            ARRIVE,
            WRITE,
            FailSyncs { count: 1 },
            CrashAt { operation, crash },
            Commit,
            store(0),
            SEND,
            ARRIVE,
            WRITE,
            Crash(Crash::PowerAndLength),
        ];
        for output in [0, 3] {
            holds(&[output], &actions);
        }
    }
}

/// A start moved bytes of another program aside, and the sync failed; the next one had no error,
/// and the file was cut. After a power loss the bytes were nowhere.
#[test]
fn what_was_moved_aside_is_durable_before_the_file_is_cut() {
    let foreign = Append { file: 0 };
    let crash = Crash::Power;
    for (count, operation) in (2..6).flat_map(|count| (1..8).map(move |at| (count, at))) {
        let actions = [
            store(0),
            FailSyncs { count: 1 },
            foreign,
            Commit,
            FailSyncs { count },
            foreign,
            CrashAt { operation, crash },
            Commit,
            Crash(crash),
        ];
        holds(&[1], &actions);
    }
}
