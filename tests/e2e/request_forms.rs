//! Whatever a server takes the length of a request for: the collector finds the
//! form it answers, and remembers it.

use std::fs;
use std::path::Path;

use estreamer::client::{Client, InitialTimestamp, RequestForm};
use estreamer_core::quirk::Quirk;
use estreamer_simulate::archive::Oddities;
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::request_length::RequestLength;
use estreamer_simulate::{Served, SimulatorBuilder};
use estreamer_tests::{
    Ended, Fleet, Pki, Running, Scene, Simulator, at_each, collect, collect_all, events,
    expected_lines, wait_for_lines,
};

/// A server strict in this reading, and the connections until it answers.
const STRICT: [(RequestLength, usize); 4] = [
    (RequestLength::Payload, 1),
    (RequestLength::Inclusive, 2),
    (RequestLength::InclusiveClose, 2),
    (RequestLength::InclusiveSilent, 2),
];

#[test]
fn a_server_strict_in_either_reading_gives_every_event_and_a_second_start_needs_one_connection() {
    let pki = Pki::new();
    at_each(&STRICT, |_, &(length, connections)| {
        let name = length.name();
        let builder = pki.server().count(5000).request_length(length);
        let server = builder.spawn().unwrap();
        let out = pki.scratch(name);
        let state = pki.scratch(&format!("state-{name}"));
        let (url, state) = (format!("file:{}", out.display()), text(&state));
        let mut arguments = vec!["--output", &url, "--state", &state];
        if length == RequestLength::InclusiveSilent {
            arguments.extend(["--request-timeout", "1"]);
        }
        collect_all(&pki, &server, &arguments).success();
        let written = fs::read(&out).unwrap();
        assert_eq!(events(&written).len(), 5000, "{name}");
        collect_all(&pki, &server, &arguments).success();
        assert!(fs::read(&out).unwrap() == written, "{name}: and no more");
        assert_eq!(server.connections().len(), connections + 1, "{name}");
    });
}

#[test]
fn without_a_state_directory_the_process_remembers() {
    let pki = Pki::new();
    for (length, connections) in STRICT {
        // The connection that is answered breaks off after a bundle.
        let server = estreamer_simulate::Simulator::with_identity(pki.identity())
            .count(500)
            .bundle(50)
            .request_length(length)
            .chaos(Chaos::with(ChaosKind::NoCloseNotify, 2))
            .chaos_connections(u32::try_from(connections).unwrap())
            .spawn()
            .unwrap();
        let address = server.address().to_string();
        let arguments = ["--from", "oldest", "--stop-after", "500"];
        let mut command = collect(&pki, &address, &arguments);
        let ended = Ended::of(command.args(["--request-timeout", "1"])).success();
        assert!(events(&ended.stdout) == expected_lines(server.archive()));
        assert_eq!(server.connections().len(), connections + 1, "{length}");
    }
}

#[test]
fn a_damaged_hint_costs_what_no_hint_costs() {
    let scene = scene(100, |server| {
        server.request_length(RequestLength::Inclusive)
    });
    scene.run(&mut scene.collect("out", "state")).success();
    let hints = scene.path("state/request-forms.json");
    let hint = fs::read_to_string(&hints).unwrap();
    assert!(hint.contains("\"both\""), "{hint}");
    for (damage, connections) in [("{", 2), (hint.as_str(), 1)] {
        fs::write(&hints, damage).unwrap();
        let before = scene.simulator().connections().len();
        scene.run(&mut scene.collect("out", "state")).success();
        let after = scene.simulator().connections().len();
        assert_eq!(after - before, connections, "{damage}");
        assert_eq!(fs::read_to_string(&hints).unwrap(), hint);
    }
    scene.check("out", "after all");
}

#[test]
fn what_is_wrong_in_any_form_is_told_without_a_wait_for_silence() {
    let pki = Pki::new();
    for (length, connections) in [("any", 3), ("payload", 3), ("inclusive", 6)] {
        let server = Simulator::start(&pki.path(), &["--request-length", length]);
        let arguments = ["--from", "oldest", "--fields", "file=FileNaem"];
        let ended = Ended::of(&mut collect(&pki, &server.address, &arguments));
        ended.failure(
            1,
            &[
                "error 3",
                "did you mean",
                "no form of the request",
                "Check the request",
            ],
        );
        server.stop_after("events served", connections).success();
    }
}

#[test]
fn a_refusal_of_every_form_names_both_possible_causes() {
    let pki = Pki::new();
    let directory = text(&pki.path());
    let arguments = ["pki", "client", "192.0.2.7", "--pki", &directory];
    Ended::of(&mut estreamer_tests::estreamer(&arguments)).success();
    let server = Simulator::start(&pki.path(), &[]);
    let mut command = estreamer_tests::estreamer(&["collect", "--server", &server.address]);
    command.args(["--cert", &pki.file("client-192.0.2.7.pem")]);
    command.args(["--key", &pki.file("client-192.0.2.7.key")]);
    command.args(["--ca", &pki.file("ca.pem")]);
    let words = [
        "without sending a byte",
        "registered",
        "understand the request",
    ];
    Ended::of(&mut command).failure(1, &words);
    server.stop_after("refused", 6).success();
}

#[test]
fn a_form_that_a_user_fixed_is_the_only_one() {
    let pki = Pki::new();
    for (asked, answered) in [
        (&["--request-form", "payload"][..], false),
        (&["--request-form", "both"], true),
        (&["--quirk", "request-both"], true),
        (&["--quirk", "request-inclusive"], true),
        (
            &["--request-form", "both-nul", "--quirk", "error-nul"],
            true,
        ),
    ] {
        let arguments = ["--count", "10", "--request-length", "inclusive"];
        let server = Simulator::start(&pki.path(), &arguments);
        let arguments = [&["--from", "oldest", "--stop-after", "10"], asked].concat();
        let ended = Ended::of(&mut collect(&pki, &server.address, &arguments));
        match answered {
            true => drop(ended.success()),
            false => ended.failure(1, &["error 1"]),
        }
        server.stop_after("events served", 1).success();
    }
    let both = ["--request-form", "payload", "--quirk", "request-both"];
    let ended = Ended::of(&mut collect(&pki, "127.0.0.1:1", &both));
    ended.failure(2, &["request_form is \"payload\"", "Remove the quirks"]);
}

#[test]
fn a_server_without_events_is_not_disturbed_while_it_shows_a_sign_of_life() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 0, |server| server.keep_alive(50));
    // Its answers to keep-alives tell how many came.
    let source = patient(&server) + "quirks = [\"acknowledge-keep-alives\"]\n";
    fleet.configure("", &[source, Fleet::output("file:out")]);
    let running = Running::start(&mut fleet.collect());
    // For longer than the silence that would lead to the next form.
    let long = |served: &[Served]| served.iter().any(|served| served.nulls > 25);
    assert!(server.wait(long));
    server.archive().store(1);
    wait_for_lines(&fleet.path("out"), 1, &running);
    assert_eq!(server.connections().len(), 1);
}

#[test]
fn a_silent_server_is_asked_once_in_each_form_and_then_left_alone() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 0, |server| server.keep_alive(0));
    fleet.configure("", &[patient(&server), Fleet::output("file:out")]);
    let running = Running::start(&mut fleet.collect());
    let forms = RequestForm::ALL.len();
    assert!(server.wait(|served| served.len() == forms + 1 && !served[forms].requests.is_empty()));
    server.archive().store(1);
    wait_for_lines(&fleet.path("out"), 1, &running);
    let connections = server.connections();
    assert_eq!(connections.len(), forms + 1, "{}", running.said());
    let deviations = |served: &[Served]| served[forms].statistics.deviations;
    assert!(server.wait(|served| deviations(served).of(Quirk::RequestBoth) == 1));
    for form in &RequestForm::ALL[1..] {
        running.wait_for(&format!("Trying {form}."));
    }
}

#[test]
fn what_a_client_says_before_it_closes_is_in_the_servers_log() {
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &["--count", "10"]);
    let arguments = ["--from", "oldest", "--stop-after", "10"];
    Ended::of(&mut collect(&pki, &server.address, &arguments)).success();
    let said = "error -1: the client has received the requested number of events";
    server.stop_after(said, 1).success();
}

#[test]
fn a_program_goes_on_to_the_next_form_and_begins_with_the_answered_one() {
    let scene = scene(10, |server| {
        server.request_length(RequestLength::InclusiveClose)
    });
    let connect = |form: Option<RequestForm>| {
        let builder = Client::builder(&scene.simulator().address().to_string())
            .pkcs12(scene.path("pki/client.p12"), "estreamer")
            .state(scene.path("state"))
            .from(InitialTimestamp::OLDEST);
        let builder = match form {
            Some(form) => builder.request_form(form),
            None => builder,
        };
        builder.connect().unwrap()
    };
    let mut form = RequestForm::default();
    let mut tried = 0;
    let lines = loop {
        let mut client = connect(Some(form));
        tried += 1;
        let first = client.next();
        if client.is_answered() {
            let rest = client.by_ref().take(9);
            let all = first.into_iter().chain(rest);
            break all.map(|event| event.unwrap().data).collect::<Vec<_>>();
        }
        assert!(first.unwrap().is_err());
        form = form.next();
    };
    assert!(lines == expected_lines(scene.simulator().archive()));
    assert_eq!((tried, form), (2, RequestForm::Both));
    let mut client = connect(None);
    assert_eq!(client.request_form(), RequestForm::Both);
    let soon = Some(std::time::Duration::from_secs(30));
    assert!(client.receive(soon).unwrap().is_some() && client.is_answered());
}

fn scene(events: u64, more: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder) -> Scene {
    Scene::new(events, Oddities::default(), |server| {
        more(server.bundle(50))
    })
}

/// A source whose server may be silent for a second.
fn patient(server: &estreamer_simulate::Simulator) -> String {
    Fleet::source("fmc", server) + "request_timeout = 1\n"
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().into()
}
