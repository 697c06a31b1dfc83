//! What bears on the promise that nothing is lost is counted, told when it
//! begins and summed up; and it is what the server did.

use std::time::{SystemTime, UNIX_EPOCH};

use estreamer_core::quirk::Quirk;
use estreamer_simulate::archive::{Archive, ArchiveContent, ArchiveOptions, Live, Oddities};
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_simulate::replay::Replay;
use estreamer_simulate::{Simulator, SimulatorBuilder};
use estreamer_tests::{Fleet, Running, counted};

/// Collects what a server has; what was said.
fn collect(fleet: &Fleet, server: &Simulator) -> String {
    fleet.configure_one(server, &["file:out.ndjson"]);
    Running::until_served(&mut fleet.collect(), &[server])
        .success()
        .stderr
}

/// Collects from a server with so many events that does this; what was said.
fn after(
    events: u64,
    more: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
) -> (String, Simulator) {
    let fleet = Fleet::new();
    let server = fleet.server(1, events, more);
    (collect(&fleet, &server), server)
}

#[test]
fn gaps_in_the_sequence() {
    let (said, _) = after(1000, |builder| {
        builder.chaos(Chaos::with(ChaosKind::SkipSequence, 4))
    });
    assert_eq!(counted(&said, "gap in the bundle sequence"), 1);
    assert!(
        said.contains("fmc: 1 gap in the bundle sequence. "),
        "{said}"
    );
}

#[test]
fn malformed_records() {
    let (said, server) = after(1000, |builder| builder.quirk(Quirk::RecordMalformed));
    // One in each bundle.
    let bundles = server.connections()[0].bundles;
    assert_eq!(bundles, 10);
    assert_eq!(counted(&said, "malformed"), bundles);
    // Told once when it begins, and once more at the end.
    assert_eq!(said.matches("malformed record").count(), 2, "{said}");
}

#[test]
fn oversize_records() {
    let (said, _) = after(300, |builder| {
        builder.chaos(Chaos::with(ChaosKind::Oversize, 17))
    });
    assert_eq!(counted(&said, "oversize"), 1);
    assert!(said.contains("fmc: 1 record over the size limit"), "{said}");
}

#[test]
fn duplicates_removed() {
    let (said, _) = after(1000, |builder| {
        builder.chaos(Chaos::with(ChaosKind::DuplicateBundle, 4))
    });
    assert_eq!(counted(&said, "delivered before and left out"), 100);
    assert!(
        said.contains("100 events left out: delivered before"),
        "{said}"
    );
}

#[test]
fn the_order_of_the_archive() {
    let archive = Archive::new(ArchiveOptions {
        oddities: Oddities {
            disorder: 4,
            ..Oddities::default()
        },
        ..ArchiveOptions::generated(GeneratorOptions::default(), 3000)
    });
    let mut high = 0;
    let mut disorder = 0;
    for event in archive.events() {
        disorder = disorder.max(u64::from(high - event.archival.min(high)));
        high = high.max(event.archival);
    }
    let (said, _) = after(0, |builder| builder.archive(archive));
    assert!(disorder >= 3, "{disorder}");
    assert_eq!(counted(&said, "out of order"), disorder);
    assert!(
        said.contains("raise overlap to twice the disorder"),
        "{said}"
    );
}

#[test]
fn records_from_the_future() {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as u32;
    let options = GeneratorOptions {
        start: now + 7200,
        ..GeneratorOptions::default()
    };
    let archive = Archive::new(ArchiveOptions::generated(options, 250));
    let (said, _) = after(0, |builder| builder.archive(archive));
    assert_eq!(counted(&said, "ahead of our clock"), 250);
    assert!(said.contains("Compare the two clocks"), "{said}");
}

#[test]
fn entries_that_did_not_come_again() {
    let fleet = Fleet::new();
    let event = |second: u32, id: u32| {
        format!(r#"{{"EventType":"FileEvent","EventSecond":{second},"ConnectionID":{id}}}"#)
    };
    let first: Vec<String> = (0..100).map(|id| event(1000 + id / 10, id)).collect();
    let server = replaying(&fleet, "first", &first);
    let said = collect(&fleet, &server);
    assert_eq!(counted(&said, "events"), 100);
    drop(server);
    // The server has lost seven events of its last seconds, and gone on.
    let mut second: Vec<String> = first[..93].to_vec();
    second.extend((100..200).map(|id| event(1000 + id / 10, id)));
    let server = replaying(&fleet, "second", &second);
    let said = collect(&fleet, &server);
    assert_eq!(counted(&said, "did not come again"), 7);
    assert_eq!(counted(&said, "events"), 100);
    assert!(
        said.contains("fmc: 7 events delivered before did not come again"),
        "{said}"
    );
}

/// A server with these events.
fn replaying(fleet: &Fleet, name: &str, events: &[String]) -> Simulator {
    let path = fleet.path(name);
    std::fs::write(&path, events.join("\n")).unwrap();
    let archive = Archive::new(ArchiveOptions {
        content: ArchiveContent::Lines(Replay::parse(std::fs::read(&path).unwrap()).unwrap()),
        history: None,
        live: Live::Nothing,
        oddities: Oddities::default(),
    });
    fleet.server(1, 0, |builder| builder.archive(archive))
}
