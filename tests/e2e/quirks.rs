//! Every deviation a server can show: the collector bears it, and every event
//! comes out exactly once.

use std::thread;

use estreamer::simulate::tamper::SHOWN;
use estreamer::simulate::{Served, Simulator};
use estreamer_core::quirk::Quirk;
use estreamer_tests::{Ended, Pki, collect, expected_lines, lines};

const EVENTS: u64 = 250;

/// Shown only in error messages, which end a session.
const IN_ERRORS: [Quirk; 3] = [Quirk::ErrorNul, Quirk::ErrorLength, Quirk::NestedError];

#[test]
fn every_event_comes_out_exactly_once_whatever_the_quirk() {
    let pki = Pki::new();
    thread::scope(|scope| {
        for &quirk in Quirk::SERVER.iter().chain(SHOWN) {
            if !IN_ERRORS.contains(&quirk) {
                let pki = &pki;
                scope.spawn(move || collect_all(pki, &[quirk]));
            }
        }
    });
}

#[test]
fn all_quirks_together_are_borne_too() {
    // These two leave nothing of a bundle to be read behind them.
    let last = [Quirk::BundleOverrun, Quirk::BundleTrailing];
    let quirks: Vec<_> = Quirk::SERVER
        .iter()
        .chain(SHOWN)
        .filter(|quirk| !IN_ERRORS.contains(quirk) && !last.contains(quirk))
        .copied()
        .collect();
    collect_all(&Pki::new(), &quirks);
}

#[test]
fn an_error_in_any_spelling_is_told_with_its_text() {
    use estreamer::simulate::chaos::{Chaos, ChaosKind};
    let pki = Pki::new();
    for quirk in IN_ERRORS {
        let simulator = Simulator::with_identity(pki.identity())
            .count(EVENTS)
            .quirk(quirk)
            .chaos(Chaos::with(ChaosKind::Error, 1))
            .chaos_connections(u32::MAX)
            .spawn()
            .unwrap();
        let address = simulator.address().to_string();
        let ended = Ended::of(&mut collect(&pki, &address, &["--from", "oldest"]));
        assert_eq!(ended.status.code(), Some(1), "{quirk}");
        assert!(
            ended.stderr.contains("error 19: No space"),
            "{quirk}: {}",
            ended.stderr
        );
    }
}

fn collect_all(pki: &Pki, quirks: &[Quirk]) {
    let builder = Simulator::with_identity(pki.identity());
    let builder = quirks.iter().fold(builder, |b, &quirk| b.quirk(quirk));
    let simulator = builder.count(EVENTS).bundle(50).spawn().unwrap();
    let address = simulator.address().to_string();
    // A malformed record more may come out as a line of its own.
    let arguments = match quirks.contains(&Quirk::RecordMalformed) {
        true => ["--from", "oldest", "--stop-when-idle", "1"],
        false => ["--from", "oldest", "--stop-after", "250"],
    };
    let ended = Ended::of(&mut collect(pki, &address, &arguments)).success();
    let came = lines(&ended.stdout);
    let came: Vec<_> = came
        .into_iter()
        .filter(|line| !line.starts_with(b"{\"estreamer_error\""))
        .collect();
    assert!(came == expected_lines(simulator.archive()), "{quirks:?}");
    let over = |served: &[Served]| served.iter().all(|served| served.end.is_some());
    assert!(simulator.wait(over), "{quirks:?}");
}
