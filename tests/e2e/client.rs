//! The blocking client of the library.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use estreamer::client::{Builder, Client, ErrorKind, RecordKind};
use estreamer_core::fqe::EventKind;
use estreamer_core::session::End;
use estreamer_core::wire::InitialTimestamp;
use estreamer_simulate::Served;
use estreamer_simulate::archive::Oddities;
use estreamer_simulate::chaos::ChaosKind;
use estreamer_tests::{ODD, Pki, Scene, speaker};

/// No test waits longer for an event that is there.
const SOON: Option<Duration> = Some(Duration::from_secs(30));

#[test]
fn a_loop_gets_every_event_once_and_in_order() {
    let scene = Scene::new(20_000, Oddities::default(), |server| server.bundle(100));
    let client = client(&scene).connect().unwrap();
    let got: Vec<Vec<u8>> = client
        .take(20_000)
        .map(|event| event.unwrap().data)
        .collect();
    assert!(got == archived(&scene), "byte for byte");
}

#[test]
fn events_are_looked_at_in_place_and_the_server_waits_for_their_acknowledgement() {
    let scene = Scene::new(1000, Oddities::default(), |server| server.bundle(10));
    let mut client = client(&scene).ahead(0).connect().unwrap();
    for expected in &archived(&scene)[..10] {
        let record = client.receive(SOON).unwrap().unwrap();
        assert_eq!(record.kind, RecordKind::Event);
        assert!(record.archival.is_some());
        assert!(record.data == expected);
    }
    // The whole bundle is handed out, and nothing acknowledged.
    for timeout in [None, SOON] {
        let error = client.receive(timeout).err().unwrap();
        assert_eq!(
            error.kind(),
            ErrorKind::Unacknowledged,
            "instead of for ever"
        );
    }
    assert_eq!(scene.served(), 10);
    client.acknowledge().unwrap();
    assert!(client.receive(SOON).unwrap().is_some());
    let statistics = client.statistics();
    assert_eq!((statistics.bundles, statistics.acknowledged), (2, 1));
    assert_eq!(statistics.records, 11);
}

#[test]
fn after_a_restart_exactly_what_was_acknowledged_is_left_out() {
    let scene = Scene::new(5000, ODD, |server| server.bundle(100));
    let expected = archived(&scene);
    let mut got: Vec<Vec<u8>> = Vec::new();
    // Cuts inside of bundles, of batches, of seconds; some runs acknowledge
    // nothing. Each hands out more than it acknowledges.
    for acknowledged in [1, 0, 60, 777, 0, 1599, 41] {
        let mut client = bookmarked(&scene).connect().unwrap();
        let mut seen = Vec::new();
        for _ in 0..acknowledged {
            seen.push(client.receive(SOON).unwrap().unwrap().data.to_vec());
        }
        client.acknowledge().unwrap();
        for _ in 0..30 {
            client.receive(SOON).unwrap().unwrap();
        }
        got.extend(seen);
    }
    let client = bookmarked(&scene).connect().unwrap();
    let rest = expected.len() - got.len();
    got.extend(client.take(rest).map(|event| event.unwrap().data));
    assert!(got == expected, "and in order");
}

#[test]
fn what_was_acknowledged_is_on_the_disk_when_the_call_returns() {
    let scene = Scene::new(500, Oddities::default(), |server| server);
    let expected = archived(&scene);
    let mut client = bookmarked(&scene).connect().unwrap();
    for acknowledged in [1, 7, 192] {
        for _ in 0..acknowledged {
            client.receive(SOON).unwrap().unwrap();
        }
        client.acknowledge().unwrap();
    }
    client.receive(SOON).unwrap().unwrap();
    // What a process that is killed now leaves behind.
    let left = scene.path("left");
    std::fs::create_dir(&left).unwrap();
    for file in ["key", "journal.0", "journal.1"] {
        std::fs::copy(scene.path("state").join(file), left.join(file)).unwrap();
    }
    let mut again = bookmarked(&scene).state(left).connect().unwrap();
    let next = again.receive(SOON).unwrap().unwrap();
    assert!(next.data == expected[200]);
}

#[test]
fn a_loop_that_breaks_off_gets_its_last_event_again_and_no_other() {
    let scene = Scene::new(100, Oddities::default(), |server| server);
    let expected = archived(&scene);
    for event in bookmarked(&scene).connect().unwrap().take(50) {
        event.unwrap();
    }
    let mut again = bookmarked(&scene).connect().unwrap();
    let next = again.next().unwrap().unwrap();
    assert!(next.data == expected[49], "it may not have been finished");
    assert_eq!(again.statistics().duplicates, 49);
}

#[test]
fn a_bookmark_serves_one_client_at_a_time() {
    let scene = Scene::new(10, Oddities::default(), |server| server);
    let first = bookmarked(&scene).connect().unwrap();
    let error = bookmarked(&scene).connect().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Bookmark);
    assert!(error.to_string().contains("in use"), "{error}");
    drop(first);
    assert!(bookmarked(&scene).connect().is_ok());
}

#[test]
fn a_wait_ends_from_another_thread() {
    let scene = Scene::new(1, Oddities::default(), |server| server);
    let mut client = client(&scene).connect().unwrap();
    client.receive(SOON).unwrap().unwrap();
    let interrupter = client.interrupter();
    let other = std::thread::spawn(move || interrupter.interrupt());
    let error = client.receive(None).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    other.join().unwrap();
    let nothing = client.receive(Some(Duration::from_millis(1))).unwrap();
    assert!(nothing.is_none(), "it goes on");
}

#[test]
fn the_server_is_told_why_a_client_closes() {
    let scene = Scene::new(10, Oddities::default(), |server| server);
    let mut client = client(&scene).connect().unwrap();
    client.receive(SOON).unwrap().unwrap();
    client.close("the test is over").unwrap();
    let error = client.receive(SOON).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Ended(End::Closed));
    let ended = |served: &[Served]| served.iter().all(|connection| connection.end.is_some());
    assert!(scene.simulator().wait(ended));
    let end = scene.simulator().connections().remove(0).end.unwrap();
    assert!(end.contains("error -1"), "{end}");
}

#[test]
fn why_it_does_not_go_on_is_told_with_a_remedy() {
    let scene = Scene::new(1000, Oddities::default(), |server| {
        server.chaos(ChaosKind::Error)
    });
    let error = client(&scene)
        .connect()
        .unwrap()
        .find_map(Result::err)
        .unwrap();
    let ended = matches!(error.kind(), ErrorKind::Ended(End::PeerError { .. }));
    assert!(ended, "{error}");

    let address = scene.simulator().address().to_string();
    let p12 = scene.path("pki/client.p12");
    let cases: [(Builder, ErrorKind, &str); 6] = [
        (Client::builder(&address), ErrorKind::Identity, "PKCS#12"),
        (
            Client::builder(&address).pkcs12(&p12, "wrong"),
            ErrorKind::Identity,
            "password",
        ),
        (
            client(&scene).fields(EventKind::File, &[]),
            ErrorKind::Request,
            "FileEvent requests no field",
        ),
        (client(&scene).json("{"), ErrorKind::Request, "syntax error"),
        (
            Client::builder("host:0").pkcs12(&p12, "estreamer"),
            ErrorKind::Address,
            "not a port",
        ),
        (
            Client::builder("127.0.0.1:1").pkcs12(&p12, "estreamer"),
            ErrorKind::Connection,
            "nothing listens",
        ),
    ];
    for (builder, kind, words) in cases {
        let error = builder.connect().expect_err("it does not connect");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_program_that_keeps_no_event_needs_no_memory_for_them() {
    let scene = Scene::new(50_000, Oddities::default(), |server| server.bundle(500));
    let mut client = client(&scene).memory(0).connect().unwrap();
    let mut bytes = 0;
    for _ in 0..50_000 {
        bytes += client.receive(SOON).unwrap().unwrap().data.len();
        client.acknowledge().unwrap();
    }
    assert!(bytes > 25 << 20, "more than there is memory for: {bytes}");
}

fn archived(scene: &Scene) -> Vec<Vec<u8>> {
    let events = scene.simulator().archive().events();
    events.into_iter().map(|event| event.data).collect()
}

fn client(scene: &Scene) -> Builder {
    Client::builder(&scene.simulator().address().to_string())
        .pkcs12(scene.path("pki/client.p12"), "estreamer")
        .from(InitialTimestamp::OLDEST)
}

fn bookmarked(scene: &Scene) -> Builder {
    client(scene).state(scene.path("state")).name("fmc")
}

#[test]
fn the_time_limit_in_a_message_is_the_one_that_was_set() {
    let pki = Pki::new();
    let p12 = pki.file("client.p12");
    let address = speaker::serve(speaker::listen).to_string();
    for (limit, shown) in [(150, "150ms"), (1200, "1.2s")] {
        let builder = Client::builder(&address).pkcs12(&p12, "estreamer");
        let limited = builder.connect_timeout(Duration::from_millis(limit));
        let error = limited.connect().expect_err("nobody answers").to_string();
        assert!(error.contains(&format!("within {shown}")), "{error}");
    }
}

/// Always a batch is there, so the program never waits for one.
#[test]
fn acknowledgements_of_a_slow_program_become_durable_each_second() {
    let scene = Scene::new(20_000, Oddities::default(), |server| server.bundle(10));
    let mut slow = bookmarked(&scene).connect().unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2500) {
        for event in slow.by_ref().take(10) {
            event.unwrap();
        }
        thread::sleep(Duration::from_millis(2));
    }
    // What a kill leaves.
    fs::create_dir(scene.path("left")).unwrap();
    for entry in fs::read_dir(scene.path("state")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), scene.path("left").join(entry.file_name())).unwrap();
    }
    let next = client(&scene).state(scene.path("left")).name("fmc");
    let first = next.connect().unwrap().next().unwrap().unwrap();
    let at = archived(&scene)
        .iter()
        .position(|event| *event == first.data);
    assert!(at.unwrap() > 1000, "{at:?}");
    drop(slow);
}
