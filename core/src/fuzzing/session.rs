//! A client session under a sequence of operations, with a simulated clock.

use super::Choices;
use crate::Malformed;
use crate::decode::{Frame, Head, Kind, Limits, Oversize};
use crate::quirk::{Quirk, Quirks};
use crate::session::{ClientConfig, ClientSession, End, Instant};
use crate::wire::{
    BundleHeader, BundleWriter, ErrorMessage, Event, EventNumber, Message, MessageType, Null,
    RecordType,
};
use std::collections::VecDeque;
use std::vec::Vec;

/// Applies server messages, deliveries, output and time in any order.
///
/// Seven bytes choose the configuration. Then one byte chooses each operation, and
/// the next one its size.
pub fn session(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (window, config) = config(&mut choices);
    let mut world = World::new(window, config);
    while !choices.is_empty() {
        world.apply(&mut choices);
        world.check();
    }
    world.drain();
}

fn config(choices: &mut Choices<'_>) -> (usize, ClientConfig) {
    let window = 64 + choices.size();
    let limits = match choices.size() as u32 {
        0 => Limits::DEFAULT,
        small => Limits {
            record: 4 * small,
            request: 4 * small,
            message: 4 * small,
        },
    };
    let flags = choices.byte();
    let quirks = match flags & 1 {
        0 => Quirks::NONE,
        _ => Quirks::NONE.with(Quirk::AcknowledgeKeepAlives),
    };
    let config = ClientConfig {
        limits,
        oversize: [Oversize::Pieces, Oversize::Skip][usize::from(choices.below(2))],
        ahead: u32::from(choices.below(5)),
        prepaid: u32::from(flags >> 1 & 3),
        probe_after: [0, 1, 60_000][usize::from(choices.below(3))],
        dead_after: [0, 1, 90_000, 600_000][usize::from(choices.below(4))],
        quirks,
        ..ClientConfig::default()
    };
    (window, config)
}

/// The session, and the state it is expected to have.
struct World {
    session: ClientSession,
    config: ClientConfig,
    /// Bytes of a full window.
    room: usize,
    now: Instant,
    /// Bytes in flight, and the unread bytes of the window.
    wire: VecDeque<u8>,
    window: Vec<u8>,
    /// Bundles sent.
    sequence: u32,
    /// Expected numbers of units received and delivered, and of nulls sent.
    units: u64,
    delivered: u64,
    nulls: u64,
    /// Nulls still to send ahead of need.
    to_prepay: u64,
    /// Nulls that acknowledge nothing: probes due, keep-alives to answer.
    surplus: u64,
    /// The message in pieces.
    open: Option<Head>,
    /// When the silence began, whether it was probed, whether the owner reads.
    silent_since: Instant,
    probed: bool,
    reading: bool,
}

impl World {
    fn new(room: usize, config: ClientConfig) -> Self {
        let now = Instant(1000);
        Self {
            session: ClientSession::new(room, config, now).expect("at least 64"),
            config,
            room,
            now,
            wire: VecDeque::new(),
            window: Vec::new(),
            sequence: 0,
            units: 0,
            delivered: 0,
            nulls: 0,
            to_prepay: config.prepaid.into(),
            surplus: 0,
            open: None,
            silent_since: now,
            probed: false,
            reading: true,
        }
    }

    fn apply(&mut self, choices: &mut Choices<'_>) {
        match choices.below(14) {
            0 | 1 => self.arrive(choices.size()),
            2 => self.arrive(usize::MAX),
            3 => {
                let sizes = choices.bytes(3);
                self.bundle(sizes);
            }
            4 => self.message(choices),
            5 => self.send(&Null::BYTES),
            6 => {
                let length = usize::from(choices.below(24));
                self.wire.extend(choices.bytes(length));
            }
            7 => {
                let back = u64::from(choices.below(4));
                self.deliver(self.session.received().saturating_sub(back));
            }
            8 => self.deliver(u64::from(choices.word())),
            9 | 10 => self.transmit(choices.size() % 40),
            11 => self.now = self.now.after(64 * u32::from(choices.word())),
            12 => self.time_out(),
            _ => match choices.byte() {
                255 => self.close(),
                254 => self.end_of_stream(),
                byte => {
                    self.session.set_reading(byte % 2 == 0, self.now);
                    if byte % 2 == 0 && !self.reading {
                        self.restart_silence();
                    }
                    self.reading = byte % 2 == 0;
                }
            },
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.wire.extend(bytes);
    }

    /// A bundle of events of these sizes; one of 250 or more is malformed.
    fn bundle(&mut self, sizes: &[u8]) {
        self.sequence += 1;
        let header = BundleHeader {
            connection_id: 1,
            sequence: self.sequence,
        };
        let mut buffer = [0; 16 + 3 * 300];
        let mut bundle = BundleWriter::new(&mut buffer, header, Quirks::NONE).expect("room");
        let mut malformed = Vec::new();
        for &size in sizes {
            let data = &[size; 255][..usize::from(size)];
            let event = Event::new(RecordType::FILE, Some(1), data);
            let before = bundle.len();
            bundle.push(&event).expect("room");
            if size >= 250 {
                malformed.push(before + 15);
            }
        }
        let length = bundle.finish().len();
        for at in malformed {
            buffer[at] ^= 0x7f;
        }
        self.send(&buffer[..length]);
    }

    /// Another top-level message.
    fn message(&mut self, choices: &mut Choices<'_>) {
        let body = [7; 255];
        let size = |choices: &mut Choices<'_>| choices.size();
        let message = match choices.below(8) {
            0..=3 => {
                let data = &body[..size(choices)];
                Message::Event(Event::new(RecordType::INTRUSION, None, data))
            }
            4..=5 => Message::Unknown {
                message_type: MessageType(choices.word()),
                body: &body[..size(choices)],
            },
            6 => Message::Unknown {
                message_type: MessageType::BUNDLE,
                body: &body[..usize::from(choices.below(8))],
            },
            _ => Message::Error(ErrorMessage {
                code: 5,
                text: &body[..size(choices)],
            }),
        };
        let mut out = [0; 300];
        let length = message.emit(&mut out).expect("room");
        self.send(&out[..length]);
    }

    /// Moves bytes into the window, as far as there is room, and decodes them.
    fn arrive(&mut self, count: usize) {
        let room = self.room - self.window.len();
        let count = count.min(room).min(self.wire.len());
        if self.session.end().is_some() {
            let refused = self.session.step(&self.window, self.now);
            assert_eq!(refused.err(), self.session.end(), "an end is final");
            return;
        }
        self.window.extend(self.wire.drain(..count));
        if count > 0 {
            self.restart_silence();
        }
        let mut steps = 8 + 8 * self.window.len();
        loop {
            steps = steps.checked_sub(1).expect("steps are bounded");
            let Ok(step) = self.session.step(&self.window, self.now) else {
                assert!(self.session.end().is_some());
                return;
            };
            if let Some(frame) = &step.frame {
                self.count(frame);
            }
            self.window.drain(..step.consumed);
            if step.consumed == 0 && step.frame.is_none() {
                break;
            }
        }
        let full = self.window.len() == self.room;
        assert!(!full, "a full window is always enough");
    }

    /// Counts units, and keep-alives to answer.
    fn count(&mut self, frame: &Frame) {
        let head = match frame {
            Frame::BundleEnd => {
                self.units += 1;
                return;
            }
            Frame::Begin { head, .. } => {
                self.open = Some(*head);
                return;
            }
            Frame::Message { head, .. } | Frame::Skipped { head, .. } => *head,
            Frame::End => self.open.take().expect("an end of some message"),
            Frame::BundleBegin { .. } | Frame::Chunk { .. } => return,
        };
        if head.nested {
            return;
        }
        let event = EventNumber::from_message_type(head.header.message_type).is_some();
        let bundle = head.kind == Kind::Malformed(Malformed::BundleTooShort);
        self.units += u64::from(event || bundle);
        let answers = self.config.quirks.has(Quirk::AcknowledgeKeepAlives);
        self.surplus += u64::from(answers && head.kind == Kind::Null);
    }

    fn deliver(&mut self, units: u64) {
        self.session.delivered(units);
        self.delivered = self.delivered.max(units.min(self.units));
    }

    fn transmit(&mut self, room: usize) {
        let mut out = [0xaa; 40];
        let before = self.session.acknowledged();
        let prepaid = self.session.prepaid();
        let due = self.acknowledgeable() - before;
        let written = self.session.poll_transmit(&mut out[..room], self.now);
        let acknowledged = self.session.acknowledged() - before;
        let (nulls, rest) = out[..written].as_chunks::<8>();
        assert!(rest.is_empty() && nulls.iter().all(|null| *null == Null::BYTES));
        assert!(out[written..].iter().all(|&byte| byte == 0xaa));
        let sent = nulls.len() as u64;
        self.nulls += sent;
        let prepaid = u64::from(self.session.prepaid() - prepaid);
        let surplus = sent - acknowledged - prepaid;
        if self.session.end().is_none() && self.session.acknowledged() > 0 {
            let room = room as u64 / 8 - acknowledged;
            assert_eq!(prepaid, self.to_prepay.min(room), "all that are prepaid");
        } else {
            assert_eq!(prepaid, 0, "not before the first acknowledgement");
        }
        self.to_prepay -= prepaid;
        self.surplus = self
            .surplus
            .checked_sub(surplus)
            .expect("no null without reason");
        if acknowledged > 0 {
            self.restart_silence();
        }
        if self.session.end().is_none() {
            assert_eq!(acknowledged, due.min(room as u64 / 8), "all that are due");
        } else {
            assert_eq!(written, 0, "nothing after the end");
        }
    }

    /// Lets time pass until the next deadline, and handles it.
    fn time_out(&mut self) {
        let Some(due) = self.session.poll_timeout() else {
            return;
        };
        if due > self.now {
            // One millisecond early has no effect.
            self.now = Instant(due.0 - 1);
            assert_eq!(self.session.handle_timeout(self.now), Ok(()));
            assert_eq!(self.session.poll_timeout(), Some(due));
            self.now = due;
        }
        match self.session.handle_timeout(self.now) {
            Ok(()) => {
                self.probed = true;
                self.surplus += 1;
                let next = self.session.poll_timeout();
                assert!(
                    next.is_none_or(|next| next > self.now),
                    "a deadline is handled once"
                );
            }
            Err(end) => {
                assert_eq!(end, End::PeerSilent);
                assert!(self.now >= self.silent_since.after(self.config.dead_after));
            }
        }
    }

    fn close(&mut self) {
        let open = self.session.end().is_none();
        let mut out = [0; 64];
        let length = self.session.close("bye", &mut out).expect("room");
        assert_eq!(length > 0, open, "sent once");
    }

    fn end_of_stream(&mut self) {
        let before = self.session.end();
        let end = self.session.handle_eof();
        assert_eq!(before.unwrap_or(end), end, "the first reason stays");
    }

    fn restart_silence(&mut self) {
        self.silent_since = self.now;
        self.probed = false;
    }

    /// Units that may be acknowledged now.
    fn acknowledgeable(&self) -> u64 {
        self.units
            .min(self.delivered + u64::from(self.config.ahead))
    }

    fn check(&self) {
        let session = &self.session;
        assert_eq!(session.received(), self.units);
        assert!(
            session.acknowledged() <= self.acknowledgeable(),
            "no unit is acknowledged early"
        );
        assert!(self.nulls >= session.acknowledged() + u64::from(session.prepaid()));
        assert!(session.prepaid() <= self.config.prepaid);
        let runs = session.end().is_none() && self.reading && self.acknowledgeable() == self.units;
        let after =
            |milliseconds: u32| (milliseconds > 0).then(|| self.silent_since.after(milliseconds));
        let probe = after(self.config.probe_after).filter(|_| !self.probed);
        let due = probe.into_iter().chain(after(self.config.dead_after)).min();
        assert_eq!(
            session.poll_timeout(),
            due.filter(|_| runs),
            "the next deadline"
        );
    }

    /// Lets everything arrive, be delivered and be acknowledged.
    fn drain(&mut self) {
        while !self.wire.is_empty() && self.session.end().is_none() {
            self.arrive(usize::MAX);
            self.deliver(self.units);
            self.transmit(40);
            self.check();
        }
        self.deliver(self.units);
        while self.session.end().is_none() && self.session.acknowledged() < self.units {
            self.transmit(40);
        }
        let prepays = self.session.acknowledged() > 0;
        while self.session.end().is_none() && (prepays && self.to_prepay > 0 || self.surplus > 0) {
            self.transmit(8);
        }
        self.check();
    }
}
