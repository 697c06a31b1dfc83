//! A client and a server, connected by pipes that split, delay and truncate, with a
//! simulated clock.
#![cfg(feature = "fuzzing")]

mod common;

use common::with;
use estreamer_core::fuzzing::pair::{Op, Pair};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{ClientConfig, ServerConfig};
use proptest::collection::vec;
use proptest::prelude::*;

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1..300_usize).prop_map(Op::ToClient),
        4 => (1..40_usize).prop_map(Op::ToServer),
        3 => vec(0..300_usize, 0..4).prop_map(Op::Bundle),
        2 => Just(Op::Deliver),
        2 => (0..4_usize).prop_map(Op::Transmit),
        1 => (1..100_000_u32).prop_map(Op::Pass),
    ]
}

prop_compose! {
    fn configs()(
        window in prop_oneof![Just(64_usize), 64..300_usize, Just(65_536)],
        // The grace does not apply to a request in pieces.
        server_window in prop_oneof![Just(64_usize), Just(256)],
        ahead in 0..4_u32,
        unacknowledged in 1..5_u32,
        answers in any::<bool>(),
        inclusive in any::<bool>(),
        probe_after in prop_oneof![Just(0_u32), Just(60_000)],
        keep_alive in prop_oneof![Just(0_u32), Just(30_000)],
    ) -> ((usize, ClientConfig), (usize, ServerConfig)) {
        let mut quirks = Quirks::NONE;
        if answers {
            quirks = quirks.with(Quirk::AcknowledgeKeepAlives);
        }
        if inclusive && server_window == 256 {
            quirks = quirks.with(Quirk::RequestInclusive);
        }
        let client = with(ClientConfig::default(), |it| { it.ahead = ahead; it.probe_after = probe_after; it.dead_after = 0; it.quirks = quirks; });
        let server = with(ServerConfig::default(), |it| { it.unacknowledged = unacknowledged; it.keep_alive = keep_alive; });
        ((window, client), (server_window, server))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_doubled_or_stuck(
        (client, server) in configs(),
        ops in vec(op(), 0..60),
    ) {
        let mut pair = Pair::new(client, server);
        for op in &ops {
            pair.apply(op);
        }
        pair.drain(5);
        pair.check_complete();
    }

    #[test]
    fn a_cut_ends_both_and_what_was_received_was_sent(
        (client, server) in configs(),
        ops in vec(op(), 0..60),
    ) {
        let mut pair = Pair::new(client, server);
        for op in &ops {
            pair.apply(op);
        }
        pair.cut();
    }
}

#[test]
fn a_strict_pair_moves_one_bundle_at_a_time() {
    let client = with(ClientConfig::default(), |it| {
        it.ahead = 0;
    });
    let mut pair = Pair::new((1024, client), (1024, ServerConfig::default()));
    pair.reach_server(usize::MAX);
    for _ in 0..3 {
        assert!(pair.bundle(&[5]));
        assert!(!pair.bundle(&[5]), "it waits for its null");
        pair.reach_client(usize::MAX);
        assert!(!pair.transmit(9), "which waits for delivery");
        pair.deliver();
        assert!(pair.transmit(9));
        pair.reach_server(usize::MAX);
    }
    assert_eq!(pair.nulls(), 3);
}
