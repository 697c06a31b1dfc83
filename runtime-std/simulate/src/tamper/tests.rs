//! Tests with the decoder of the core that each deviation is the one of its name.

use super::*;
use estreamer_core::session::{ClientConfig, ClientSession, Instant};
use estreamer_core::wire::{BundleHeader, BundleWriter, Event, RecordType};

fn bundle(sequence: u32) -> Vec<u8> {
    let mut buffer = vec![0; 1024];
    let header = BundleHeader {
        connection_id: 1,
        sequence,
    };
    let mut writer = BundleWriter::new(&mut buffer, header, Quirks::NONE).unwrap();
    for data in [&b"{\"n\":1}"[..], b"{\"n\":22}", b"{\"n\":333}"] {
        let event = Event::new(RecordType::FILE, Some(1_700_000_000), data);
        writer.push(&event).unwrap();
    }
    writer.finish().to_vec()
}

/// Returns what a client's session counts after two changed bundles.
fn counted(quirk: Quirk) -> (Vec<(Quirk, u32)>, u64) {
    let mut tamper = Tamper::new(Quirks::NONE.with(quirk), &[], 1).unwrap();
    let mut stream = Vec::new();
    for n in 1..=2 {
        let out = tamper.message(Outgoing::Bundle(n), &bundle(n)).unwrap();
        stream.extend(out.bytes);
    }
    let mut session = ClientSession::new(65_536, ClientConfig::default(), Instant(0)).unwrap();
    let mut at = 0;
    loop {
        let step = session.step(&stream[at..], Instant(0)).unwrap();
        at += step.consumed;
        if step.consumed == 0 && step.frame.is_none() {
            break;
        }
    }
    assert_eq!(at, stream.len(), "{quirk}: the stream stays in step");
    let statistics = session.statistics();
    (statistics.deviations.seen().collect(), statistics.events)
}

#[test]
fn each_quirk_shows_itself_and_nothing_unasked_for() {
    // Two need an error message to show in, one is in the data that is served.
    let quiet = [Quirk::ErrorLength, Quirk::NestedError, Quirk::DataNotJson];
    for &quirk in SHOWN.iter().filter(|quirk| !quiet.contains(quirk)) {
        let (seen, events) = counted(quirk);
        let mut allowed = vec![quirk, Quirk::NestedVersion0];
        if quirk == Quirk::RecordClipped {
            allowed.push(Quirk::ExtendedFlag);
        }
        assert!(
            seen.iter().any(|(seen, _)| *seen == quirk),
            "{quirk}: {seen:?}"
        );
        assert!(
            seen.iter().all(|(seen, _)| allowed.contains(seen)),
            "{quirk}: {seen:?}"
        );
        let expected = if quirk == Quirk::RecordMalformed {
            8
        } else {
            6
        };
        assert_eq!(events, expected, "{quirk}");
    }
}

#[test]
fn no_chaos_and_no_quirk_is_no_tampering() {
    assert!(
        Tamper::new(guide(), &[], 1).is_none(),
        "the core shows these"
    );
}

#[test]
fn the_same_seed_cuts_at_the_same_byte() {
    let cut = |seed| {
        let mut tamper = Tamper::new(Quirks::NONE, &[ChaosKind::Cut.into()], seed).unwrap();
        let mut sent = 0;
        loop {
            let out = tamper.message(Outgoing::Bundle(1), &bundle(1)).unwrap();
            sent += out.bytes.len();
            if out.close {
                return sent;
            }
        }
    };
    assert_eq!(cut(7), cut(7));
    assert_ne!(cut(7), cut(8));
}

#[test]
fn a_bundle_number_is_hit_and_no_other() {
    for kind in [
        ChaosKind::Garbage,
        ChaosKind::Error,
        ChaosKind::DuplicateBundle,
    ] {
        let mut tamper = Tamper::new(Quirks::NONE, &[Chaos::with(kind, 2)], 1).unwrap();
        for n in 1..=3 {
            let out = tamper.message(Outgoing::Bundle(n), &bundle(n)).unwrap();
            assert_eq!(out.bytes == bundle(n), n != 2, "{kind} at {n}");
        }
    }
}
