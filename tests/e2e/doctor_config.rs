//! `estreamer doctor` on the sources of a configuration, and its remedies by cause.

use std::fs;
use std::process::Command;

use estreamer_mio::tls::TlsVersions;
use estreamer_simulate::generator::EventKind;
use estreamer_simulate::pki::ServerFault;
use estreamer_tests::{ClosedPort, Ended, Pki, estreamer, wait_until};
use serde_json::Value;

use crate::doctor_servers::{Answer, Server};

#[test]
fn the_request_of_the_source_is_sent_in_its_form_and_from_its_start() {
    let pki = Pki::new();
    let simulator = pki.server().count(1000).spawn().unwrap();
    let text = source(&simulator.address().to_string(), "fmc")
        + "events = { file = [\"FileName\"] }\nrequest_form = \"both\"\nfrom = 1750000005\n";
    let ended = doctor(&pki, &text, &[]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(shown.contains("FileEvent as JSON from"), "{shown}");
    // A configured form that is answered is the only one; the second connection is that for
    // the round trip.
    wait_until(|| {
        simulator
            .connections()
            .first()
            .is_some_and(|seen| !seen.requests.is_empty())
    });
    let connections = simulator.connections();
    assert_eq!(connections.len(), 2);
    let request = &connections[0].requests[0];
    assert!(request.json.contains("\"FileName\""), "{}", request.json);
    assert!(!request.json.contains("IntrusionEvent"));
    assert_eq!(request.from.0, 1_750_000_005);
}

#[test]
fn every_source_is_tested_in_turn_and_one_can_be_chosen() {
    let pki = Pki::new();
    let simulator = pki.server().count(10).spawn().unwrap();
    let closed = ClosedPort::new();
    let well = source(&simulator.address().to_string(), "well") + "from = \"oldest\"\n";
    let text = well
        + &source(&closed.to_string(), "closed")
        + &source("127.0.0.1:1", "broken").replace("client-nopassword", "no");
    let all = doctor(&pki, &text, &["--json"]);
    // What cannot begin is told, and keeps no other source from its test.
    assert_eq!(all.status.code(), Some(2));
    assert!(all.stderr.contains("no.p12"), "{}", all.stderr);
    let reports: Vec<Value> = serde_json::from_slice(&all.stdout).unwrap();
    let found: Vec<_> = reports
        .iter()
        .map(|report| (report["source"].as_str(), report["class"].as_str()))
        .collect();
    let expected = [("well", "healthy"), ("closed", "port-closed")];
    assert_eq!(
        found,
        expected.map(|(name, class)| (Some(name), Some(class)))
    );
    for (name, status) in [("well", 0), ("closed", 12), ("broken", 2)] {
        let one = doctor(&pki, &text, &["--source", name]);
        assert_eq!(one.status.code(), Some(status), "{name}: {}", one.stderr);
    }
    doctor(&pki, &text, &["--source", "wel"]).failure(2, &["no source \"wel\"", "Use "]);
    let mut both = estreamer(&["doctor", "--config", "c.toml", "--server", "a"]);
    Ended::of(&mut both).failure(2, &["--config", "--server"]);
}

#[test]
fn a_server_without_newer_events_is_told_from_one_that_sends_none() {
    let pki = Pki::new();
    let simulator = pki.server().count(10).spawn().unwrap();
    let text = source(&simulator.address().to_string(), "fmc");
    let ended = doctor(&pki, &text, &["--wait", "1"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let shown = flat(&ended);
    assert!(shown.contains("no events from now on within"), "{shown}");
    assert!(
        shown.contains("the oldest on, the server sends them"),
        "{shown}"
    );
    // The event type is not enabled there.
    let files = pki.server().count(100).enabled(&[EventKind::File]);
    let simulator = files.spawn().unwrap();
    let text = source(&simulator.address().to_string(), "fmc") + "events = [\"intrusion\"]\n";
    let ended = doctor(&pki, &text, &["--wait", "1"]);
    assert_eq!(ended.status.code(), Some(19));
    let shown = flat(&ended);
    assert!(
        shown.contains("enable the event types on its eStreamer configuration page"),
        "{shown}"
    );
    let text = source(&simulator.address().to_string(), "fmc") + "from = \"oldest\"\n";
    let ended = doctor(&pki, &text, &[]);
    assert!(flat(&ended).contains("FileEvent"), "those are sent");
}

#[test]
fn a_refused_certificate_is_one_finding_with_the_remedy_for_its_cause() {
    let pki = Pki::new();
    for (fault, remedy) in [
        (ServerFault::MissingTitle, "Check address and port (8302)"),
        (ServerFault::WrongQualifier, "Check address and port (8302)"),
        (
            ServerFault::Expired,
            "renew the server's certificate on the Management Center",
        ),
    ] {
        let faulty = pki.certificates().faulty_server(fault).unwrap();
        let server = Server::start(pki.identity_of(&faulty), TlsVersions::Any, Answer::Nothing);
        let text = source(&server.address.to_string(), "fmc");
        let ended = doctor(&pki, &text, &["--json"]);
        let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
        let steps = report["steps"].as_array().unwrap();
        let found: Vec<&Value> = steps
            .iter()
            .filter(|step| step["verdict"] != "ok")
            .collect();
        assert_eq!(found.len(), 1, "{report:#}");
        let look_at = found[0]["look_at"].as_str().unwrap();
        assert!(look_at.contains(remedy), "{look_at}");
        assert!(!look_at.contains("PKCS#12"), "{look_at}");
    }
}

#[test]
fn an_address_that_cannot_be_used_is_named_with_what_is_wrong() {
    let pki = Pki::new();
    let p12 = pki.file("client-nopassword.p12");
    for (server, words) in [
        ("https://fmc.example.net:8302", "leave out https://"),
        ("[fe80::1]", "write [fe80::1%eth0]"),
        ("a b", "cannot contain ' '"),
    ] {
        let mut command = estreamer(&["doctor", "--server", server, "--pkcs12", &p12]);
        Ended::of(&mut command).failure(2, &[words]);
    }
    let bound = source("127.0.0.1:1", "fmc") + "bind = \"192.0.2.1\"\n";
    let ended = doctor(&pki, &bound, &[]);
    let shown = flat(&ended);
    assert!(
        shown.contains("this machine does not have the local address 192.0.2.1"),
        "{shown}"
    );
    assert!(
        shown.contains("Correct --bind (bind in a configuration)"),
        "{shown}"
    );
    // A name that has the other kind of address only.
    let mut collect = estreamer(&["collect", "--server", "ip6-localhost:1", "--pkcs12", &p12]);
    let hosts = fs::read_to_string("/etc/hosts").unwrap();
    if hosts.contains("ip6-localhost") {
        let ended = Ended::of(collect.args(["--bind", "127.0.0.1"]));
        ended.failure(
            1,
            &["the local address 127.0.0.1 is IPv4, and the server's is IPv6"],
        );
    }
}

#[test]
fn lines_fit_the_width_and_break_between_words() {
    let pki = Pki::new();
    let ended = doctor(&pki, &source(&ClosedPort::new().to_string(), "fmc"), &[]);
    let shown = String::from_utf8(ended.stdout).unwrap();
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    assert!(
        shown.contains("On the Management Center, check that event types"),
        "{shown}"
    );
}

#[test]
fn a_limit_on_open_files_is_named_as_the_cause() {
    let pki = Pki::new();
    let server = pki.server().count(10).spawn().unwrap();
    let p12 = pki.file("client-nopassword.p12");
    let out = format!("file:{}", pki.scratch("out").display());
    let mut told = 0;
    // Wherever the limit strikes.
    for limit in 4..24 {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let program = estreamer(&[]);
        shell.args(["-c", &script, "sh"]).arg(program.get_program());
        shell.args([
            "collect",
            "--server",
            &server.address().to_string(),
            "--pkcs12",
            &p12,
        ]);
        shell.args(["--from", "oldest", "--stop-after", "10", "--output", &out]);
        let ended = Ended::of(&mut shell);
        if ended.status.success() {
            break;
        }
        let said = &ended.stderr;
        if said.contains("Too many open files") {
            told += 1;
            assert!(
                said.contains("Raise the limit on open files"),
                "{limit}: {said}"
            );
        }
    }
    assert!(told > 0, "the limit was met");
}

/// A source without a password on four lines.
fn source(server: &str, name: &str) -> String {
    format!(
        "[[source]]\nname = \"{name}\"\nserver = \"{server}\"\npkcs12 = \
         \"pki/client-nopassword.p12\"\n"
    )
}

fn doctor(pki: &Pki, text: &str, arguments: &[&str]) -> Ended {
    let config = pki.write("c.toml", text);
    Ended::of(estreamer(&["doctor", "--config", &config]).args(arguments))
}

/// What it printed, on one line.
fn flat(ended: &Ended) -> String {
    let text = String::from_utf8_lossy(&ended.stdout);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
