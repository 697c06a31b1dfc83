//! The simulator as a program.

use estreamer_tests::{Ended, Pki, Simulator, estreamer, json_lines};

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let pki = Pki::new();
    let events = |seed: &str| {
        let server = Simulator::start(&pki.path(), &["--count", "300", "--seed", seed]);
        collect(&pki, &server, &["--stop-after", "300"]).stdout
    };
    let first = events("7");
    assert_eq!(json_lines(&first).len(), 300);
    assert!(first == events("7"));
    assert!(first != events("8"));
}

#[test]
fn each_client_is_served_all_events_in_bundles_of_the_size_asked_for() {
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &["--count", "60", "--bundle", "7"]);
    for _ in 0..2 {
        let collect = collect(&pki, &server, &["--stop-after", "60"]);
        assert_eq!(json_lines(&collect.stdout).len(), 60);
        assert!(
            collect.stderr.contains("9 bundles, 9 nulls"),
            "{}",
            collect.stderr
        );
    }
    server.stop_after("60 events served", 2).success();
}

#[test]
fn a_rate_holds_events_back_but_loses_none() {
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &["--count", "30", "--rate", "100"]);
    let collect = collect(&pki, &server, &["--stop-after", "30"]);
    assert_eq!(json_lines(&collect.stdout).len(), 30);
    // The thirtieth event is due 290 ms after the first.
    let seconds: f64 = collect
        .stderr
        .split(", ")
        .find_map(|part| part.strip_suffix(" s")?.parse().ok())
        .unwrap();
    assert!(seconds >= 0.28, "{}", collect.stderr);
}

#[test]
fn a_pki_is_made_once_completed_and_never_overwritten() {
    let pki = Pki::new();
    let path = pki.path();
    let init = |more: &[&str]| {
        let mut command = estreamer(&["pki", "init", path.to_str().unwrap()]);
        Ended::of(command.args(more))
    };
    let read = |name: &str| std::fs::read(path.join(name)).unwrap();
    let before = [read("ca.pem"), read("client.p12")];
    assert!(init(&[]).success().stderr.contains("nothing is changed"));
    init(&["--san", "localhost"]).failure(1, &["server.pem is kept", "remove"]);
    for file in ["server.pem", "server.key"] {
        std::fs::remove_file(path.join(file)).unwrap();
    }
    let said = init(&["--san", "localhost", "--san", "127.0.0.1"]);
    let said = said.success().stderr;
    assert!(said.contains("made server.key, server.pem"), "{said}");
    assert!(said.contains("kept ca.key, ca.pem"), "{said}");
    assert!([read("ca.pem"), read("client.p12")] == before);
    // Its own client bears the names.
    let server = Simulator::start(&path, &["--count", "1"]);
    collect(&pki, &server, &["--stop-after", "1"]);
    std::fs::remove_file(path.join("ca.key")).unwrap();
    init(&[]).failure(1, &["ca.pem", "no ", "ca.key", "restore"]);
    init(&["--san", "not a name"]).failure(2, &["fmc.example.net"]);
}

#[test]
fn a_port_in_use_is_named() {
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &[]);
    let path = pki.path();
    let ended = Ended::of(&mut estreamer(&[
        "simulate",
        "--listen",
        &server.address,
        "--pki",
        path.to_str().unwrap(),
    ]));
    ended.failure(1, &[&server.address, "in use"]);
}

fn collect(pki: &Pki, server: &Simulator, arguments: &[&str]) -> Ended {
    let mut command = estreamer_tests::collect(pki, &server.address, &["--from", "oldest"]);
    Ended::of(command.args(arguments)).success()
}
