//! A server session in memory, with a simulated clock.

mod common;

use common::{error, message, null, request, with};
use estreamer_core::PeerError;
use estreamer_core::decode::{Frame, Kind, Step};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{End, Instant, ServerConfig, ServerSession};
use estreamer_core::wire::{ErrorMessage, Message};

const JSON: &[u8] = br#"{"Events":{"FileEvent":{"Fields":["FileName"]}},"OutputFormat":{"Transform":"Text","TransformConfig":"JSON"}}"#;

fn server(config: ServerConfig) -> ServerSession {
    ServerSession::new(65_536, config, Instant(0)).unwrap()
}

fn streaming(config: ServerConfig) -> ServerSession {
    let mut server = server(config);
    server.accept(Instant(0));
    server
}

fn feed(server: &mut ServerSession, bytes: &[u8]) -> Result<(), End> {
    let mut at = 0;
    loop {
        let step = server.step(&bytes[at..], Instant(0))?;
        at += step.consumed;
        if step.consumed == 0 && step.frame.is_none() {
            assert_eq!(at, bytes.len());
            return Ok(());
        }
    }
}

/// A request whose length counts its header: 8 bytes more than it has.
fn inclusive(block: &[u8]) -> Vec<u8> {
    let mut bytes = request(1, 1 << 23, block);
    bytes[7] += 8;
    bytes
}

/// The JSON block of the request in a step.
#[track_caller]
fn block<'a>(step: &Step, input: &'a [u8]) -> &'a [u8] {
    match &step.frame {
        Some(Frame::Message { head, body }) if matches!(head.kind, Kind::Request { .. }) => {
            body.of(input)
        }
        other => panic!("no request: {other:?}"),
    }
}

fn waits(step: Step) -> bool {
    step.consumed == 0 && step.frame.is_none()
}

#[test]
fn nothing_goes_out_before_the_request_is_granted() {
    let mut server = server(ServerConfig::default());
    assert_eq!((server.credit(), server.is_streaming()), (0, false));
    assert_eq!(server.next_bundle(Instant(0)), None);
    assert_eq!(server.poll_timeout(), None);
    let bytes = request(0, 1 << 23, JSON);
    let step = server.step(&bytes, Instant(0)).unwrap();
    assert_eq!(block(&step, &bytes), JSON);
    assert_eq!(server.credit(), 0, "its owner judges it");
    server.accept(Instant(5));
    assert_eq!((server.credit(), server.is_streaming()), (1, true));
    assert_eq!(server.poll_timeout(), Some(Instant(30_005)));
}

#[test]
fn bundles_are_numbered_and_wait_for_their_nulls() {
    for window in [1, 2, 5] {
        let mut server = streaming(with(ServerConfig::default(), |it| {
            it.unacknowledged = window;
            it.connection_id = 9;
        }));
        let mut sequence = 0;
        for _ in 0..3 {
            for _ in 0..window {
                sequence += 1;
                let header = server.next_bundle(Instant(0)).unwrap();
                assert_eq!((header.connection_id, header.sequence), (9, sequence));
            }
            assert_eq!((server.credit(), server.next_bundle(Instant(0))), (0, None));
            feed(&mut server, &null().repeat(window as usize)).unwrap();
            assert_eq!(server.credit(), window);
        }
        assert_eq!(server.statistics().deviations.seen().count(), 0);
    }
}

#[test]
fn a_window_of_no_bundles_counts_as_one() {
    let mut server = streaming(with(ServerConfig::default(), |it| {
        it.unacknowledged = 0;
    }));
    assert!(server.next_bundle(Instant(0)).is_some());
    assert_eq!(server.credit(), 0);
}

#[test]
fn surplus_nulls_are_counted_and_give_no_credit() {
    let mut server = streaming(ServerConfig::default());
    feed(&mut server, &null().repeat(3)).unwrap();
    assert_eq!(server.credit(), 1);
    assert_eq!(server.statistics().nulls, 3);
    assert_eq!(server.statistics().deviations.of(Quirk::SurplusNull), 3);
}

#[test]
fn a_server_that_counts_surplus_nulls_keeps_them_as_credit() {
    let mut server = streaming(with(ServerConfig::default(), |it| it.prepaid = 2));
    feed(&mut server, &null().repeat(3)).unwrap();
    assert_eq!(server.credit(), 3);
    assert_eq!(server.statistics().deviations.of(Quirk::SurplusNull), 1);
    for left in [2, 1, 0] {
        assert!(server.next_bundle(Instant(0)).is_some());
        assert_eq!(server.credit(), left);
    }
    feed(&mut server, &null().repeat(3)).unwrap();
    assert_eq!(server.credit(), 3, "the first acknowledges, two are kept");
}

#[test]
fn silence_of_ours_is_broken_by_a_null() {
    let mut server = streaming(ServerConfig::default());
    let mut out = [0xff; 8];
    server.handle_timeout(Instant(29_999)).unwrap();
    assert_eq!(server.poll_transmit(&mut out, Instant(29_999)), 0);
    server.handle_timeout(Instant(30_000)).unwrap();
    assert_eq!(server.poll_timeout(), None, "it waits to be sent");
    assert_eq!(server.poll_transmit(&mut out[..7], Instant(30_000)), 0);
    assert_eq!(server.poll_transmit(&mut out, Instant(30_100)), 8);
    assert_eq!(out[..], null());
    assert_eq!(server.poll_timeout(), Some(Instant(60_100)));
    server.next_bundle(Instant(60_000)).unwrap();
    assert_eq!(server.poll_timeout(), Some(Instant(90_000)));
}

#[test]
fn a_bundle_makes_the_keep_alive_needless() {
    let mut server = streaming(ServerConfig::default());
    server.handle_timeout(Instant(30_000)).unwrap();
    server.next_bundle(Instant(30_000)).unwrap();
    assert_eq!(server.poll_transmit(&mut [0; 8], Instant(30_000)), 0);
}

#[test]
fn a_period_of_zero_keeps_nothing_alive() {
    let mut server = streaming(with(ServerConfig::default(), |it| {
        it.keep_alive = 0;
    }));
    assert_eq!(server.poll_timeout(), None);
    server.handle_timeout(Instant(u64::MAX)).unwrap();
    assert_eq!(server.poll_transmit(&mut [0; 8], Instant(0)), 0);
}

#[test]
fn the_inclusive_length_is_understood_after_the_grace() {
    for nul in [false, true] {
        let sent = [JSON, &[0; 1][..usize::from(nul)]].concat();
        let bytes = inclusive(&sent);
        let mut server = server(ServerConfig::default());
        assert!(waits(server.step(&bytes, Instant(100)).unwrap()));
        assert_eq!(server.poll_timeout(), Some(Instant(350)));
        server.handle_timeout(Instant(349)).unwrap();
        assert!(waits(server.step(&bytes, Instant(349)).unwrap()));
        server.handle_timeout(Instant(350)).unwrap();
        let step = server.step(&bytes, Instant(350)).unwrap();
        assert_eq!(
            (block(&step, &bytes), step.consumed),
            (&sent[..], bytes.len())
        );
        assert_eq!(server.poll_timeout(), None);
        let deviations = server.statistics().deviations;
        assert_eq!(deviations.of(Quirk::RequestInclusive), 1);
        assert_eq!(deviations.of(Quirk::RequestNul), u32::from(nul));
        assert_eq!(server.statistics().bytes, bytes.len() as u64);
        // The decoder continues after the request.
        assert!(waits(server.step(&[], Instant(350)).unwrap()));
        feed(&mut server, &null()).unwrap();
        let mut idle = server.clone();
        assert_eq!(idle.handle_eof(), End::Idle);
        // Its offsets count the request.
        let offset = (bytes.len() + null().len()) as u64;
        let lost = PeerError::InvalidHeader {
            version: 2,
            message_type: 0,
            offset,
        };
        let end = server.step(&[0, 2, 0, 0, 0, 0, 0, 0], Instant(350));
        assert_eq!(end, Err(End::InvalidHeader(lost)));
    }
}

#[test]
fn a_null_that_fills_the_gap_makes_the_inclusive_request_whole() {
    let bytes = [inclusive(JSON), null()].concat();
    let mut server = server(ServerConfig::default());
    for cut in 0..bytes.len() {
        assert!(
            waits(server.step(&bytes[..cut], Instant(0)).unwrap()),
            "{cut}"
        );
    }
    let step = server.step(&bytes, Instant(0)).unwrap();
    assert_eq!((block(&step, &bytes), step.consumed), (JSON, bytes.len()));
    let statistics = server.statistics();
    assert_eq!(statistics.nulls, 1);
    let seen: Vec<_> = statistics.deviations.seen().collect();
    assert_eq!(seen, [(Quirk::RequestBoth, 1)]);
}

#[test]
fn the_vectors_inclusive_request_is_understood_either_way() {
    let line = include_str!("vectors.txt")
        .lines()
        .find_map(|line| line.strip_prefix("04c_fqe_request_len_incl_hdr: "))
        .unwrap();
    let bytes: Vec<u8> = (0..line.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap())
        .collect();
    let mut by_time = server(with(ServerConfig::default(), |it| {
        it.grace = 0;
    }));
    let step = by_time.step(&bytes, Instant(0)).unwrap();
    assert_eq!(block(&step, &bytes).len(), 181);
    let filled = [bytes, null()].concat();
    let mut by_null = server(ServerConfig::default());
    let step = by_null.step(&filled, Instant(0)).unwrap();
    assert_eq!(block(&step, &filled).len(), 181);
}

#[test]
fn a_block_that_is_not_complete_gets_no_grace() {
    let bytes = request(0, 1 << 23, JSON);
    let mut server = server(with(ServerConfig::default(), |it| {
        it.grace = 0;
    }));
    // Also 8 bytes short, but the block is incomplete.
    for cut in 0..bytes.len() {
        assert!(waits(
            server.step(&bytes[..cut], Instant(cut as u64)).unwrap()
        ));
        assert_eq!(server.poll_timeout(), None);
    }
    // With white space, an incomplete block can end with a brace.
    let spaced = br#"{"a":{}       }"#;
    let bytes = request(0, 1 << 23, spaced);
    let cut = bytes.len() - 8;
    assert!(waits(server.step(&bytes[..cut], Instant(900)).unwrap()));
    assert_eq!(server.poll_timeout(), None);
}

#[test]
fn more_bytes_end_the_grace() {
    let bytes = [inclusive(JSON), vec![b' '; 8]].concat();
    let mut server = server(ServerConfig::default());
    let short = bytes.len() - 8;
    server.step(&bytes[..short], Instant(0)).unwrap();
    assert!(server.poll_timeout().is_some());
    assert!(waits(
        server.step(&bytes[..short + 1], Instant(100)).unwrap()
    ));
    assert_eq!(server.poll_timeout(), None, "the client goes on");
    let step = server.step(&bytes, Instant(900)).unwrap();
    assert_eq!(block(&step, &bytes).len(), JSON.len() + 8);
    assert_eq!(server.statistics().deviations.seen().count(), 0);
}

#[test]
fn a_request_larger_than_the_window_comes_in_pieces() {
    let bytes = request(3, 1 << 23, JSON);
    let mut server = ServerSession::new(64, ServerConfig::default(), Instant(0)).unwrap();
    let (mut at, mut joined) = (0, Vec::<u8>::new());
    loop {
        let input = &bytes[at..bytes.len().min(at + 64)];
        let step = server.step(input, Instant(0)).unwrap();
        at += step.consumed;
        match &step.frame {
            Some(Frame::Chunk { body }) => joined.extend(body.of(input)),
            Some(Frame::End) => break,
            _ => {}
        }
    }
    assert_eq!(joined, JSON);
}

#[test]
fn a_refusal_is_answered_with_its_code() {
    for (quirks, length) in [(Quirks::NONE, 16), (Quirks::NONE.with(Quirk::ErrorNul), 17)] {
        let mut server = server(with(ServerConfig::default(), |it| {
            it.quirks = quirks;
        }));
        let refusal = ErrorMessage {
            code: 2,
            text: b"no",
        };
        let mut out = [0xff; 32];
        assert_eq!(server.close(&refusal, &mut out), Ok(length));
        let ((_, message), rest) = Message::parse(&out[..length]).unwrap();
        assert_eq!((message, rest), (Message::Error(refusal), &[][..]));
        assert_eq!(server.end(), Some(End::Closed));
        assert_eq!(server.close(&refusal, &mut out), Ok(0));
        assert_eq!(server.next_bundle(Instant(0)), None);
        assert_eq!(server.poll_timeout(), None);
    }
}

#[test]
fn a_client_that_says_why_it_leaves_ends_the_session() {
    let mut server = streaming(ServerConfig::default());
    let end = End::PeerError { code: -1 };
    assert_eq!(feed(&mut server, &error(-1, "bye")), Err(end));
    assert_eq!((server.credit(), server.end()), (0, Some(end)));
    assert_eq!(server.handle_timeout(Instant(99_999)), Err(end));
    assert_eq!(server.poll_transmit(&mut [0; 8], Instant(99_999)), 0);
}

#[test]
fn the_end_of_the_stream_is_told_apart_by_where_it_falls() {
    let bytes = request(0, 0, JSON);
    for (cut, expected) in [
        (0, End::BeforeFirstByte),
        (1, End::MidMessage),
        (bytes.len() - 1, End::MidMessage),
        (bytes.len(), End::Idle),
    ] {
        let mut server = server(ServerConfig::default());
        let step = server.step(&bytes[..cut], Instant(0)).unwrap();
        server.step(&bytes[step.consumed..cut], Instant(0)).unwrap();
        assert_eq!(server.handle_eof(), expected);
    }
}

#[test]
fn a_second_request_is_shown_to_the_owner_too() {
    let mut server = streaming(ServerConfig::default());
    let bytes = request(0, 1 << 23, JSON);
    let step = server.step(&bytes, Instant(0)).unwrap();
    assert_eq!(block(&step, &bytes), JSON);
}

#[test]
fn only_a_request_is_read_as_one() {
    // The body of a message that is skipped looks like a request.
    let look_alike = inclusive(JSON);
    let mut skipping = server(with(ServerConfig::default(), |it| {
        it.grace = 0;
        it.limits.message = 16;
    }));
    let skipped = message(1, 9, &look_alike);
    let begin = skipping.step(&skipped, Instant(0)).unwrap();
    assert!(matches!(begin.frame, Some(Frame::Skipped { .. })));
    let rest = skipping.step(&skipped[begin.consumed..], Instant(0));
    assert_eq!(rest.unwrap().frame, None);
    // A server that streams waits for no other request.
    let mut busy = streaming(with(ServerConfig::default(), |it| it.grace = 0));
    assert!(waits(busy.step(&look_alike, Instant(0)).unwrap()));
    // A body that ends like a request with a null keeps its end.
    let bytes = message(1, 9, &null());
    let step = server(ServerConfig::default()).step(&bytes, Instant(0));
    let Some(Frame::Message { body, .. }) = step.unwrap().frame else {
        panic!("no message");
    };
    assert_eq!(body.of(&bytes), null());
}

#[test]
fn an_inclusive_request_with_a_null_of_its_own_is_not_counted_as_both() {
    let sent = [JSON, &null()].concat();
    let bytes = inclusive(&sent);
    let mut server = server(with(ServerConfig::default(), |it| it.grace = 0));
    let step = server.step(&bytes, Instant(0)).unwrap();
    assert_eq!(block(&step, &bytes), sent);
    let seen = server.statistics().deviations;
    assert_eq!(seen.of(Quirk::RequestInclusive), 1);
    assert_eq!(seen.of(Quirk::RequestBoth), 0);
}
