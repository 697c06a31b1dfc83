//! Every quirk is counted when it is seen, and produced on demand.

mod common;

use common::provoke::{BLOCK, Provoked, provoke};
use common::{bundle, message, nested_event, null, request, with};
use estreamer_core::decode::Limits;
use estreamer_core::quirk::{Deviations, Quirk, Quirks};
use estreamer_core::session::{ClientConfig, ClientSession, Instant, ServerConfig, ServerSession};
use estreamer_core::wire::{
    BundleWriter, DataForm, ErrorMessage, Event, EventStreamRequest, Expected, InitialTimestamp,
    RecordType, RequestFlags,
};

fn limits() -> Limits {
    with(Limits::DEFAULT, |it| it.message = 999)
}

/// The records that a request for JSON with bit 23 expects.
const JSON: Option<Expected> = Some(Expected {
    extended: true,
    form: DataForm::Json,
});

/// The counts of a client after these bytes.
fn seen_by_client(bytes: &[u8], window: usize, expected: Option<Expected>) -> Deviations {
    let config = with(ClientConfig::default(), |it| {
        it.limits = limits();
        it.expected = expected;
    });
    let mut client = ClientSession::new(window, config, Instant(0)).unwrap();
    let mut at = 0;
    while let Ok(step) = client.step(&bytes[at..bytes.len().min(at + window)], Instant(0)) {
        at += step.consumed;
        if step.consumed == 0 && step.frame.is_none() {
            assert_eq!(at, bytes.len());
            break;
        }
    }
    client.statistics().deviations
}

fn server() -> ServerSession {
    let config = with(ServerConfig::default(), |it| {
        it.limits = limits();
        it.grace = 0;
    });
    ServerSession::new(65_536, config, Instant(0)).unwrap()
}

/// The counts of a server after these bytes.
fn seen_by_server(mut server: ServerSession, bytes: &[u8]) -> Deviations {
    let mut at = 0;
    while let Ok(step) = server.step(&bytes[at..], Instant(0)) {
        at += step.consumed;
        if step.consumed == 0 && step.frame.is_none() {
            assert_eq!(at, bytes.len());
            break;
        }
    }
    server.statistics().deviations
}

/// A server that has sent a keep-alive.
fn kept_alive() -> ServerSession {
    let mut server = server();
    server.accept(Instant(0));
    server.handle_timeout(Instant(30_000)).unwrap();
    assert_eq!(server.poll_transmit(&mut [0; 8], Instant(30_000)), 8);
    server
}

#[track_caller]
fn assert_only(found: Deviations, quirk: Quirk, also: &[Quirk]) {
    let found: Vec<Quirk> = found.seen().map(|(quirk, _)| quirk).collect();
    let mut expected = [&[quirk], also].concat();
    expected.sort();
    assert_eq!(found, expected, "{quirk}: {}", quirk.description());
}

#[test]
fn every_quirk_is_counted_by_its_name_and_nothing_else_is() {
    for &quirk in Quirk::ALL {
        // Its bytes look like another quirk.
        let looks_like = match quirk {
            Quirk::SequenceStanding => Quirk::SequenceRepeat,
            quirk => quirk,
        };
        let (provoked, also) = provoke(quirk);
        let quirk = looks_like;
        match provoked {
            Provoked::Server(bytes) => {
                let expected = match quirk {
                    Quirk::NoExtension | Quirk::DataNotJson => JSON,
                    _ => None,
                };
                for window in [64, 4096] {
                    assert_only(seen_by_client(&bytes, window, expected), quirk, also);
                }
            }
            Provoked::Client(bytes) => assert_only(seen_by_server(server(), &bytes), quirk, also),
            Provoked::Answer => {
                let found = seen_by_server(kept_alive(), &null());
                assert_only(found, quirk, also);
            }
        }
    }
}

#[test]
fn an_event_without_data_is_not_json_whatever_follows_it() {
    // The version of the next message is the byte of a brace.
    let next = message(u16::from_be_bytes(*b"{}"), 0, b"");
    let bytes = bundle(1, &[nested_event(b""), next].concat());
    for window in [64, 4096] {
        let found = seen_by_client(&bytes, window, JSON);
        assert_eq!(found.of(Quirk::DataNotJson), 1);
    }
}

#[test]
fn a_server_that_sends_a_request_is_counted() {
    let found = seen_by_client(&request(0, 1 << 23, b"{}"), 4096, JSON);
    assert_only(found, Quirk::UnknownMessage, &[]);
    let nested = bundle(1, &request(0, 1 << 23, b"{}\0"));
    let found = seen_by_client(&nested, 4096, JSON);
    assert_only(found, Quirk::NestedUnknown, &[Quirk::NestedVersion1]);
}

#[test]
fn a_conversation_by_the_rules_shows_no_quirk_but_the_version_real_servers_send() {
    let stream = [
        null(),
        bundle(1, &nested_event(b"{}")),
        bundle(2, &nested_event(b"{}")),
    ];
    let found: Vec<_> = seen_by_client(&stream.concat(), 64, JSON).seen().collect();
    assert_eq!(found, [(Quirk::NestedVersion0, 2)]);
    let found = seen_by_server(server(), &request(0, 1 << 23, BLOCK));
    assert_eq!(found.seen().count(), 0);
}

/// Two bundles and an error message of a server with these quirks.
fn served(quirks: Quirks) -> Vec<u8> {
    let config = with(ServerConfig::default(), |it| {
        it.quirks = quirks;
        it.unacknowledged = 2;
    });
    let mut server = ServerSession::new(65_536, config, Instant(0)).unwrap();
    server.accept(Instant(0));
    let mut bytes = Vec::new();
    let mut buffer = [0; 256];
    while let Some(header) = server.next_bundle(Instant(0)) {
        let mut bundle = BundleWriter::new(&mut buffer, header, quirks).unwrap();
        for data in [&b"{}"[..], br#"{"EventID":7}"#] {
            let event = Event::new(RecordType::FILE, Some(7), data);
            bundle.push(&event).unwrap();
        }
        bytes.extend(bundle.finish());
    }
    let goodbye = ErrorMessage {
        code: 1,
        text: b"bye",
    };
    let length = server.close(&goodbye, &mut buffer).unwrap();
    bytes.extend(&buffer[..length]);
    bytes
}

#[test]
fn a_server_shows_each_of_its_quirks_and_no_other() {
    let strict = seen_by_client(&served(Quirks::NONE), 64, JSON);
    assert_only(strict, Quirk::NestedVersion0, &[]);
    for &quirk in Quirk::SERVER {
        let found = seen_by_client(&served(Quirks::NONE.with(quirk)), 64, JSON);
        let also: &[Quirk] = match quirk {
            Quirk::NestedVersion1 => &[],
            _ => &[Quirk::NestedVersion0],
        };
        match quirk {
            Quirk::SequenceStanding => assert_only(found, Quirk::SequenceRepeat, also),
            quirk => assert_only(found, quirk, also),
        }
    }
}

#[test]
fn all_quirks_of_a_server_go_together_and_the_events_survive() {
    // A record has one length, and cannot count an extension that it lacks.
    let alone = [
        &[Quirk::RecordCoversHeader, Quirk::NoExtension][..],
        &[Quirk::RecordCoversExtension, Quirk::NoExtension],
        &[
            Quirk::RecordCoversHeader,
            Quirk::RecordCoversExtension,
            Quirk::ExtendedFlag,
        ],
    ];
    for left_out in alone {
        let shown: Vec<Quirk> = Quirk::SERVER
            .iter()
            .copied()
            .filter(|quirk| !left_out.contains(quirk))
            .collect();
        let all = shown
            .iter()
            .fold(Quirks::NONE, |set, &quirk| set.with(quirk));
        let bytes = served(all);
        let found = seen_by_client(&bytes, 64, JSON);
        let found: Vec<Quirk> = found.seen().map(|(quirk, _)| quirk).collect();
        let mut expected: Vec<Quirk> = shown
            .into_iter()
            .map(|quirk| match quirk {
                Quirk::SequenceStanding => Quirk::SequenceRepeat,
                quirk => quirk,
            })
            .collect();
        expected.sort();
        assert_eq!(found, expected);
        let seen = common::decode_in_every_way(&bytes);
        let bodies: Vec<&[u8]> = [1, 2, 5, 6].map(|at| seen[at].body()).into();
        let pair = [&b"{}"[..], br#"{"EventID":7}"#];
        assert_eq!(bodies, [pair, pair].concat());
    }
}

/// A request, answers to keep-alives and an error message of a client with these
/// quirks.
fn asked(quirks: Quirks) -> Deviations {
    let mut server = server();
    let request = EventStreamRequest {
        from: InitialTimestamp::NOW,
        flags: RequestFlags::EXTENDED_HEADER,
        block: BLOCK,
    };
    let mut out = [0; 256];
    let request = estreamer_core::fqe::emit(&request, quirks, &mut out).unwrap();
    let step = server.step(request, Instant(0)).unwrap();
    assert_eq!(step.consumed, request.len());
    server.accept(Instant(0));
    server.handle_timeout(Instant(30_000)).unwrap();
    let length = server.poll_transmit(&mut out, Instant(30_000));

    let config = with(ClientConfig::default(), |it| {
        it.quirks = quirks;
    });
    let mut client = ClientSession::new(65_536, config, Instant(0)).unwrap();
    client.step(&out[..length], Instant(0)).unwrap();
    let mut bytes = [0; 64];
    let mut length = client.poll_transmit(&mut bytes, Instant(0));
    length += client.close("bye", &mut bytes[length..]).unwrap();
    seen_by_server(server, &bytes[..length])
}

#[test]
fn a_client_shows_each_of_its_quirks_and_no_other() {
    assert_eq!(asked(Quirks::NONE).seen().count(), 0);
    for &quirk in Quirk::CLIENT {
        assert_only(asked(Quirks::NONE.with(quirk)), quirk, &[]);
    }
}

#[test]
fn all_quirks_of_a_client_go_together() {
    // A request has only one length.
    for other in [Quirk::RequestInclusive, Quirk::RequestBoth] {
        let mut expected = Quirk::CLIENT.to_vec();
        expected.retain(|&quirk| quirk != other);
        expected.sort();
        let all = expected
            .iter()
            .fold(Quirks::NONE, |set, &quirk| set.with(quirk));
        let found: Vec<Quirk> = asked(all).seen().map(|(quirk, _)| quirk).collect();
        assert_eq!(found, expected);
    }
}
