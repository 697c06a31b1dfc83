//! Servers that misbehave, and the remedies for them.

use std::fs;
use std::time::Duration;

use estreamer_core::quirk::Quirk;
use estreamer_mio::server::SurplusNulls;
use estreamer_mio::tls::{Identity, TlsVersions};
use estreamer_simulate::request_length::RequestLength;
use estreamer_tests::{
    Ended, ODD, Pki, Running, Scene, collect, collect_all, estreamer, lines, wait_until,
};

use super::of_configurations::source;
use super::{Printed, fixture};
use crate::doctor_servers::{Answer, Server};

/// A certificate that is refused, until the rule for it is changed.
pub(super) fn certificates(printed: &mut Printed) {
    let pki = Pki::new();
    let simulator = pki.server().count(10).spawn().unwrap();
    let address = simulator.address().to_string();
    let doctor = |arguments: &[&str]| {
        let p12 = pki.file("client-nopassword.p12");
        let fixed = [
            "doctor", "--server", &address, "--pkcs12", &p12, "--wait", "5",
        ];
        estreamer(&[&fixed[..], arguments].concat())
    };
    printed.refused(
        &mut doctor(&["--insecure-no-verify"]),
        "Leave out --insecure-no-verify",
    );
    Ended::of(&mut doctor(&[])).success();
    printed.refused(
        &mut doctor(&["--server-name", "cn:another"]),
        "Correct --server-name",
    );
    Ended::of(&mut doctor(&["--server-name", "cn:EStreamer-Simulator"])).success();
    let pin = ["--server-fingerprint", &"00".repeat(32)];
    let text = printed.by(&mut doctor(&pin));
    let found = option_in(&text, "--server-fingerprint");
    Ended::of(&mut doctor(&["--server-fingerprint", &found])).success();
    drop(simulator);

    // What cannot be verified is accepted by its fingerprint, and SHA-1 if it is allowed.
    for (server, ca, words) in [
        ("server-ca-p521", "ca-p521.pem", "--server-fingerprint"),
        ("server-sha1", "ca-v1.pem", "--allow-sha1"),
    ] {
        let read = |name: &str| fs::read(fixture(name)).unwrap();
        let (cert, key) = (format!("{server}.pem"), format!("{server}.key"));
        let own_ca = fs::read(pki.file("ca.pem")).unwrap();
        let identity = Identity::from_pem(&read(&cert), &read(&key), &own_ca).unwrap();
        let server = Server::start(identity, TlsVersions::Any, Answer::Nothing);
        let address = server.address.to_string();
        let (cert, key, ca) = (pki.file("client.pem"), pki.file("client.key"), fixture(ca));
        let doctor = |arguments: &[&str]| {
            let fixed = [
                "doctor", "--server", &address, "--wait", "1", "--cert", &cert,
            ];
            let more = ["--key", &key, "--ca", &ca];
            estreamer(&[&fixed[..], &more, arguments].concat())
        };
        let text = printed.refused(&mut doctor(&[]), words);
        let remedy = match words {
            "--allow-sha1" => vec![words.to_owned()],
            option => vec![option.to_owned(), option_in(&text, option)],
        };
        let remedy: Vec<&str> = remedy.iter().map(String::as_str).collect();
        // It accepts the certificate and the request, and has no events.
        assert_eq!(
            Ended::of(&mut doctor(&remedy)).status.code(),
            Some(19),
            "{remedy:?}"
        );
    }
}

/// Requests that are not answered, or answered with nothing.
pub(super) fn requests(printed: &mut Printed) {
    let pki = Pki::new();
    let inclusive = pki
        .server()
        .count(10)
        .request_length(RequestLength::InclusiveSilent);
    let simulator = inclusive.spawn().unwrap();
    let doctor = |more: &str| {
        let address = simulator.address().to_string();
        let text = source().replace("127.0.0.1", &address) + more;
        let config = pki.write("c.toml", text);
        estreamer(&["doctor", "--config", &config, "--wait", "1"])
    };
    printed.refused(&mut doctor("from = \"oldest\"\n"), "--request-form both");
    let fixed = doctor("from = \"oldest\"\nrequest_form = \"both\"\n");
    let ended = Ended::of(&mut { fixed }).success();
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("warning"));
    let now = "request_form = \"both\"\n";
    printed.refused(&mut doctor(now), "--from oldest, or from = \"oldest\"");
    let ended = Ended::of(&mut doctor(&format!("{now}from = \"oldest\"\n"))).success();
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("warning"));
}

/// A server far away that counts null messages.
pub(super) fn round_trips(printed: &mut Printed) {
    let pki = Pki::new();
    let server = pki.server().count(1000).bundle(10);
    let server = server.delay(Duration::from_millis(20));
    let server = server.surplus_nulls(SurplusNulls::Credit).spawn().unwrap();
    let address = server.address().to_string();
    let p12 = pki.file("client-nopassword.p12");
    let text = printed.by(&mut estreamer(&[
        "doctor", "--server", &address, "--pkcs12", &p12,
    ]));
    let nulls = option_in(&text, "--ack-prepaid");
    collect_all(&pki, &server, &["--ack-prepaid", &nulls]).success();
}

/// Records whose layout is not known, or that are not what was asked for.
pub(super) fn records(printed: &mut Printed) {
    let pki = Pki::new();
    let simulator = pki.server().count(10).opaque("FlatBuffer").spawn().unwrap();
    let doctor = |more: &str| {
        let address = simulator.address().to_string();
        let text = source().replace("127.0.0.1", &address)
            + "from = \"oldest\"\ntransform = \"FlatBuffer\"\n"
            + more;
        let config = pki.write("c.toml", text);
        estreamer(&["doctor", "--config", &config, "--wait", "5"])
    };
    let text = String::from_utf8_lossy(&Ended::of(&mut doctor("")).stdout).into_owned();
    assert!(text.contains("record length"), "{text}");
    for reading in ["data", "extension", "all"] {
        let line = format!("record_length = \"{reading}\"\n");
        Ended::of(&mut doctor(&line)).success();
        let arguments = ["--record-length", reading, "--stop-after", "1"];
        let address = simulator.address().to_string();
        let opaque = ["--from", "oldest", "--transform", "FlatBuffer"];
        Ended::of(collect(&pki, &address, &arguments).args(opaque)).success();
    }
    let odd = pki
        .server()
        .count(10)
        .quirk(Quirk::DataNotJson)
        .spawn()
        .unwrap();
    printed.by(&mut {
        let address = odd.address().to_string();
        let mut command = collect(&pki, &address, &["--from", "oldest"]);
        command.args(["--stop-after", "10"]);
        command
    });
    // Malformed records: record the stream, and decode the recording.
    let malformed = pki
        .server()
        .count(10)
        .quirk(Quirk::RecordMalformed)
        .spawn()
        .unwrap();
    let capture = pki.scratch("stream");
    let capture = capture.to_str().unwrap();
    let said = collect_all(&pki, &malformed, &["--capture", capture]).success();
    printed.0 += &said.stderr;
    assert!(
        said.stderr
            .contains("Record the stream with --capture FILE"),
        "{}",
        said.stderr
    );
    Ended::of(&mut estreamer(&["capture", "decode", capture])).success();
}

/// State directories that are in use, damaged, or know a source that is gone.
pub(super) fn bookmarks(printed: &mut Printed) {
    let scene = Scene::new(100, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    let before = scene.simulator().connections().len();
    let first = Running::start(&mut scene.collect("out", "state"));
    wait_until(|| scene.simulator().connections().len() > before);
    printed.refused(
        &mut scene.collect("out", "state"),
        "Name another one: --state DIR",
    );
    scene.run(&mut scene.collect("beside", "another")).success();
    first.stop().success();

    for (damage, words) in [
        (1, "Restore key and journal from the same backup"),
        (0, "Either restore the state directory from a backup"),
    ] {
        let scene = Scene::new(100, ODD, |builder| builder);
        scene.run(&mut scene.collect("out", "state")).success();
        let key = scene.path("state").join("key");
        let backup = fs::read(&key).unwrap();
        let damaged: Vec<u8> = match damage {
            1 => backup.iter().map(|byte| byte ^ 1).collect(),
            _ => Vec::new(),
        };
        fs::write(&key, &damaged).unwrap();
        printed.refused(&mut scene.collect("out", "state"), words);
        // The first remedy is the backup, the second a new start from before the events.
        fs::write(&key, &backup).unwrap();
        scene.run(&mut scene.collect("out", "state")).success();
        fs::write(&key, &damaged).unwrap();
        scene
            .run(scene.collect("out", "state").arg("--reset-bookmark"))
            .success();
        assert_eq!(lines(&scene.path("out")).len(), 200, "they come again");
    }
    let named = |name: &str| {
        let mut arguments = scene.arguments("out", "state");
        let at = arguments.iter().position(|argument| argument == "fmc");
        arguments[at.unwrap()] = name.into();
        let mut command = estreamer(&[]);
        command.args(arguments);
        command
    };
    let mut other = named("other");
    other.args(["--stop-after", "100"]);
    printed.refused(&mut other, "--reset-bookmark=fmc discards it");
    scene
        .run(named("other").arg("--reset-bookmark=fmc"))
        .success();
    let again = scene.run(&mut named("other")).success();
    assert!(!again.stderr.contains("discards it"), "{}", again.stderr);
}

/// The word that a message gives after an option.
#[track_caller]
fn option_in(text: &str, option: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, rest) = flat
        .split_once(&format!("{option} "))
        .unwrap_or_else(|| panic!("{text}"));
    let word = rest.split([' ', ',']).next().unwrap_or_default();
    word.to_owned()
}
