//! Every deviation a server can show: the collector bears it, and every event
//! comes out exactly once.

use std::thread;

use estreamer_core::quirk::Quirk;
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::opaque::OPAQUE;
use estreamer_simulate::tamper::SHOWN;
use estreamer_simulate::{Served, Simulator};
use estreamer_tests::{Ended, Pki, collect, collect_all, events, expected_lines};

const EVENTS: u64 = 250;

/// Shown only in error messages, which end a session.
const IN_ERRORS: [Quirk; 3] = [Quirk::ErrorNul, Quirk::ErrorLength, Quirk::NestedError];

/// Those that leave the archive's events as they are, outside of error messages.
fn in_messages() -> impl Iterator<Item = Quirk> {
    let all = Quirk::SERVER.iter().chain(SHOWN).copied();
    all.filter(|quirk| !IN_ERRORS.contains(quirk) && *quirk != Quirk::DataNotJson)
}

#[test]
fn every_event_comes_out_exactly_once_whatever_the_quirk() {
    let pki = Pki::new();
    thread::scope(|scope| {
        for quirk in in_messages() {
            let pki = &pki;
            scope.spawn(move || check_all(pki, &[quirk]));
        }
    });
}

#[test]
fn all_quirks_together_are_borne_too() {
    // These two leave nothing of a bundle to be read behind them.
    let last = [Quirk::BundleOverrun, Quirk::BundleTrailing];
    let quirks: Vec<_> = in_messages()
        .filter(|quirk| !last.contains(quirk))
        .collect();
    check_all(&Pki::new(), &quirks);
}

#[test]
fn data_that_is_not_the_json_asked_for_comes_in_three_kinds_and_all_of_it_is_told() {
    let pki = Pki::new();
    let simulator = Simulator::with_identity(pki.identity())
        .count(EVENTS)
        .quirk(Quirk::DataNotJson)
        .spawn()
        .unwrap();
    let address = simulator.address().to_string();
    let arguments = ["--from", "oldest", "--format", "raw", "--stop-after", "250"];
    let ended = Ended::of(&mut collect(&pki, &address, &arguments)).success();
    let said = ended.stderr;
    assert!(said.contains("250 not JSON"), "{said}");
    let mut rest = &ended.stdout[..];
    for (at, event) in expected_lines(simulator.archive()).iter().enumerate() {
        let (length, after) = rest.split_first_chunk().unwrap();
        let (data, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        match at % 3 {
            0 => assert!(data.contains(&b',') && !data.contains(&b'{')),
            1 => assert!(data.iter().zip(event).all(|(a, b)| a ^ b == OPAQUE)),
            _ => assert!(data.is_empty()),
        }
        rest = after;
    }
    assert!(rest.is_empty());
}

#[test]
fn an_error_in_any_spelling_is_told_with_its_text_and_loses_nothing() {
    let pki = Pki::new();
    thread::scope(|scope| {
        for quirk in IN_ERRORS {
            let pki = &pki;
            scope.spawn(move || {
                let simulator = Simulator::with_identity(pki.identity())
                    .count(EVENTS)
                    .quirk(quirk)
                    .chaos(Chaos::with(ChaosKind::Error, 1))
                    .spawn()
                    .unwrap();
                let said = check(pki, &simulator);
                assert!(said.contains("error 19: No space"), "{quirk}: {said}");
            });
        }
    });
}

/// Each bundle has a record that contradicts itself.
#[test]
fn records_that_cannot_be_read_are_no_events() {
    let pki = Pki::new();
    let builder = pki
        .server()
        .count(100)
        .bundle(10)
        .quirk(Quirk::RecordMalformed);
    let server = builder.spawn().unwrap();
    let diagnosis = super::doctor::examine(&pki, &server.address().to_string(), &[]);
    diagnosis.assert(estreamer::doctor::Class::Healthy, None);
    let step = diagnosis.step("first bytes").unwrap();
    let found = step["found"].as_str().unwrap();
    assert!(found.contains("that cannot be read"), "{found}");
    assert!(!found.contains("of other types"), "{found}");
    assert_eq!(step["verdict"], "warning");
    let look_at = step["look_at"].as_str().unwrap();
    assert!(look_at.starts_with("Record the stream"), "{look_at}");
}

fn check_all(pki: &Pki, quirks: &[Quirk]) {
    let builder = Simulator::with_identity(pki.identity());
    let builder = quirks.iter().fold(builder, |b, &quirk| b.quirk(quirk));
    let simulator = builder.count(EVENTS).bundle(50).spawn().unwrap();
    check(pki, &simulator);
    assert_eq!(simulator.connections().len(), 1, "{quirks:?}");
    let over = |served: &[Served]| served.iter().all(|served| served.end.is_some());
    assert!(simulator.wait(over), "{quirks:?}");
}

/// Checks that every event comes exactly once, and returns what was said.
fn check(pki: &Pki, simulator: &Simulator) -> String {
    let ended = collect_all(pki, simulator, &[]).success();
    let expected = expected_lines(simulator.archive());
    assert!(events(&ended.stdout) == expected, "{}", ended.stderr);
    ended.stderr
}
