//! A client session in memory, with a simulated clock.

mod common;

use common::{bundle, error, extended, message, nested_event, null, request, with};
use estreamer_core::decode::{Frame, Oversize};
use estreamer_core::quirk::{Quirk, Quirks};
use estreamer_core::session::{ClientConfig, ClientSession, End, Instant};
use estreamer_core::wire::{ErrorMessage, Message};
use estreamer_core::{ConfigError, PeerError, ResourceError};

/// Settings in which every acknowledgement follows delivery.
fn strict() -> ClientConfig {
    with(ClientConfig::default(), |it| it.ahead = 0)
}

fn client(config: ClientConfig) -> ClientSession {
    ClientSession::new(4096, config, Instant(0)).unwrap()
}

/// Feeds bytes at a time. Returns the number of unread bytes and the end.
fn feed(client: &mut ClientSession, bytes: &[u8], now: u64) -> (usize, Option<End>) {
    let mut at = 0;
    loop {
        match client.step(&bytes[at..], Instant(now)) {
            Err(end) => return (bytes.len() - at, Some(end)),
            Ok(step) => {
                at += step.consumed;
                if step.consumed == 0 && step.frame.is_none() {
                    return (bytes.len() - at, None);
                }
            }
        }
    }
}

/// The number of nulls in the output.
fn nulls(client: &mut ClientSession, now: u64) -> usize {
    let mut out = [0xff; 1000];
    let length = client.poll_transmit(&mut out, Instant(now));
    assert_eq!(out[..length], null().repeat(length / 8));
    length / 8
}

fn bundles(from: u32, count: u32) -> Vec<u8> {
    (from..from + count)
        .flat_map(|sequence| bundle(sequence, &nested_event(b"{}")))
        .collect()
}

#[test]
fn strictly_a_null_follows_delivery() {
    let mut client = client(strict());
    feed(&mut client, &bundles(1, 3), 0);
    assert_eq!((client.received(), nulls(&mut client, 0)), (3, 0));
    client.delivered(2);
    assert_eq!(nulls(&mut client, 0), 2);
    assert_eq!(nulls(&mut client, 0), 0, "once each");
    client.delivered(1);
    assert_eq!(nulls(&mut client, 0), 0, "what was said before stands");
    client.delivered(u64::MAX);
    assert_eq!(nulls(&mut client, 0), 1, "no more than was received");
    feed(&mut client, &bundles(4, 1), 0);
    assert_eq!(nulls(&mut client, 0), 0);
    assert_eq!((client.received(), client.acknowledged()), (4, 3));
}

#[test]
fn ahead_bundles_are_acknowledged_before_delivery() {
    let config = with(strict(), |it| {
        it.ahead = 2;
    });
    let mut client = client(config);
    feed(&mut client, &bundles(1, 1), 0);
    assert_eq!(nulls(&mut client, 0), 1);
    feed(&mut client, &bundles(2, 4), 0);
    assert_eq!(nulls(&mut client, 0), 1, "two are undelivered");
    client.delivered(2);
    assert_eq!(nulls(&mut client, 0), 2);
    assert_eq!(client.acknowledged(), 4);
}

#[test]
fn prepaid_nulls_follow_the_first_acknowledgement_once() {
    let config = with(strict(), |it| {
        it.prepaid = 3;
    });
    let mut client = client(config);
    feed(&mut client, &null(), 0);
    assert_eq!(nulls(&mut client, 0), 0, "the server has not begun");
    feed(&mut client, &bundles(1, 2), 0);
    assert_eq!(nulls(&mut client, 0), 0, "nothing is delivered");
    client.delivered(1);
    assert_eq!(nulls(&mut client, 0), 4);
    assert_eq!((client.acknowledged(), client.prepaid()), (1, 3));
    client.delivered(2);
    feed(&mut client, &bundles(3, 1), 0);
    client.delivered(3);
    assert_eq!(nulls(&mut client, 0), 2, "one for each bundle after that");
}

#[test]
fn nulls_go_out_as_room_allows() {
    let config = with(strict(), |it| {
        it.ahead = 100;
    });
    let mut client = client(config);
    feed(&mut client, &bundles(1, 5), 0);
    let mut out = [0; 23];
    assert_eq!(client.poll_transmit(&mut out, Instant(0)), 16);
    assert_eq!(client.poll_transmit(&mut out[..7], Instant(0)), 0);
    assert_eq!(client.poll_transmit(&mut out, Instant(0)), 16);
    assert_eq!(client.poll_transmit(&mut out, Instant(0)), 8);
    assert_eq!(client.poll_transmit(&mut out, Instant(0)), 0);
}

#[test]
fn a_unit_is_a_bundle_or_a_top_level_event_of_any_kind() {
    let bad = b"bad".to_vec();
    for (bytes, units) in [
        (bundle(1, b""), 1),
        (bundle(1, &nested_event(b"").repeat(9)), 1),
        (bundle(1, b"stray"), 1),
        (message(1, 4, &extended(b"{}")), 1),
        (message(1, 3, &extended(&[b'x'; 9000])), 1),
        (message(1, 4, &bad), 1),
        (message(1, 4002, &bad), 1),
        (null(), 0),
        (message(1, 99, &bad), 0),
        (request(0, 0, b""), 0),
        (bundle(1, &bundle(2, &nested_event(b""))), 1),
    ] {
        let mut client = client(with(strict(), |it| {
            it.ahead = 9;
        }));
        assert_eq!(feed(&mut client, &bytes, 0), (0, None));
        assert_eq!(nulls(&mut client, 0), units, "{bytes:02x?}");
    }
}

#[test]
fn keep_alives_are_not_answered_but_with_the_quirk() {
    let mut plain = client(strict());
    feed(&mut plain, &null().repeat(3), 0);
    assert_eq!(nulls(&mut plain, 0), 0);
    let quirks = Quirks::NONE.with(Quirk::AcknowledgeKeepAlives);
    let mut answering = client(with(strict(), |it| {
        it.ahead = 1;
        it.quirks = quirks;
    }));
    let nested = bundle(1, &message(0, 0, b""));
    feed(&mut answering, &[null().repeat(3), nested].concat(), 0);
    assert_eq!(
        nulls(&mut answering, 0),
        4,
        "a nested null is no keep-alive"
    );
    assert_eq!(answering.acknowledged(), 1);
}

#[test]
fn silence_is_probed_once_and_then_means_death() {
    let mut client = client(strict());
    feed(&mut client, &null(), 1000);
    assert_eq!(client.poll_timeout(), Some(Instant(61_000)));
    assert_eq!(client.handle_timeout(Instant(60_999)), Ok(()));
    assert_eq!(nulls(&mut client, 60_999), 0, "not yet");
    assert_eq!(client.handle_timeout(Instant(61_000)), Ok(()));
    assert_eq!(nulls(&mut client, 61_000), 1);
    assert_eq!(client.poll_timeout(), Some(Instant(601_000)));
    assert_eq!(client.handle_timeout(Instant(600_999)), Ok(()));
    assert_eq!(nulls(&mut client, 600_999), 0, "one probe is enough");
    let end = End::PeerSilent;
    assert_eq!(client.handle_timeout(Instant(601_000)), Err(end));
    assert_eq!(client.handle_timeout(Instant(601_001)), Err(end));
    assert_eq!((client.end(), client.poll_timeout()), (Some(end), None));
    assert_eq!(client.step(&null(), Instant(601_001)), Err(end));
}

#[test]
fn any_byte_ends_the_silence() {
    let mut client = client(strict());
    assert_eq!(client.handle_timeout(Instant(60_000)), Ok(()));
    assert_eq!(nulls(&mut client, 60_000), 1);
    client.step(&[0], Instant(70_000)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Instant(130_000)));
    // The same byte again does not restart the silence.
    client.step(&[0], Instant(80_000)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Instant(130_000)));
    client.step(&[0, 1], Instant(90_000)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Instant(150_000)));
}

#[test]
fn deadlines_of_zero_never_come() {
    let mut client = client(with(strict(), |it| {
        it.probe_after = 0;
        it.dead_after = 0;
    }));
    assert_eq!(client.poll_timeout(), None);
    assert_eq!(client.handle_timeout(Instant(u64::MAX)), Ok(()));
    assert_eq!(nulls(&mut client, 0), 0);
}

#[test]
fn while_nobody_reads_the_peers_silence_means_nothing() {
    let mut client = client(strict());
    client.handle_timeout(Instant(60_000)).unwrap();
    assert_eq!(nulls(&mut client, 60_000), 1);
    client.set_reading(false, Instant(61_000));
    assert_eq!(client.poll_timeout(), None);
    assert_eq!(client.handle_timeout(Instant(9_000_000)), Ok(()));
    client.set_reading(true, Instant(9_000_000));
    assert_eq!(client.poll_timeout(), Some(Instant(9_060_000)), "all anew");
    client.set_reading(true, Instant(9_030_000));
    assert_eq!(client.poll_timeout(), Some(Instant(9_060_000)), "no change");
}

#[test]
fn no_probe_doubles_as_an_acknowledgement_that_is_withheld() {
    let mut client = client(strict());
    feed(&mut client, &bundles(1, 1), 0);
    assert_eq!(client.poll_timeout(), None, "the server waits for us");
    assert_eq!(client.handle_timeout(Instant(900_000)), Ok(()));
    assert_eq!(nulls(&mut client, 900_000), 0);
    client.delivered(1);
    assert_eq!(nulls(&mut client, 900_000), 1);
    assert_eq!(client.poll_timeout(), Some(Instant(960_000)));
    // A probe from before the next bundle waits for the delivery of that bundle.
    assert_eq!(client.handle_timeout(Instant(960_000)), Ok(()));
    feed(&mut client, &bundles(2, 1), 960_000);
    assert_eq!(nulls(&mut client, 960_000), 0);
    client.delivered(2);
    assert_eq!(nulls(&mut client, 960_000), 2);
}

#[test]
fn closing_tells_the_reason_once() {
    let mut client = client(strict());
    feed(&mut client, &bundles(1, 1), 0);
    let mut out = [0; 64];
    let length = client.close("disk full", &mut out).unwrap();
    let ((_, message), rest) = Message::parse(&out[..length]).unwrap();
    let expected = ErrorMessage {
        code: -1,
        text: b"disk full",
    };
    assert_eq!((message, rest), (Message::Error(expected), &[][..]));
    assert_eq!(client.end(), Some(End::Closed));
    assert_eq!(client.close("again", &mut out), Ok(0));
    client.delivered(1);
    assert_eq!(nulls(&mut client, 0), 0, "nothing goes out behind it");
    assert_eq!(client.handle_eof(), End::Closed, "the first reason stays");
}

#[test]
fn a_reason_that_does_not_fit_is_truncated_between_characters() {
    for (quirks, fixed) in [(Quirks::NONE, 14), (Quirks::NONE.with(Quirk::ErrorNul), 15)] {
        let close = |room: usize| {
            let mut client = client(with(strict(), |it| it.quirks = quirks));
            let mut out = [0xaa; 32];
            let closed = client.close("fu\u{fc}", &mut out[..room]);
            assert_eq!(client.end(), Some(End::Closed));
            closed.map(|length| out[14..length].to_vec())
        };
        let nul = &[0][..fixed - 14];
        assert_eq!(close(32), Ok([&b"fu\xc3\xbc"[..], nul].concat()));
        assert_eq!(close(fixed + 3), Ok([&b"fu"[..], nul].concat()));
        assert_eq!(close(fixed), Ok(nul.to_vec()));
        let needed = fixed;
        let refused = Err(ResourceError::BufferTooSmall { needed });
        assert_eq!(close(fixed - 1), refused);
    }
}

#[test]
fn an_error_message_ends_the_session_after_its_frame() {
    for bytes in [error(-7, "no"), bundle(1, &error(-7, "no"))] {
        let mut client = client(with(strict(), |it| {
            it.ahead = 9;
        }));
        let bytes = [bytes, bundles(2, 1)].concat();
        let (_, end) = feed(&mut client, &bytes, 0);
        assert_eq!(end, Some(End::PeerError { code: -7 }));
        assert_eq!((client.received(), nulls(&mut client, 0)), (0, 0));
        assert_eq!(client.handle_eof(), End::PeerError { code: -7 });
    }
}

#[test]
fn an_error_in_pieces_ends_the_session_with_its_last_piece() {
    let mut client = ClientSession::new(64, strict(), Instant(0)).unwrap();
    let bytes = error(5, &"long ".repeat(100));
    let mut at = 0;
    loop {
        let input = &bytes[at..bytes.len().min(at + 64)];
        let step = client.step(input, Instant(0)).expect("not before its end");
        at += step.consumed;
        if step.frame == Some(Frame::End) {
            break;
        }
    }
    assert_eq!(client.end(), Some(End::PeerError { code: 5 }));
    assert_eq!(at, bytes.len());
}

#[test]
fn the_end_of_the_stream_is_told_apart_by_where_it_falls() {
    let whole = bundles(1, 1);
    for cut in 0..=whole.len() {
        let mut client = client(strict());
        feed(&mut client, &whole[..cut], 0);
        let expected = match cut {
            0 => End::BeforeFirstByte,
            _ if cut == whole.len() => End::Idle,
            _ => End::MidMessage,
        };
        assert_eq!(client.handle_eof(), expected, "{cut} bytes");
        assert_eq!(client.statistics().bytes, cut as u64);
        assert_eq!(client.handle_eof(), expected);
        assert_eq!(client.statistics().bytes, cut as u64, "counted once");
    }
}

#[test]
fn out_of_step_ends_the_session() {
    let mut client = client(strict());
    let bytes = [null(), message(0, 4, b"")].concat();
    let end = End::InvalidHeader(PeerError::InvalidHeader {
        version: 0,
        message_type: 4,
        offset: 8,
    });
    assert_eq!(feed(&mut client, &bytes, 0), (8, Some(end)));
    assert_eq!(client.end(), Some(end));
}

#[test]
fn a_window_too_small_is_refused() {
    let refused = ClientSession::new(63, strict(), Instant(0)).map(|_| ());
    assert_eq!(refused, Err(ConfigError::WindowTooSmall { given: 63 }));
}

#[test]
fn a_session_is_small() {
    // At most 288 bytes on thumbv7m, where counters and usize are narrower.
    assert!(
        size_of::<ClientSession>() <= 360,
        "{}",
        size_of::<ClientSession>()
    );
}

#[test]
fn the_counters_tell_what_came() {
    let mut client = client(strict());
    let bytes = [bundles(1, 3), null(), bundle(4, b"")].concat();
    feed(&mut client, &bytes, 0);
    let seen = client.statistics();
    let counts = (seen.bytes, seen.events, seen.bundles, seen.nulls);
    assert_eq!(counts, (bytes.len() as u64, 3, 4, 1));
}

#[test]
fn bytes_behind_a_frame_count_as_new_once() {
    let bytes = null().repeat(2);
    let mut client = client(strict());
    client.step(&bytes[..12], Instant(0)).unwrap();
    // Not new, and then two more.
    client.step(&bytes[8..12], Instant(1000)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Instant(60_000)));
    let mut client = self::client(strict());
    client.step(&bytes[..12], Instant(0)).unwrap();
    client.step(&bytes[8..14], Instant(1000)).unwrap();
    assert_eq!(client.poll_timeout(), Some(Instant(61_000)));
    // The end of the stream counts what was never complete.
    let mut client = self::client(strict());
    client.step(&bytes[..12], Instant(0)).unwrap();
    assert_eq!(client.handle_eof(), End::MidMessage);
    assert_eq!(client.statistics().bytes, 12);
}

#[test]
fn a_nested_bundle_that_is_too_short_is_no_unit_of_its_own() {
    let mut client = client(strict());
    feed(&mut client, &bundle(1, &message(0, 4002, &[0; 4])), 0);
    assert_eq!(client.received(), 1);
}

#[test]
fn what_is_skipped_for_the_window_is_within_the_limit() {
    for (length, oversize) in [(100, 0), (101, 1)] {
        let config = with(ClientConfig::default(), |it| {
            it.oversize = Oversize::Skip;
            it.limits.message = 100;
        });
        let mut client = ClientSession::new(64, config, Instant(0)).unwrap();
        feed(&mut client, &message(1, 9, &vec![0; length]), 0);
        let seen = client.statistics().deviations;
        assert_eq!(seen.of(Quirk::UnknownMessage), 1);
        assert_eq!(seen.of(Quirk::Oversize), oversize);
    }
}
