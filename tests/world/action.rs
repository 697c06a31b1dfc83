//! What happens in a world, one thing after the other.

use estreamer::fuzzing::disk::Crash;

use crate::receiver::Mood;
use estreamer_tests::random::Random;

/// Something that happens. Numbers that are too large for what is there wrap around, so that
/// any part of a list of actions is a list of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A server stores events, so many seconds late.
    Store {
        source: usize,
        count: usize,
        late: u32,
        kind: char,
    },
    /// A server stores an event with a second that is far ahead.
    StoreFuture { source: usize },
    /// A server stores its last event once more: two equal events happened.
    StoreTwin { source: usize },
    /// A server sends a bundle, if it may.
    Send { source: usize, events: usize },
    /// A server sends its last bundle once more.
    Repeat { source: usize },
    /// A server sends a null message.
    SendNull { source: usize },
    /// So many bytes of a server arrive.
    Arrive { source: usize, bytes: usize },
    /// The connection is cut; what was on its way is lost.
    Cut { source: usize },
    /// A server's clock is set back.
    SetBack { source: usize },
    /// An output writes its queue, except the last batches.
    Write { output: usize, behind: usize },
    /// The outputs with receivers look for answers.
    Poll,
    /// The bookmark is committed.
    Commit,
    /// So many operations of a commit are done; other actions may come before the next ones.
    CommitPart { operations: usize },
    /// The collector reopens the files of an output.
    Reopen { output: usize },
    /// Time passes, in seconds.
    Wait { seconds: u64 },
    /// Our clock is set, in seconds from the right time.
    Clock { ahead: u64 },
    /// The process is killed, or the machine loses power, now.
    Crash(Crash),
    /// The same, at an operation of the disk later.
    CrashAt { operation: u64, crash: Crash },
    /// The disk becomes full for outputs, or has space again.
    Full(bool),
    /// The disk of the state directory becomes full, or has space again.
    StateFull(bool),
    /// So many of the next syncs fail.
    FailSyncs { count: usize },
    /// The next renaming of a file that is closed fails.
    FailRename,
    /// After the next restart of the machine, file systems have other device numbers.
    Renumber,
    /// The collector stops in order, and starts with these outputs and sources.
    Reload {
        outputs: usize,
        sources: usize,
        /// Whether the paths are spelled in another way.
        is_respelled: bool,
    },
    /// The receiver behaves differently from now on.
    Receiver(Mood),
    /// Another program renames a file in its directory or moves it away.
    Rename { file: usize, away: bool },
    /// Another program appends to a file.
    Append { file: usize },
    /// Another program replaces a file by a longer one.
    Replace { file: usize },
    /// Another program cuts the end of a file.
    Truncate { file: usize, bytes: usize },
    /// Another program compresses a file and removes the original.
    Compress { file: usize },
    /// A byte of a file changes by itself.
    Rot { file: usize, at: usize },
    /// The operator copies the state directory.
    Backup,
    /// The operator stops the collector, and puts the copy back.
    Restore,
    /// The operator stops the collector, and deletes the state directory.
    DeleteState,
    /// The process is killed, and a segment of the journal is gone.
    LoseSegment { second: bool },
}

/// Kinds of trouble. A world has some of them.
const TROUBLES: usize = 12;

const CRASHES: [Crash; 6] = [
    Crash::Kill,
    Crash::Power,
    Crash::PowerButJournal,
    Crash::PowerButOutputs,
    Crash::PowerAndLength,
    Crash::PowerAndHole,
];

/// Returns the actions of a seed.
pub(crate) fn of_seed(random: &mut Random) -> Vec<Action> {
    // Rare combinations become frequent if each world has only some kinds.
    let kinds: Vec<usize> = (0..TROUBLES).filter(|_| random.once_in(3)).collect();
    let count = 20 + random.index(130);
    let action = |random: &mut Random| match kinds.is_empty() || !random.once_in(6) {
        true => usual(random),
        false => trouble(kinds[random.index(kinds.len())], random),
    };
    (0..count).map(|_| action(random)).collect()
}

/// What happens in a good world as well.
fn usual(random: &mut Random) -> Action {
    let source = random.index(2);
    match random.index(23) {
        0..=3 => Action::Store {
            source,
            count: 1 + random.index(4),
            late: if random.once_in(3) {
                random.index(6) as u32
            } else {
                0
            },
            kind: if random.once_in(2) { 'x' } else { 'y' },
        },
        4 => Action::StoreTwin { source },
        5..=7 => Action::Send {
            source,
            events: 1 + random.index(6),
        },
        8..=11 => Action::Arrive {
            source,
            bytes: if random.once_in(2) {
                1 << 20
            } else {
                random.index(300)
            },
        },
        12..=14 => Action::Write {
            output: random.index(5),
            behind: if random.once_in(3) {
                random.index(3)
            } else {
                0
            },
        },
        15 => Action::Poll,
        16..=17 => Action::Commit,
        18 => Action::SendNull { source },
        19..=21 => Action::CommitPart {
            operations: 1 + random.index(8),
        },
        _ => Action::Wait {
            seconds: random.index(20) as u64,
        },
    }
}

fn trouble(kind: usize, random: &mut Random) -> Action {
    let source = random.index(2);
    let file = random.index(16);
    let crash = CRASHES[random.index(CRASHES.len())];
    match kind {
        0 => Action::Crash(crash),
        1 => Action::CrashAt {
            operation: 1 + random.index(24) as u64,
            crash,
        },
        2 => match random.index(2) {
            0 => Action::Full(!random.once_in(3)),
            _ => Action::StateFull(!random.once_in(3)),
        },
        3 => match random.index(4) {
            0 => Action::FailRename,
            _ => Action::FailSyncs {
                count: if random.once_in(3) {
                    2 + random.index(4)
                } else {
                    1
                },
            },
        },
        4 => match random.index(5) {
            0 => Action::StoreFuture { source },
            1 => Action::Wait {
                seconds: 30 + random.index(1000) as u64,
            },
            2 => Action::Cut { source },
            3 => Action::Repeat { source },
            _ => Action::Reopen {
                output: random.index(5),
            },
        },
        5 => Action::Reload {
            outputs: 1 + random.index(63),
            sources: 1 + random.index(3),
            is_respelled: random.once_in(3),
        },
        6 => Action::Receiver(Mood::ALL[random.index(Mood::ALL.len())]),
        7 => Action::Rename {
            file,
            away: random.once_in(3),
        },
        8 => match random.index(3) {
            0 => Action::Append { file },
            1 => Action::Replace { file },
            _ => Action::Compress { file },
        },
        9 => match random.index(2) {
            0 => Action::Truncate {
                file,
                bytes: 1 + random.index(100),
            },
            _ => Action::Rot {
                file,
                at: random.index(4096),
            },
        },
        10 => match random.index(6) {
            0 | 1 => Action::Backup,
            2 => Action::Restore,
            3 => Action::DeleteState,
            4 => Action::LoseSegment {
                second: random.once_in(2),
            },
            _ => Action::Renumber,
        },
        _ => match random.index(3) {
            0 => Action::SetBack { source },
            1 => Action::Clock { ahead: 0 },
            _ => Action::Clock {
                ahead: random.index(7200) as u64,
            },
        },
    }
}
