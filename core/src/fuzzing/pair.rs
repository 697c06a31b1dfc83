//! A client and a server, connected by a pipe that splits, delays, truncates and
//! changes the bytes, with a simulated clock.

use super::Choices;
use crate::decode::{Frame, Kind, Oversize};
use crate::quirk::{Quirk, Quirks};
use crate::session::{ClientConfig, ClientSession, End, Instant, ServerConfig, ServerSession};
use crate::wire::{BundleWriter, Event, EventStreamRequest, InitialTimestamp, RecordType};
use std::collections::VecDeque;
use std::{vec, vec::Vec};

/// One operation.
#[derive(Debug, Clone)]
pub enum Op {
    /// This many of the bytes in flight arrive at the client.
    ToClient(usize),
    /// This many of the bytes in flight arrive at the server.
    ToServer(usize),
    /// The server sends a bundle of events of these sizes, if it has credit.
    Bundle(Vec<usize>),
    /// The client's application has delivered everything.
    Deliver,
    /// The client sends at most this many nulls.
    Transmit(usize),
    /// This many milliseconds pass.
    Pass(u32),
}

/// Runs a conversation. Five bytes choose the two configurations, then one byte
/// chooses each operation, with its arguments after it.
///
/// Unless a byte was changed, everything sent arrives once and in order, and each
/// bundle is acknowledged by one null.
pub fn pair(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (client, server) = configs(&mut choices);
    let mut pair = Pair::new(client, server);
    while !choices.is_empty() {
        match choices.byte() {
            byte @ 0..240 => pair.apply(&op(byte, &mut choices)),
            240..248 => pair.mutate(&mut choices),
            _ => return pair.cut(),
        }
    }
    if pair.mutated {
        return pair.cut();
    }
    pair.drain(3);
    pair.check_complete();
}

fn op(byte: u8, choices: &mut Choices<'_>) -> Op {
    match byte % 12 {
        0..=2 => Op::ToClient(1 + choices.size()),
        3..=5 => Op::ToServer(1 + choices.size() % 40),
        6..=7 => {
            let count = usize::from(choices.below(4));
            let sizes = choices.bytes(count).iter();
            Op::Bundle(sizes.map(|&size| usize::from(size)).collect())
        }
        8 => Op::Deliver,
        9..=10 => Op::Transmit(usize::from(choices.below(4))),
        _ => Op::Pass(2 * u32::from(choices.word())),
    }
}

fn configs(choices: &mut Choices<'_>) -> ((usize, ClientConfig), (usize, ServerConfig)) {
    let flags = choices.byte();
    // The grace does not apply to a request in pieces.
    let inclusive = flags & 2 != 0;
    let mut quirks = Quirks::NONE;
    if flags & 1 != 0 {
        quirks = quirks.with(Quirk::AcknowledgeKeepAlives);
    }
    if inclusive {
        quirks = quirks.with(Quirk::RequestInclusive);
    }
    let client_window = 64 + choices.size();
    let client = ClientConfig {
        oversize: Oversize::Pieces,
        ahead: u32::from(choices.below(4)),
        prepaid: u32::from(flags >> 4 & 3),
        probe_after: if flags & 4 != 0 { 60_000 } else { 0 },
        dead_after: 0,
        quirks,
        ..ClientConfig::default()
    };
    let server_window = if inclusive { 256 } else { 64 + choices.size() };
    let server = ServerConfig {
        unacknowledged: 1 + u32::from(choices.below(4)),
        prepaid: [0, 1, 2, u32::MAX][usize::from(flags >> 6)],
        keep_alive: if flags & 8 != 0 { 30_000 } else { 0 },
        ..ServerConfig::default()
    };
    ((client_window, client), (server_window, server))
}

/// The bytes in flight to one end, and its window.
struct Pipe {
    in_flight: VecDeque<u8>,
    window: Vec<u8>,
    room: usize,
}

impl Pipe {
    fn new(room: usize) -> Self {
        Self {
            in_flight: VecDeque::new(),
            window: Vec::new(),
            room,
        }
    }

    /// Moves bytes into the window, as far as there is room. Returns how many.
    fn arrive(&mut self, count: usize) -> usize {
        let room = self.room - self.window.len();
        let count = count.min(room).min(self.in_flight.len());
        self.window.extend(self.in_flight.drain(..count));
        count
    }
}

/// The two ends and the pipes between them.
pub struct Pair {
    now: Instant,
    client: ClientSession,
    server: ServerSession,
    quirks: Quirks,
    probe_after: u32,
    to_client: Pipe,
    to_server: Pipe,
    /// Bundles that the server sends unacknowledged, and nulls that it keeps as credit.
    allowed: u32,
    kept: u32,
    /// The data of the events.
    sent: Vec<Vec<u8>>,
    received: Vec<Vec<u8>>,
    /// The event in pieces.
    open: Option<Vec<u8>>,
    bundles: u64,
    nulls: u64,
    keep_alives: u64,
    /// A byte was changed in flight.
    mutated: bool,
}

const BLOCK: &[u8] = br#"{"Events":{"FileEvent":{"Fields":["FileName"]}},"OutputFormat":{"Transform":"Text","TransformConfig":"JSON"}}"#;

impl Pair {
    /// The two ends, each with its window, and the client's request in flight.
    pub fn new(
        (client_window, client): (usize, ClientConfig),
        (server_window, server): (usize, ServerConfig),
    ) -> Self {
        let now = Instant(0);
        let request = EventStreamRequest {
            from: InitialTimestamp::OLDEST,
            flags: crate::wire::RequestFlags::EXTENDED_HEADER,
            block: BLOCK,
        };
        let mut out = [0; 256];
        let request = crate::fqe::emit(&request, client.quirks, &mut out).expect("room");
        let mut to_server = Pipe::new(server_window);
        to_server.in_flight.extend(request);
        Self {
            now,
            quirks: client.quirks,
            probe_after: client.probe_after,
            client: ClientSession::new(client_window, client, now).expect("at least 64"),
            server: ServerSession::new(server_window, server, now).expect("at least 64"),
            to_client: Pipe::new(client_window),
            to_server,
            allowed: server.unacknowledged,
            kept: server.prepaid,
            sent: Vec::new(),
            received: Vec::new(),
            open: None,
            bundles: 0,
            nulls: 0,
            keep_alives: 0,
            mutated: false,
        }
    }

    /// Nulls that the client has sent.
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// Lets bytes arrive at the client. Returns whether any did.
    pub fn reach_client(&mut self, count: usize) -> bool {
        let arrived = self.to_client.arrive(count);
        loop {
            let input = &self.to_client.window;
            let step = match self.client.step(input, self.now) {
                Ok(step) => step,
                Err(end) if self.mutated => {
                    assert_eq!(self.client.end(), Some(end));
                    return false;
                }
                Err(end) => panic!("the client ended: {end}"),
            };
            match step.frame {
                Some(Frame::Message { head, body }) if is_event(&head.kind) => {
                    self.received.push(body.of(input).to_vec());
                }
                Some(Frame::Begin { head, .. }) => {
                    self.open = is_event(&head.kind).then(Vec::new);
                }
                Some(Frame::Chunk { body }) => {
                    if let Some(open) = &mut self.open {
                        open.extend_from_slice(body.of(input));
                    }
                }
                Some(Frame::End) => self.received.extend(self.open.take()),
                _ => {}
            }
            self.to_client.window.drain(..step.consumed);
            if step.consumed == 0 && step.frame.is_none() {
                return arrived > 0;
            }
        }
    }

    /// Lets bytes arrive at the server. Returns whether any did.
    pub fn reach_server(&mut self, count: usize) -> bool {
        let arrived = self.to_server.arrive(count);
        loop {
            let input = &self.to_server.window;
            let step = match self.server.step(input, self.now) {
                Ok(step) => step,
                Err(end) if self.mutated => {
                    assert_eq!(self.server.end(), Some(end));
                    return false;
                }
                Err(end) => panic!("the server ended: {end}"),
            };
            match &step.frame {
                Some(Frame::Message { head, body }) if is_request(&head.kind) => {
                    assert!(self.mutated || body.of(input) == BLOCK);
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

    /// Lets the server send a bundle of events of these sizes, if it has credit.
    pub fn bundle(&mut self, sizes: &[usize]) -> bool {
        let Some(header) = self.server.next_bundle(self.now) else {
            return false;
        };
        self.bundles += 1;
        assert_eq!(u64::from(header.sequence), self.bundles);
        let mut out = vec![0; 16 + sizes.iter().map(|size| size + 24).sum::<usize>()];
        let mut bundle = BundleWriter::new(&mut out, header, Quirks::NONE).expect("room");
        for &size in sizes {
            let data = vec![(self.sent.len() % 256) as u8; size];
            let event = Event::new(RecordType::FILE, Some(1), &data);
            bundle.push(&event).expect("room");
            self.sent.push(data);
        }
        self.to_client.in_flight.extend(bundle.finish());
        true
    }

    /// Marks everything that the client received as delivered.
    pub fn deliver(&mut self) {
        self.client.delivered(self.client.received());
    }

    /// Lets the client send nulls. Returns whether it sent any.
    pub fn transmit(&mut self, nulls: usize) -> bool {
        let mut out = vec![0; nulls * 8];
        let length = self.client.poll_transmit(&mut out, self.now);
        self.to_server.in_flight.extend(&out[..length]);
        self.nulls += length as u64 / 8;
        length > 0
    }

    fn pass(&mut self, milliseconds: u32) {
        self.now = self.now.after(milliseconds);
        let now = self.now;
        if self.client.poll_timeout().is_some_and(|due| due <= now) {
            self.client
                .handle_timeout(now)
                .expect("the client has no final deadline");
        }
        if self.server.poll_timeout().is_some_and(|due| due <= now) {
            self.server
                .handle_timeout(now)
                .expect("the session continues");
            let mut out = [0; 8];
            let length = self.server.poll_transmit(&mut out, now);
            self.to_client.in_flight.extend(&out[..length]);
            self.keep_alives += length as u64 / 8;
            self.reach_server(0);
        }
    }

    /// Applies an operation and checks the state of both ends.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::ToClient(count) => _ = self.reach_client(*count),
            Op::ToServer(count) => _ = self.reach_server(*count),
            Op::Bundle(sizes) => _ = self.bundle(sizes),
            Op::Deliver => self.deliver(),
            Op::Transmit(nulls) => _ = self.transmit(*nulls),
            Op::Pass(milliseconds) => self.pass(*milliseconds),
        }
        self.check();
    }

    fn check(&self) {
        let acknowledged = self.client.acknowledged();
        assert!(self.server.credit() <= self.allowed.saturating_add(self.kept));
        assert!(acknowledged <= self.client.received());
        assert!(acknowledged <= self.nulls, "one null each");
        if self.mutated {
            return;
        }
        let surplus = self.nulls - acknowledged;
        let open = self.bundles - acknowledged;
        assert!(
            open <= u64::from(self.allowed) + surplus,
            "{open} bundles are not acknowledged, {surplus} nulls were surplus"
        );
        assert!(self.client.received() <= self.bundles);
    }

    /// Serves `more` bundles, and moves bytes until nothing is in flight.
    pub fn drain(&mut self, mut more: usize) {
        loop {
            let mut moved = self.reach_server(usize::MAX);
            if more > 0 && self.bundle(&[10, 100]) {
                more -= 1;
                moved = true;
            }
            moved |= self.reach_client(usize::MAX);
            self.deliver();
            moved |= self.transmit(3);
            self.check();
            if !moved {
                // A request with the inclusive length waits for the grace.
                match self.server.is_streaming() {
                    true => break,
                    false => self.pass(250),
                }
                assert!(self.now < Instant(1 << 40), "the request is lost");
            }
        }
        assert_eq!(more, 0, "deadlock");
    }

    /// After [`drain`](Self::drain): nothing was lost or duplicated.
    pub fn check_complete(&self) {
        assert_eq!(self.received, self.sent);
        assert_eq!(self.client.received(), self.bundles);
        assert_eq!(self.client.acknowledged(), self.bundles);
        let statistics = self.client.statistics();
        assert_eq!(statistics.bundles, self.bundles);
        assert_eq!(statistics.nulls, self.keep_alives);
        let kept = self.server.credit().checked_sub(self.allowed);
        let kept = u64::from(kept.expect("all credit came back"));
        let surplus = self.nulls - self.bundles;
        if self.probe_after == 0 && !self.quirks.has(Quirk::AcknowledgeKeepAlives) {
            let prepaid = u64::from(self.client.prepaid());
            assert_eq!(
                surplus, prepaid,
                "one null for each bundle, and the prepaid ones"
            );
        }
        let counted = self.server.statistics().deviations;
        // A probe may complete a request with the inclusive length.
        let completed = counted.of(Quirk::RequestBoth);
        let counted = counted.of(Quirk::SurplusNull) + counted.of(Quirk::AcknowledgeKeepAlives);
        assert_eq!(u64::from(counted + completed) + kept, surplus);
    }

    /// Changes a byte in flight. After that, only each end alone is checked.
    fn mutate(&mut self, choices: &mut Choices<'_>) {
        let (pipe, at) = match choices.below(2) {
            0 => (&mut self.to_client.in_flight, choices.size()),
            _ => (&mut self.to_server.in_flight, choices.size()),
        };
        if let Some(byte) = pipe.get_mut(at) {
            *byte = choices.byte();
            self.mutated = true;
        }
    }

    /// Breaks the connection. Both sessions end, and what was received is a prefix of
    /// what was sent.
    pub fn cut(mut self) {
        let partial = !self.to_client.window.is_empty();
        let untouched = self.client.statistics().bytes == 0 && !partial;
        let open = self.client.end().is_none();
        let end = self.client.handle_eof();
        if open {
            match end {
                End::BeforeFirstByte => assert!(untouched),
                End::Idle => assert!(!partial),
                End::MidMessage => assert!(!untouched),
                other => panic!("{other}"),
            }
        }
        self.server.handle_eof();
        assert_eq!(self.client.step(&[], self.now), Err(end));
        assert_eq!(self.client.poll_transmit(&mut [0; 8], self.now), 0);
        assert_eq!(self.server.next_bundle(self.now), None);
        let timeouts = (self.client.poll_timeout(), self.server.poll_timeout());
        assert_eq!(timeouts, (None, None));
        if !self.mutated {
            let sent = self.sent.get(..self.received.len());
            assert_eq!(sent, Some(&self.received[..]), "in order");
        }
    }
}

fn is_event(kind: &Kind) -> bool {
    matches!(kind, Kind::Event { .. })
}

fn is_request(kind: &Kind) -> bool {
    matches!(kind, Kind::Request { .. })
}
