//! However a stream is chopped up, and whatever the window, it means the same.
//!
//! What depends on the window by design: a message over the window is skipped
//! under that policy, and a server's grace for the inclusive request length
//! needs the request to fit. Everything else is compared here.

mod common;

use common::conversation::conversation;
use common::{Join, Seen};
use estreamer_core::decode::{Limits, Step};
use estreamer_core::session::{
    ClientConfig, ClientSession, End, Instant, ServerConfig, ServerSession, Statistics,
};
use estreamer_core::wire::{DataForm, Expected, RecordLength};
use proptest::collection::vec;
use proptest::prelude::*;

/// What must not depend on window and chunks.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    /// Nulls owed by a client, credit left to a server.
    units: u64,
    statistics: Statistics,
    end: End,
}

/// The part of a session that is compared.
trait Session {
    fn step(&mut self, input: &[u8]) -> Result<Step, End>;
    fn settle(&mut self) {}
    fn end(&mut self) -> End;
    fn units(&self) -> u64;
    fn statistics(&self) -> Statistics;
}

impl Session for ClientSession {
    fn step(&mut self, input: &[u8]) -> Result<Step, End> {
        self.step(input, Instant(0))
    }

    fn settle(&mut self) {
        while self.poll_transmit(&mut [0; 64], Instant(0)) > 0 {}
        assert_eq!(self.acknowledged(), self.received(), "each unit, once");
    }

    fn end(&mut self) -> End {
        self.handle_eof()
    }

    fn units(&self) -> u64 {
        self.received()
    }

    fn statistics(&self) -> Statistics {
        *self.statistics()
    }
}

impl Session for ServerSession {
    fn step(&mut self, input: &[u8]) -> Result<Step, End> {
        self.step(input, Instant(0))
    }

    fn end(&mut self) -> End {
        self.handle_eof()
    }

    fn units(&self) -> u64 {
        u64::from(self.credit())
    }

    fn statistics(&self) -> Statistics {
        *self.statistics()
    }
}

/// Feeds the stream in these chunks, over and over, through a window.
fn run(mut session: impl Session, stream: &[u8], window: usize, chunks: &[usize]) -> Outcome {
    let mut chunks = chunks.iter().cycle();
    let mut join = Join::default();
    let (mut start, mut end) = (0, 0);
    let end = 'session: loop {
        loop {
            let input = &stream[start..end];
            let step = match session.step(input) {
                Ok(step) => step,
                Err(end) => break 'session end,
            };
            if let Some(frame) = &step.frame {
                join.add(frame, input);
            }
            start += step.consumed;
            if step.consumed == 0 && step.frame.is_none() {
                break;
            }
        }
        session.settle();
        if end == stream.len() {
            break session.end();
        }
        assert!(end - start < window, "a full window is always enough");
        end = (end + chunks.next().unwrap())
            .min(start + window)
            .min(stream.len());
    };
    Outcome {
        seen: join.seen,
        units: session.units(),
        statistics: session.statistics(),
        end,
    }
}

/// What is known of the records.
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
    let config = ClientConfig {
        window,
        limits,
        ahead: u32::MAX,
        record_length,
        expected,
        ..ClientConfig::default()
    };
    ClientSession::new(config, Instant(0)).unwrap()
}

/// A server with bundles out, so that nulls matter.
fn server(window: usize, limits: Limits) -> ServerSession {
    let config = ServerConfig {
        window,
        limits,
        unacknowledged: 3,
        ..ServerConfig::default()
    };
    let mut server = ServerSession::new(config, Instant(0)).unwrap();
    server.accept(Instant(0));
    while server.next_bundle(Instant(0)).is_some() {}
    server
}

fn limits() -> impl Strategy<Value = Limits> {
    let small = (0..300_u32, 0..300_u32, 0..300_u32);
    prop_oneof![
        Just(Limits::DEFAULT),
        small.prop_map(|(record, request, message)| Limits {
            record,
            request,
            message
        }),
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

/// The generator would be worthless if its sessions all ended at once.
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
        let limits = Limits {
            message: 500,
            ..Limits::DEFAULT
        };
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
            End::OutOfStep(_) => 2,
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
    // These are not a client's to see.
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
