//! The result of a session depends neither on how the stream is split nor on the
//! window.
//!
//! Two exceptions are by design: a message larger than the window is skipped with
//! that setting, and a server's grace for the inclusive request length needs the
//! request to fit. Everything else is compared here.

#![cfg(feature = "fuzzing")]

mod common;

use common::conversation::conversation;
use common::{Join, Seen, with};
use estreamer_core::decode::Limits;
use estreamer_core::fuzzing::stream::{Session, feed};
use estreamer_core::session::{
    ClientConfig, ClientSession, End, Instant, ServerConfig, ServerSession, Statistics,
};
use estreamer_core::wire::{DataForm, Expected, RecordLength};
use proptest::collection::vec;
use proptest::prelude::*;

/// The outcome, which must not depend on window and chunks.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    /// Units received by a client; credit of a server.
    units: u64,
    statistics: Statistics,
    end: End,
}

/// Feeds the stream through a window, in chunks of these sizes, repeatedly.
fn run(mut session: impl Session, stream: &[u8], window: usize, chunks: &[usize]) -> Outcome {
    let mut chunks = chunks.iter().cycle();
    let mut join = Join::default();
    let end = feed(
        &mut session,
        stream,
        window,
        || *chunks.next().unwrap(),
        |step, input| {
            if let Some(frame) = &step.frame {
                join.add(frame, input);
            }
        },
    );
    Outcome {
        seen: join.seen,
        units: session.units(),
        statistics: session.statistics(),
        end,
    }
}

/// The known form of the records.
type Records = (RecordLength, Option<Expected>);

fn records() -> impl Strategy<Value = Records> {
    let form = prop::sample::select(vec![DataForm::Json, DataForm::Text, DataForm::Opaque]);
    let expected = (any::<bool>(), form).prop_map(|(extended, form)| Expected { extended, form });
    (
        prop::sample::select(RecordLength::ALL.to_vec()),
        prop::option::of(expected),
    )
}

fn client(window: usize, limits: Limits, (record_length, expected): Records) -> ClientSession {
    let config = with(ClientConfig::default(), |it| {
        it.limits = limits;
        it.ahead = u32::MAX;
        it.record_length = record_length;
        it.expected = expected;
    });
    ClientSession::new(window, config, Instant(0)).unwrap()
}

/// A server with unacknowledged bundles, so that nulls count.
fn server(window: usize, limits: Limits) -> ServerSession {
    let config = with(ServerConfig::default(), |it| {
        it.limits = limits;
        it.unacknowledged = 3;
    });
    let mut server = ServerSession::new(window, config, Instant(0)).unwrap();
    server.accept(Instant(0));
    while server.next_bundle(Instant(0)).is_some() {}
    server
}

fn limits() -> impl Strategy<Value = Limits> {
    let small = (0..300_u32, 0..300_u32, 0..300_u32);
    prop_oneof![
        Just(Limits::DEFAULT),
        small.prop_map(|(record, request, message)| with(Limits::DEFAULT, |it| {
            it.record = record;
            it.request = request;
            it.message = message;
        })),
    ]
}

fn chunks() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        vec(1..20_usize, 1..8),
        vec(1..2000_usize, 1..8),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_client_sees_the_same_however_the_stream_is_split(
        stream in conversation(),
        window in prop_oneof![Just(64), 64..200_usize, 200..2000_usize],
        chunks in chunks(),
        limits in limits(),
        records in records(),
    ) {
        let whole = stream.len().max(64);
        let expected = run(client(whole, limits, records), &stream, whole, &[whole]);
        let found = run(client(window, limits, records), &stream, window, &chunks);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_server_sees_the_same_however_the_stream_is_split(
        stream in conversation(),
        window in prop_oneof![Just(64), 64..200_usize, 200..2000_usize],
        chunks in chunks(),
        limits in limits(),
    ) {
        let whole = stream.len().max(64);
        let expected = run(server(whole, limits), &stream, whole, &[whole]);
        let found = run(server(window, limits), &stream, window, &chunks);
        prop_assert_eq!(found, expected);
    }
}

/// The generator has to reach deep states, not only early ends.
#[test]
fn the_conversations_show_nearly_every_quirk_and_every_end() {
    use estreamer_core::quirk::Quirk;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut quirks, mut ends, mut messages) = (Vec::new(), [0; 4], 0);
    for _ in 0..1000 {
        let stream = conversation().new_tree(&mut runner).unwrap().current();
        let window = stream.len().max(64);
        let limits = with(Limits::DEFAULT, |it| {
            it.message = 500;
        });
        let expected = Expected {
            extended: true,
            form: DataForm::Json,
        };
        let records = (RecordLength::Auto, Some(expected));
        let client = client(window, limits, records);
        let outcome = run(client, &stream, window, &[window]);
        quirks.extend(outcome.statistics.deviations.seen().map(|(quirk, _)| quirk));
        messages += outcome.seen.len();
        ends[match outcome.end {
            End::Idle => 0,
            End::MidMessage => 1,
            End::InvalidHeader(_) => 2,
            End::PeerError { .. } => 3,
            _ => continue,
        }] += 1;
    }
    quirks.sort();
    quirks.dedup();
    let missing: Vec<_> = Quirk::ALL
        .iter()
        .filter(|quirk| !quirks.contains(quirk))
        .collect();
    // A client cannot see these.
    let others = [
        Quirk::RequestInclusive,
        Quirk::RequestBoth,
        Quirk::SurplusNull,
        // Seen as `sequence-repeat`.
        Quirk::SequenceStanding,
        Quirk::AcknowledgeKeepAlives,
    ];
    assert!(
        missing.iter().all(|quirk| others.contains(quirk)),
        "{missing:?}"
    );
    assert!(ends.iter().all(|&count| count > 20), "{ends:?}");
    assert!(messages > 5000, "{messages}");
}
