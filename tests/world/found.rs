//! What worlds once failed, as small as it got. Each is a list of actions, since a seed means
//! another world when actions are added.

mod durable;

use estreamer::fuzzing::disk::Crash;
use estreamer_core::wire::InitialTimestamp;

use crate::action::Action::{self, *};
use crate::run;
use crate::world::Conditions;

fn holds(outputs: &[usize], actions: &[Action]) {
    holds_with_history(outputs, InitialTimestamp::OLDEST, 0, actions);
}

fn holds_with_history(
    outputs: &[usize],
    ask: InitialTimestamp,
    history: usize,
    actions: &[Action],
) {
    let conditions = Conditions {
        overlap: 6,
        segment: 1472,
        outputs: outputs.to_vec(),
        ask,
        deviations: [0, 0],
        history,
    };
    let (story, failure) = run::live(&conditions, actions);
    assert_eq!(failure, None, "{story:#?}");
}

const fn store(source: usize) -> Action {
    Store {
        source,
        count: 4,
        late: 0,
        kind: 'x',
    }
}

const ARRIVE: Action = Arrive {
    source: 0,
    bytes: 1 << 20,
};
const SEND: Action = Send {
    source: 0,
    events: 6,
};
const WRITE: Action = Write {
    output: 0,
    behind: 0,
};

/// Two files of an output that was gone were moved aside after a power loss.
#[test]
fn a_file_of_an_output_that_is_gone_is_left_alone() {
    let reload = Reload {
        outputs: 0b10100,
        sources: 1,
        is_respelled: false,
    };
    let actions = [store(0), SEND, ARRIVE, Backup, reload, Restore];
    holds(&[0, 1, 3], &[&actions[..], &[Crash(Crash::Power)]].concat());
}

/// An event with a second far ahead came again after a start.
#[test]
fn a_first_event_from_the_future_comes_once() {
    let reload = Reload {
        outputs: 0b1101,
        sources: 1,
        is_respelled: true,
    };
    let future = StoreFuture { source: 0 };
    holds(&[0, 1, 2, 4], &[future, SEND, ARRIVE, reload]);
}

/// Foreign bytes behind a short beginning were moved aside.
#[test]
fn a_file_that_only_begins_as_ours_is_left_alone() {
    let actions = [
        Append { file: 0 },
        store(0),
        Truncate { file: 0, bytes: 6 },
        SEND,
        ARRIVE,
        WRITE,
        Replace { file: 0 },
        Truncate { file: 0, bytes: 55 },
        CrashAt {
            operation: 11,
            crash: Crash::Power,
        },
    ];
    holds(&[0, 1, 2], &actions);
}

/// A file was gone when a sync failed, and nobody was told that its events come again.
#[test]
fn it_is_told_that_events_come_again_after_a_failed_sync() {
    let start = [
        store(0),
        SEND,
        ARRIVE,
        WRITE,
        Compress { file: 1 },
        FailSyncs { count: 1 },
    ];
    for operation in 1..40 {
        for crash in [Crash::Kill, Crash::Power, Crash::PowerAndLength] {
            let later = [CrashAt { operation, crash }, store(1)];
            holds(&[1, 2, 3, 4], &[&start[..], &later].concat());
        }
    }
}

/// A file with bytes that were moved aside was taken for the file of the output, whose events
/// came again without a word.
#[test]
fn what_was_moved_aside_is_not_taken_for_the_file() {
    let crash = |operation, crash| CrashAt { operation, crash };
    let actions = [
        store(0),
        SEND,
        crash(9, Crash::PowerButOutputs),
        ARRIVE,
        WRITE,
        Write {
            output: 1,
            behind: 0,
        },
        Commit,
        SEND,
        ARRIVE,
        WRITE,
        Rename {
            file: 1,
            away: true,
        },
        Commit,
        crash(4, Crash::Power),
    ];
    holds(&[0, 3], &actions);
}

/// After a kill, a source was asked for events from before the time that the user asks from.
#[test]
fn a_start_asks_for_nothing_before_the_time_that_the_user_asks_from() {
    let send = Send {
        source: 1,
        events: 4,
    };
    let arrive = Arrive {
        source: 1,
        bytes: 208,
    };
    let from = InitialTimestamp(99_990);
    holds_with_history(&[3], from, 4, &[send, arrive, Crash(Crash::Kill)]);
}

/// A planted bug that moved it was not found, because its line was still somewhere.
#[test]
fn what_another_program_appends_stays_where_it_is() {
    holds(&[3], &[Append { file: 0 }, Crash(Crash::Kill)]);
}

/// Events were cut off a file that was closed to be reopened, and nobody was told.
#[test]
fn what_is_cut_off_a_closed_file_is_told() {
    let reopened = |again: &[Action]| {
        let mut actions = vec![store(0), SEND, ARRIVE, WRITE, Reopen { output: 0 }];
        actions.extend_from_slice(again);
        actions.push(Truncate { file: 0, bytes: 9 });
        actions.extend([store(0), SEND, ARRIVE]);
        holds(&[0], &actions);
    };
    reopened(&[]);
    reopened(&[Reopen { output: 0 }]);
}

/// The same, after another cut that was told.
#[test]
fn what_is_cut_off_twice_is_told_twice() {
    let cut = Truncate { file: 1, bytes: 9 };
    let first = [store(0), SEND, ARRIVE, WRITE, cut];
    let second = [store(0), SEND, ARRIVE, WRITE, Reopen { output: 0 }];
    let last = [
        Truncate {
            file: 1,
            bytes: 400,
        },
        store(0),
        SEND,
        ARRIVE,
    ];
    // The second output has to write before the first one can mark its file.
    holds(&[1, 0], &[&first[..], &second, &last].concat());
}

/// The file of one output was gone, and an empty one of another had its number: it was taken
/// for it, and nobody was told that its events came again.
#[test]
fn an_empty_file_is_not_another_one_that_had_its_number() {
    holds_with_history(
        &[0, 1, 2, 3],
        InitialTimestamp::OLDEST,
        2,
        &[
            SEND,
            ARRIVE,
            StoreTwin { source: 0 },
            SEND,
            ARRIVE,
            Write {
                output: 2,
                behind: 1,
            },
            Compress { file: 11 },
            Compress { file: 10 },
            Write {
                output: 2,
                behind: 0,
            },
            FailSyncs { count: 1 },
            Write {
                output: 1,
                behind: 0,
            },
        ],
    );
}

/// A start was killed after it had recorded how long a file is, and before it had told that
/// another program cut it: the next start knew nothing of that.
#[test]
fn a_start_tells_before_it_records() {
    let conditions = Conditions {
        overlap: 7,
        segment: 8704,
        outputs: vec![1, 4],
        ask: InitialTimestamp(99990),
        deviations: [3, 1],
        history: 2,
    };
    let reload = |outputs, sources, is_respelled| Reload {
        outputs,
        sources,
        is_respelled,
    };
    let actions = [
        Store {
            source: 1,
            count: 3,
            late: 0,
            kind: 'x',
        },
        reload(15, 3, false),
        reload(14, 3, true),
        FailSyncs { count: 1 },
        Commit,
        Send {
            source: 1,
            events: 3,
        },
        Arrive {
            source: 1,
            bytes: 1 << 20,
        },
        reload(6, 2, false),
        FailSyncs { count: 1 },
        CrashAt {
            operation: 18,
            crash: Crash::Kill,
        },
        Truncate { file: 9, bytes: 62 },
        Commit,
    ];
    let (story, failure) = run::live(&conditions, &actions);
    assert_eq!(failure, None, "{story:#?}");
}

/// Another program cut a file and wrote a line that begins as the old one. Its end was moved aside
/// after a power loss, and the line was in two files: no fault of the program.
#[test]
fn a_line_that_begins_as_the_one_that_was_cut_may_be_in_two_files() {
    let conditions = Conditions {
        overlap: 5,
        segment: 7296,
        outputs: vec![0, 4],
        ask: InitialTimestamp::OLDEST,
        deviations: [2, 0],
        history: 0,
    };
    let actions = [
        Append { file: 0 },
        Truncate { file: 1, bytes: 4 },
        DeleteState,
        Store {
            source: 0,
            count: 4,
            late: 0,
            kind: 'y',
        },
        Truncate { file: 0, bytes: 80 },
        CrashAt {
            operation: 6,
            crash: Crash::PowerButOutputs,
        },
        Append { file: 3 },
    ];
    let (story, failure) = run::live(&conditions, &actions);
    assert_eq!(failure, None, "{story:#?}");
}

/// A disk was full while bytes were moved aside: half of them stayed in a file that nobody was
/// told of, and the next start used another name.
#[test]
fn bytes_are_moved_aside_to_one_file_that_is_told() {
    for operation in 1..40 {
        let actions = [
            FailSyncs { count: 1 },
            Full(true),
            Send {
                source: 1,
                events: 2,
            },
            Append { file: 12 },
            CrashAt {
                operation,
                crash: Crash::Kill,
            },
            ARRIVE,
            store(0),
            SEND,
            ARRIVE,
            WRITE,
        ];
        holds_with_history(&[0, 3], InitialTimestamp::OLDEST, 4, &actions);
    }
}

/// A line that another program had cut apart was looked for in the file of the old name.
#[test]
fn a_line_that_was_cut_apart_is_found_in_a_file_that_was_compressed_since() {
    let from = InitialTimestamp(99_990);
    let crash_at = |operation| CrashAt {
        operation,
        crash: Crash::PowerButJournal,
    };
    holds_with_history(
        &[0, 2, 4],
        from,
        4,
        &[
            Replace { file: 13 },
            Truncate { file: 3, bytes: 34 },
            crash_at(1),
            Commit,
            Truncate { file: 0, bytes: 2 },
            Append { file: 2 },
            crash_at(5),
            Commit,
            Commit,
            Compress { file: 0 },
        ],
    );
}

/// The state was taken away, so that two files begin with the same events. The newer one was
/// renamed, and a power loss came: the older one was taken for it, and nobody was told that the
/// events of the newer one come again.
#[test]
fn of_two_files_with_the_same_beginning_the_last_one_is_found() {
    let conditions = Conditions {
        overlap: 7,
        segment: 1664,
        outputs: vec![0, 1, 2, 4],
        ask: InitialTimestamp(99990),
        deviations: [0, 5],
        history: 4,
    };
    let actions = [
        Send {
            source: 1,
            events: 3,
        },
        Arrive {
            source: 1,
            bytes: 1048576,
        },
        DeleteState,
        Rename {
            file: 4,
            away: false,
        },
        Send {
            source: 1,
            events: 5,
        },
        Send {
            source: 0,
            events: 5,
        },
        Arrive {
            source: 1,
            bytes: 156,
        },
        Arrive {
            source: 0,
            bytes: 244,
        },
        Write {
            output: 0,
            behind: 1,
        },
        CrashAt {
            operation: 12,
            crash: Crash::Power,
        },
        CommitPart { operations: 5 },
        CommitPart { operations: 3 },
        Rename {
            file: 13,
            away: false,
        },
    ];
    let (story, failure) = run::live(&conditions, &actions);
    assert_eq!(failure, None, "{story:#?}");
}
