//! A client against a server, through a pipe that splits, delays and cuts, with
//! a clock that is a number.

mod common;

use common::{Join, Seen};
use estreamer_core::decode::{Frame, Kind};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{
    ClientConfig, ClientSession, End, Instant, ServerConfig, ServerSession,
};
use estreamer_core::wire::{BundleWriter, Event, EventStreamRequest, InitialTimestamp, RecordType};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::VecDeque;

/// What happens next.
#[derive(Debug, Clone)]
enum Op {
    /// So many bytes of those under way arrive.
    ToClient(usize),
    ToServer(usize),
    /// The server builds a bundle of events of these sizes, if it may.
    Bundle(Vec<usize>),
    /// The client's application has caught up.
    Deliver,
    /// The client sends what it owes, at most so many nulls.
    Transmit(usize),
    /// Time passes, in milliseconds.
    Pass(u32),
}

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

/// Bytes under way to one end, and its window.
struct Line {
    under_way: VecDeque<u8>,
    window: Vec<u8>,
    room: usize,
}

impl Line {
    fn new(room: usize) -> Self {
        Self {
            under_way: VecDeque::new(),
            window: Vec::new(),
            room,
        }
    }

    /// Lets bytes arrive, as far as there is room; tells how many did.
    fn arrive(&mut self, count: usize) -> usize {
        let room = self.room - self.window.len();
        let count = count.min(room).min(self.under_way.len());
        self.window.extend(self.under_way.drain(..count));
        count
    }
}

struct Pair {
    now: Instant,
    client: ClientSession,
    server: ServerSession,
    to_client: Line,
    to_server: Line,
    allowed: u32,
    /// Events sent, by their data; frames received.
    sent: Vec<Vec<u8>>,
    received: Join,
    bundles: u64,
    nulls: u64,
    keep_alives: u64,
}

const BLOCK: &[u8] = br#"{"Events":{"FileEvent":{"Fields":["FileName"]}},"OutputFormat":{"Transform":"Text","TransformConfig":"JSON"}}"#;

impl Pair {
    fn new(client: ClientConfig, server: ServerConfig) -> Self {
        let now = Instant(0);
        let mut pair = Self {
            now,
            client: ClientSession::new(client, now).unwrap(),
            server: ServerSession::new(server, now).unwrap(),
            to_client: Line::new(client.window),
            to_server: Line::new(server.window),
            allowed: server.unacknowledged,
            sent: Vec::new(),
            received: Join::default(),
            bundles: 0,
            nulls: 0,
            keep_alives: 0,
        };
        let request = EventStreamRequest {
            from: InitialTimestamp::OLDEST,
            flags: estreamer_core::wire::RequestFlags::EXTENDED_HEADER,
            block: BLOCK,
        };
        let mut out = [0; 256];
        let request = estreamer_core::fqe::emit(&request, client.quirks, &mut out).unwrap();
        pair.to_server.under_way.extend(request);
        pair
    }

    /// Lets bytes arrive at the client; tells whether anything happened.
    fn reach_client(&mut self, count: usize) -> bool {
        let arrived = self.to_client.arrive(count);
        loop {
            let input = &self.to_client.window;
            let step = self
                .client
                .step(input, self.now)
                .expect("the client stands");
            if let Some(frame) = &step.frame {
                self.received.add(frame, input);
            }
            self.to_client.window.drain(..step.consumed);
            if step.consumed == 0 && step.frame.is_none() {
                return arrived > 0;
            }
        }
    }

    /// Lets bytes arrive at the server; tells whether anything happened.
    fn reach_server(&mut self, count: usize) -> bool {
        let arrived = self.to_server.arrive(count);
        loop {
            let input = &self.to_server.window;
            let step = self
                .server
                .step(input, self.now)
                .expect("the server stands");
            match &step.frame {
                Some(Frame::Message { head, body }) if is_request(&head.kind) => {
                    assert_eq!(body.of(input), BLOCK);
                    self.server.accept(self.now);
                }
                Some(Frame::End) => self.server.accept(self.now),
                _ => {}
            }
            self.to_server.window.drain(..step.consumed);
            if step.consumed == 0 && step.frame.is_none() {
                return arrived > 0;
            }
        }
    }

    fn bundle(&mut self, sizes: &[usize]) -> bool {
        let Some(header) = self.server.next_bundle(self.now) else {
            return false;
        };
        self.bundles += 1;
        assert_eq!(u64::from(header.sequence), self.bundles);
        let mut out = vec![0; 16 + sizes.iter().map(|size| size + 24).sum::<usize>()];
        let mut bundle = BundleWriter::new(&mut out, header, Quirks::NONE).unwrap();
        for &size in sizes {
            let data = vec![(self.sent.len() % 256) as u8; size];
            bundle
                .push(&Event::new(RecordType::FILE, Some(1), &data))
                .unwrap();
            self.sent.push(data);
        }
        self.to_client.under_way.extend(bundle.finish());
        true
    }

    fn transmit(&mut self, nulls: usize) -> bool {
        let mut out = vec![0; nulls * 8];
        let length = self.client.poll_transmit(&mut out, self.now);
        self.to_server.under_way.extend(&out[..length]);
        self.nulls += length as u64 / 8;
        length > 0
    }

    fn pass(&mut self, milliseconds: u32) {
        self.now = self.now.after(milliseconds);
        if self
            .client
            .poll_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.client
                .handle_timeout(self.now)
                .expect("nobody is dead");
        }
        if self
            .server
            .poll_timeout()
            .is_some_and(|due| due <= self.now)
        {
            self.server.handle_timeout(self.now).unwrap();
            let mut out = [0; 8];
            let length = self.server.poll_transmit(&mut out, self.now);
            self.to_client.under_way.extend(&out[..length]);
            self.keep_alives += length as u64 / 8;
            self.reach_server(0);
        }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::ToClient(count) => _ = self.reach_client(*count),
            Op::ToServer(count) => _ = self.reach_server(*count),
            Op::Bundle(sizes) => _ = self.bundle(sizes),
            Op::Deliver => self.client.delivered(self.client.received()),
            Op::Transmit(nulls) => _ = self.transmit(*nulls),
            Op::Pass(milliseconds) => self.pass(*milliseconds),
        }
        self.check();
    }

    fn check(&self) {
        let surplus = self.nulls - self.client.acknowledged();
        let open = self.bundles - self.client.acknowledged();
        assert!(
            open <= u64::from(self.allowed) + surplus,
            "{open} bundles are not acknowledged, {surplus} nulls were surplus"
        );
        assert!(self.server.credit() <= self.allowed);
        assert!(self.client.acknowledged() <= self.client.received());
        assert!(self.client.received() <= self.bundles);
    }

    /// Serves `more` bundles and moves everything there is to move.
    fn drain(&mut self, mut more: usize) {
        loop {
            let mut moved = self.reach_server(usize::MAX);
            if more > 0 && self.bundle(&[10, 100]) {
                more -= 1;
                moved = true;
            }
            moved |= self.reach_client(usize::MAX);
            self.client.delivered(self.client.received());
            moved |= self.transmit(3);
            self.check();
            if !moved {
                // Time is what a request with the inclusive length waits for.
                match self.server.is_streaming() {
                    true => break,
                    false => self.pass(250),
                }
                assert!(self.now < Instant(10_000_000), "the request is lost");
            }
        }
        assert_eq!(more, 0, "deadlock");
    }
}

fn is_request(kind: &Kind) -> bool {
    matches!(kind, Kind::Request { .. })
}

prop_compose! {
    fn configs()(
        window in prop_oneof![Just(64_usize), 64..300_usize, Just(65_536)],
        // A request that comes in pieces gets no grace.
        server_window in prop_oneof![Just(64_usize), Just(256)],
        ahead in 0..4_u32,
        unacknowledged in 1..5_u32,
        answers in any::<bool>(),
        inclusive in any::<bool>(),
        probe_after in prop_oneof![Just(0_u32), Just(60_000)],
        keep_alive in prop_oneof![Just(0_u32), Just(30_000)],
    ) -> (ClientConfig, ServerConfig) {
        let mut quirks = Quirks::NONE;
        if answers {
            quirks = quirks.with(Quirk::AcknowledgeKeepAlives);
        }
        if inclusive && server_window == 256 {
            quirks = quirks.with(Quirk::RequestInclusive);
        }
        let client = ClientConfig {
            window,
            ahead,
            probe_after,
            dead_after: 0,
            quirks,
            ..ClientConfig::default()
        };
        let server = ServerConfig {
            window: server_window,
            unacknowledged,
            keep_alive,
            ..ServerConfig::default()
        };
        (client, server)
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
        let events: Vec<Vec<u8>> = pair.received.seen.iter()
            .filter(|seen| matches!(seen, Seen::Message { .. }))
            .filter(|seen| matches!(seen.head().kind, Kind::Event { .. }))
            .map(|seen| seen.body().to_vec())
            .collect();
        prop_assert_eq!(&events, &pair.sent);
        prop_assert_eq!(pair.client.received(), pair.bundles);
        prop_assert_eq!(pair.client.acknowledged(), pair.bundles);
        prop_assert_eq!(pair.client.statistics().bundles, pair.bundles);
        prop_assert_eq!(pair.client.statistics().nulls, pair.keep_alives);
        prop_assert_eq!(pair.server.credit(), pair.allowed, "all came back");
        let surplus = pair.nulls - pair.bundles;
        if client.probe_after == 0 && !client.quirks.has(Quirk::AcknowledgeKeepAlives) {
            prop_assert_eq!(surplus, 0, "one null for each bundle");
        }
        let counted = pair.server.statistics().deviations;
        let counted = counted.of(Quirk::SurplusNull) + counted.of(Quirk::AcknowledgeKeepAlives);
        prop_assert_eq!(u64::from(counted), surplus);
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
        let partial = !pair.to_client.window.is_empty();
        let untouched = pair.client.statistics().bytes == 0 && !partial;
        let end = pair.client.handle_eof();
        match end {
            End::BeforeFirstByte => prop_assert!(untouched),
            End::Idle => prop_assert!(!partial),
            End::MidMessage => prop_assert!(!untouched),
            other => prop_assert!(false, "{other}"),
        }
        pair.server.handle_eof();
        prop_assert_eq!(pair.client.step(&[], pair.now), Err(end));
        prop_assert_eq!(pair.client.poll_transmit(&mut [0; 8], pair.now), 0);
        prop_assert_eq!(pair.server.next_bundle(pair.now), None);
        prop_assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None));
        let events = pair.received.seen.iter()
            .filter(|seen| matches!(seen, Seen::Message { .. }))
            .filter(|seen| matches!(seen.head().kind, Kind::Event { .. }));
        for (event, sent) in events.zip(&pair.sent) {
            prop_assert_eq!(event.body(), &sent[..]);
        }
    }
}

#[test]
fn a_strict_pair_moves_one_bundle_at_a_time() {
    let client = ClientConfig {
        ahead: 0,
        ..ClientConfig::default()
    };
    let mut pair = Pair::new(client, ServerConfig::default());
    pair.reach_server(usize::MAX);
    for _ in 0..3 {
        assert!(pair.bundle(&[5]));
        assert!(!pair.bundle(&[5]), "it waits for its null");
        pair.reach_client(usize::MAX);
        assert!(!pair.transmit(9), "which waits for delivery");
        pair.client.delivered(pair.client.received());
        assert!(pair.transmit(9));
        pair.reach_server(usize::MAX);
    }
    assert_eq!(pair.nulls, 3);
}
