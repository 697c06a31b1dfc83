//! A source that names several servers with the same events.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::time::Duration;

use estreamer::client::Client;
use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{Archive, ArchiveOptions, Live};
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_tests::{
    ClosedPort, Ended, Fleet, Pki, Running, collect, estreamer, lines, stored, wait_for_lines,
};

const OUT: &str = "out.ndjson";

/// An archive that several servers share.
fn archive(events: u64) -> Archive {
    Archive::new(ArchiveOptions {
        live: Live::ByHand,
        ..ArchiveOptions::generated(GeneratorOptions::default(), events)
    })
}

/// A collector that knows these servers.
fn start(fleet: &Fleet, servers: &[String]) -> Running {
    let source = Fleet::source_at("fmc", "SERVERS").replace("\"SERVERS\"", &format!("{servers:?}"));
    fleet.configure("", &[source, Fleet::output(&format!("file:{OUT}"))]);
    Running::start(&mut fleet.collect())
}

/// Stops it, and checks that everything is there exactly once.
fn check(fleet: &Fleet, running: Running, server: &Simulator) -> String {
    let said = running.stop().success().stderr;
    let mut found = lines(&fleet.path(OUT));
    found.sort();
    assert!(found == stored([server]), "{said}");
    said
}

#[test]
fn the_next_server_goes_on_from_the_bookmark_when_one_is_away() {
    let fleet = Fleet::new();
    let archive = archive(300);
    let server = || fleet.server(1, 0, |builder| builder.archive(archive.clone()));
    let (first, second) = (server(), server());
    let addresses = [&first, &second].map(|server| server.address().to_string());
    let running = start(&fleet, &addresses);
    wait_for_lines(&fleet.path(OUT), 300, &running);
    running.wait_for(&format!("fmc: connected to {}", addresses[0]));
    drop(first);
    archive.store(50);
    wait_for_lines(&fleet.path(OUT), 350, &running);
    running.wait_for(&format!("Trying {} now", addresses[1]));
    running.wait_for(&format!("fmc: connected to {}", addresses[1]));
    let from = second.connections()[0].requests[0].from;
    assert!(from.0 > 0, "from the bookmark");
    check(&fleet, running, &second);
}

/// Two servers of a high-availability pair: each archives for itself, and the
/// second one's clock is ahead.
#[test]
fn another_server_of_a_pair_brings_nothing_twice_although_its_clock_differs() {
    for ahead in [1, 3] {
        let fleet = Fleet::new();
        let server = |events, clock_ahead| {
            let mut options = ArchiveOptions::generated(GeneratorOptions::default(), events);
            options.oddities.twins = 20;
            options.oddities.clock_ahead = clock_ahead;
            fleet.server(1, 0, |builder| builder.archive(Archive::new(options)))
        };
        // The first one goes away when it has stored half of what the other has.
        let (first, second) = (server(1000, 0), server(2000, ahead));
        let addresses = [&first, &second].map(|server| server.address().to_string());
        let running = start(&fleet, &addresses);
        wait_for_lines(&fleet.path(OUT), 1000, &running);
        drop(first);
        running.wait_for(&format!("fmc: connected to {}", addresses[1]));
        wait_for_lines(&fleet.path(OUT), 2000, &running);
        let said = check(&fleet, running, &second);
        assert!(said.contains("another server answers"), "{said}");
        assert!(!said.contains("did not come again"), "{said}");
    }
}

/// The same pair, and the library's client.
#[test]
fn a_client_gets_nothing_twice_from_another_server_of_a_pair() {
    let pki = Pki::new();
    let server = |events, clock_ahead| {
        let mut options = ArchiveOptions::generated(GeneratorOptions::default(), events);
        options.oddities.twins = 20;
        options.oddities.clock_ahead = clock_ahead;
        let builder = Simulator::with_identity(pki.identity());
        builder.archive(Archive::new(options)).spawn().unwrap()
    };
    let (first, second) = (server(1000, 0), server(2000, 3));
    let addresses = [&first, &second].map(|server| server.address().to_string());
    let client = || {
        let client = Client::builder(&addresses[0]).server(&addresses[1]);
        let client = client.identity(identity(&pki)).name("fmc");
        let client = client.state(pki.scratch("state"));
        client.from(estreamer::client::InitialTimestamp::OLDEST)
    };
    let mut found = Vec::new();
    let mut get = |count: usize| {
        let mut client = client().connect().unwrap();
        for _ in 0..count {
            let record = client.receive(Some(Duration::from_secs(30))).unwrap();
            found.push(record.unwrap().data.to_vec());
        }
        client.acknowledge().unwrap();
        client.statistics().duplicates
    };
    assert_eq!(get(1000), 0);
    drop(first);
    assert!(get(1000) > 0);
    found.sort();
    assert!(found == stored([&second]));
}

/// Two servers, of which the first cuts its first three connections; each brings
/// something that the one before did not.
fn one_that_cuts(fleet: &Fleet) -> [Simulator; 2] {
    let slow = GeneratorOptions {
        per_second: 2,
        ..GeneratorOptions::default()
    };
    let archive = Archive::new(ArchiveOptions::generated(slow, 1000));
    // Each brings something that the one before did not.
    let first = fleet.server(1, 0, |builder| {
        let builder = builder.archive(archive.clone()).bundle(5);
        let cut = Chaos::with(ChaosKind::Cut, 30_000);
        builder.chaos(cut).chaos_connections(3)
    });
    let second = fleet.server(1, 0, |builder| builder.archive(archive.clone()));
    [first, second]
}

#[test]
fn a_server_that_works_is_asked_again_before_the_next() {
    let fleet = Fleet::new();
    let [first, second] = one_that_cuts(&fleet);
    let addresses = [&first, &second].map(|server| server.address().to_string());
    let running = start(&fleet, &addresses);
    wait_for_lines(&fleet.path(OUT), 1000, &running);
    assert_eq!(first.connections().len(), 4);
    assert_eq!(second.connections().len(), 0);
    let said = check(&fleet, running, &first);
    assert_eq!(said.matches(" connected to").count(), 1, "{said}");
}

#[test]
fn a_server_works_although_a_receiver_has_not_confirmed_anything_yet() {
    let fleet = Fleet::new();
    let [first, second] = one_that_cuts(&fleet);
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = Fleet::output(&format!("tcp://{}", receiver.local_addr().unwrap()));
    let servers = [&first, &second].map(|server| server.address().to_string());
    let source = Fleet::source_at("fmc", "SERVERS").replace("\"SERVERS\"", &format!("{servers:?}"));
    fleet.configure("", &[source, output]);
    let running = Running::start(&mut fleet.collect());
    let lines = BufReader::new(receiver.accept().unwrap().0).lines();
    assert_eq!(lines.take(1000).filter(Result::is_ok).count(), 1000);
    assert_eq!(first.connections().len(), 4);
    assert_eq!(second.connections().len(), 0);
    running.kill();
}

#[test]
fn a_server_that_refuses_does_not_keep_the_other_waiting() {
    let fleet = Fleet::new();
    // Its CA is another, so that there is a reason to wait long.
    let strange = Fleet::new().server(2, 10, |builder| builder);
    let server = fleet.server(1, 100, |builder| builder);
    let nobody = ClosedPort::new();
    let addresses = [
        nobody.to_string(),
        strange.address().to_string(),
        server.address().to_string(),
    ];
    let running = start(&fleet, &addresses);
    wait_for_lines(&fleet.path(OUT), 100, &running);
    check(&fleet, running, &server);
}

#[test]
fn every_command_takes_several_servers() {
    let pki = Pki::new();
    let server = Simulator::with_identity(pki.identity())
        .count(5)
        .spawn()
        .unwrap();
    let nobody = ClosedPort::new();
    let (nobody, somebody) = (nobody.to_string(), server.address().to_string());
    let arguments = [
        "--server",
        &somebody,
        "--from",
        "oldest",
        "--stop-after",
        "5",
    ];
    let ended = Ended::of(&mut collect(&pki, &nobody, &arguments)).success();
    assert_eq!(
        ended.stdout.iter().filter(|&&byte| byte == b'\n').count(),
        5
    );

    let mut doctor = estreamer(&["doctor", "--server", &nobody, "--server", &somebody]);
    doctor.args([
        "--cert",
        &pki.file("client.pem"),
        "--key",
        &pki.file("client.key"),
    ]);
    doctor.args(["--ca", &pki.file("ca.pem")]);
    let ended = Ended::of(&mut doctor);
    assert_eq!(ended.status.code(), Some(12), "{}", ended.stderr);
    let shown = String::from_utf8(ended.stdout).unwrap();
    for part in [&nobody, &somebody, "exit status 12", "exit status 0"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    let ended = Ended::of(doctor.arg("--json"));
    let json: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(json[1]["server"], somebody.as_str());

    let client = Client::builder(&nobody).server(&somebody);
    let client = client
        .identity(identity(&pki))
        .from(estreamer::client::InitialTimestamp::OLDEST);
    let events: Vec<_> = client.connect().unwrap().take(5).collect();
    assert!(events.iter().all(Result::is_ok));
}

fn identity(pki: &Pki) -> estreamer_mio::tls::Identity {
    let read = |name: &str| std::fs::read(pki.file(name)).unwrap();
    estreamer_mio::tls::Identity::from_pem(
        &read("client.pem"),
        &read("client.key"),
        &read("ca.pem"),
    )
    .unwrap()
}

#[test]
fn servers_that_cannot_take_turns_are_refused() {
    let fleet = Fleet::new();
    let check = |server: &str, more: &str| {
        let source = Fleet::source_at("fmc", "SERVERS").replace("\"SERVERS\"", server) + more;
        let path = fleet.configure("", &[source]);
        Ended::of(&mut estreamer(&["check", path.to_str().unwrap()]))
    };
    let shown = check("[\"a\", \"b:1\"]", "").success().stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("a:8302, then b:1"), "{shown}");
    check("[\"a\", \"a:8302\"]", "").failure(2, &["the source lists the server a:8302 twice"]);
    check("[]", "").failure(2, &["server: the list is empty"]);
    check("[\"a:0\"]", "").failure(2, &["not a port"]);
    let fingerprint = format!("server_fingerprint = \"{}\"\n", "00".repeat(32));
    check("[\"a\", \"b\"]", &fingerprint).failure(2, &["server_fingerprint can match only one"]);
}
