//! The simulator's archive: who asks from when gets what.

use estreamer_simulate::archive::{Archive, ArchiveContent, ArchiveOptions, Live, Oddities};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_simulate::{Served, Simulator as Server};
use estreamer_tests::{
    Ended, Pki, Running, Simulator, collect, events, expected_lines, json_lines,
};

const START: u32 = 1_750_000_000;

#[test]
fn from_oldest_everything_comes_from_now_nothing_that_was_there_before() {
    let pki = Pki::new();
    let server = pki.server().count(300).spawn().unwrap();
    let address = server.address().to_string();
    let lines = |from| {
        let mut command = collect(&pki, &address, &["--from", from]);
        let ended = Running::until_served(&mut command, &[&server]).success();
        json_lines(&ended.stdout).len()
    };
    assert_eq!(lines("oldest"), 300);
    assert_eq!(lines("now"), 0);
}

#[test]
fn a_second_of_ten_thousand_events_is_replayed_exactly_and_what_follows_it() {
    let pki = Pki::new();
    let simulate = ["--count", "10500", "--crowd", "10000"];
    let server = Simulator::start(&pki.path(), &simulate);
    let from = (START + 1).to_string();
    let arguments = ["--from", &from, "--stop-after", "10400"];
    let ended = Ended::of(&mut collect(&pki, &server.address, &arguments)).success();
    let same = Archive::new(ArchiveOptions {
        oddities: Oddities {
            crowd: 10_000,
            ..Oddities::default()
        },
        ..ArchiveOptions::generated(GeneratorOptions::default(), 10_500)
    });
    let all = same.events();
    let in_second = all.iter().filter(|e| e.archival == START + 1).count();
    assert_eq!(in_second, 10_000);
    let mut expected = Vec::new();
    for event in all.iter().filter(|event| event.archival > START) {
        expected.extend_from_slice(&event.data);
        expected.push(b'\n');
    }
    assert!(ended.stdout == expected);
}

#[test]
fn what_one_client_got_another_gets_again_twins_and_disorder_and_all() {
    let pki = Pki::new();
    let simulate = ["--count", "9000", "--twins", "10", "--disorder", "4"];
    let simulate = [&simulate[..], &["--late", "60", "--unacked", "4"]].concat();
    let server = Simulator::start(&pki.path(), &simulate);
    let arguments = ["--from", "oldest", "--stop-after", "9000"];
    let first = Ended::of(&mut collect(&pki, &server.address, &arguments)).success();
    let second = Ended::of(&mut collect(&pki, &server.address, &arguments)).success();
    assert!(first.stdout == second.stdout);
    let same = Archive::new(ArchiveOptions {
        content: ArchiveContent::Generated(GeneratorOptions::default()),
        history: Some(9_000),
        live: Live::Nothing,
        oddities: Oddities {
            twins: 10,
            disorder: 4,
            late: 60,
            ..Oddities::default()
        },
    });
    let expected: Vec<_> = same.events().into_iter().map(|e| e.data).collect();
    let lines: Vec<_> = first.stdout.split(|&b| b == b'\n').collect();
    assert!(expected == lines[..9_000]);
}

#[test]
fn a_client_that_asked_from_now_gets_live_events_as_they_are_stored() {
    let pki = Pki::new();
    let simulate = ["--count", "300", "--live", "200", "--burst", "20"];
    let server = Simulator::start(&pki.path(), &simulate);
    let arguments = ["--from", "now", "--stop-after", "40"];
    let mut command = collect(&pki, &server.address, &arguments);
    let (running, first) = Running::start_to_first_line(&mut command);
    let rest = running.wait().success().stdout;
    let same = Archive::new(ArchiveOptions::generated(GeneratorOptions::default(), 300));
    let events = json_lines(&[first.as_bytes(), b"\n", &rest].concat());
    assert_eq!(events.len(), 40);
    let first = first.as_bytes();
    assert!(same.events().iter().all(|event| event.data != first));
}

#[test]
fn a_server_that_was_stopped_in_the_middle_goes_on_with_the_same_archive() {
    let pki = Pki::new();
    let archive = Archive::new(ArchiveOptions::generated(
        GeneratorOptions::default(),
        2_000,
    ));
    let start = |address| {
        let builder = Server::with_identity(pki.identity()).listen(address);
        let builder = builder.archive(archive.clone()).bundle(50).rate(2_000);
        builder.spawn().unwrap()
    };
    let mut server = start(([127, 0, 0, 1], 0).into());
    let address = server.address();
    let arguments = ["--from", "oldest"];
    let running = Running::start(&mut collect(&pki, &address.to_string(), &arguments));
    assert!(server.wait(|served| served.iter().any(|served| served.events >= 500)));
    server.stop();
    let before = server.connections()[0].events;
    assert!(before < 2_000, "it was stopped in the middle");
    let server = start(address);
    assert!(server.wait(|served| served.iter().any(Served::is_done)));
    let ended = running.stop().success();
    assert!(events(&ended.stdout) == expected_lines(&archive));
    assert_eq!(server.connections().len(), 1);
}
