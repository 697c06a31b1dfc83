//! Many sources in one process.

use estreamer_mio::tls::ClientRules;
use estreamer_simulate::Simulator;
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_tests::{ClosedPort, Fleet, Running, lines, stored, wait_for_lines, wait_until};

#[test]
fn two_hundred_sources_deliver_everything_and_none_starves() {
    const SOURCES: usize = 200;
    const EVENTS: u64 = 400;
    let fleet = Fleet::new();
    let server = fleet.server(1, 0, |builder| builder.bundle(20));
    let mut tables: Vec<String> = (0..SOURCES)
        .map(|number| Fleet::source(&format!("fmc-{number}"), &server))
        .collect();
    tables.push(Fleet::output("file:out/{source}.ndjson"));
    std::fs::create_dir(fleet.path("out")).unwrap();
    fleet.configure("memory = 64", &tables);
    let running = Running::start(&mut fleet.collect());
    // All begin at the same time.
    let asked = |count| {
        let connections = server.connections();
        connections
            .iter()
            .filter(|c| !c.requests.is_empty())
            .count()
            == count
    };
    wait_until(|| asked(SOURCES));
    server.archive().store(EVENTS);
    // When the fastest is done, the slowest has at least half.
    let mut counts = Vec::new();
    wait_until(|| {
        counts = server.connections().iter().map(|c| c.events).collect();
        counts.iter().max() >= Some(&EVENTS)
    });
    let slowest = counts.iter().min().copied().unwrap_or(0);
    assert!(slowest >= EVENTS / 2, "{slowest} of {EVENTS}: {counts:?}");
    let expected = stored([&server]);
    for number in 0..SOURCES {
        let path = fleet.path(&format!("out/fmc-{number}.ndjson"));
        wait_for_lines(&path, expected.len(), &running);
    }
    let ended = running.stop().success();
    let total = SOURCES as u64 * EVENTS;
    assert!(
        ended.stderr.contains(&format!("{total} events")),
        "{}",
        ended.stderr
    );
    let mut last = lines(&fleet.path("out/fmc-199.ndjson"));
    last.sort();
    assert!(last == expected, "byte for byte");
}

#[test]
fn who_stalls_lies_refuses_or_is_not_there_does_not_disturb_the_others() {
    let (fleet, others) = (Fleet::new(), Fleet::new());
    let good = fleet.server(1, 300, |builder| builder);
    let stalls = fleet.server(2, 300, |builder| {
        builder.chaos(Chaos::with(ChaosKind::Stall, 600_000))
    });
    let lies = fleet.server(3, 300, |builder| {
        builder.chaos(Chaos::with(ChaosKind::Garbage, 2))
    });
    let refuses = others.server(4, 300, |builder| builder);
    let nobody = ClosedPort::new();
    let tables = [
        Fleet::source("stalls", &stalls),
        Fleet::source("lies", &lies),
        Fleet::source("refuses", &refuses),
        Fleet::source_at("nobody", &nobody.to_string()),
        Fleet::source("good", &good),
        Fleet::output("file:{source}.ndjson"),
    ];
    fleet.configure("", &tables);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("good.ndjson"), 300, &running);
    for words in [
        "does not send eStreamer messages",
        "refuses: TLS with",
        "nobody: ",
        "nothing listens",
    ] {
        running.wait_for(words);
    }
    // Live events go on coming, too.
    good.archive().store(100);
    wait_for_lines(&fleet.path("good.ndjson"), 400, &running);
    running.stop().success();
    let mut found = lines(&fleet.path("good.ndjson"));
    found.sort();
    assert!(found == stored([&good]));
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let fleet = Fleet::new();
    // The address of a server to come.
    let closed = ClosedPort::new();
    let address = closed.address;
    let tables = [
        Fleet::source_at("late", &address.to_string()),
        Fleet::output("file:out.ndjson"),
    ];
    fleet.configure("", &tables);
    let running = Running::start(&mut fleet.collect());
    running.wait_for("nothing listens");
    let server = fleet.server(1, 50, |builder| builder.listen(address));
    wait_for_lines(&fleet.path("out.ndjson"), 50, &running);
    running.stop().success();
    drop(server);
}

#[test]
fn every_source_has_its_own_request_and_its_own_bookmark() {
    let fleet = Fleet::new();
    let (a, b) = (
        fleet.server(1, 200, |builder| builder),
        fleet.server(2, 200, |builder| builder),
    );
    let tables = [
        Fleet::source("a", &a) + "events = [\"file\"]\n",
        Fleet::source("b", &b) + "transform = \"CSV\"\nevents = { connection = [\"URL\"] }\n",
        Fleet::output("file:{source}.out"),
    ];
    fleet.configure("", &tables);
    // Twenty files and a hundred connections in two hundred events.
    for round in 0..2 {
        let running = Running::start(&mut fleet.collect());
        let arguments = [("a.out", 20, &a), ("b.out", 100, &b)];
        for (file, count, server) in arguments {
            assert!(
                server.wait(|served| served.len() > round),
                "{}",
                running.said()
            );
            wait_for_lines(&fleet.path(file), count, &running);
        }
        running.stop().success();
    }
    let asked = |server: &Simulator| server.connections()[1].requests[0].from.0;
    assert!(asked(&a) > 0 && asked(&b) > 0, "from the bookmark");
    let files = lines(&fleet.path("a.out"));
    assert!(files.iter().all(|line| line.starts_with(b"{")));
    let connections = lines(&fleet.path("b.out"));
    assert!(connections.iter().all(|line| !line.starts_with(b"{")));
}

#[test]
fn both_kinds_of_address_are_reached_and_all_of_a_name_are_tried() {
    let fleet = Fleet::new();
    // Its certificate names another address, which this server does not mind.
    let lenient = || ClientRules {
        address: false,
        ..ClientRules::default()
    };
    let six = fleet.server(1, 10, |builder| {
        builder
            .listen("[::1]:0".parse().unwrap())
            .clients(lenient())
    });
    // A name of both kinds, where only one answers.
    let four = fleet.server(2, 10, |builder| builder);
    let named = format!("localhost:{}", four.address().port());
    let tables = [
        Fleet::source("six", &six),
        Fleet::source_at("named", &named),
        Fleet::output("file:{source}.ndjson"),
    ];
    fleet.configure("", &tables);
    let running = Running::start(&mut fleet.collect());
    for source in ["six", "named"] {
        wait_for_lines(&fleet.path(&format!("{source}.ndjson")), 10, &running);
    }
}

#[test]
fn a_connection_comes_from_the_address_it_is_bound_to() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 10, |builder| {
        builder.clients(ClientRules {
            address: false,
            ..ClientRules::default()
        })
    });
    let tables = [
        Fleet::source("a", &server) + "bind = \"127.0.0.2\"\n",
        Fleet::output("file:out.ndjson"),
    ];
    fleet.configure("", &tables);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("out.ndjson"), 10, &running);
    assert_eq!(server.connections()[0].peer.ip().to_string(), "127.0.0.2");
}
