//! Every class that `estreamer doctor` names, provoked and recognised.

use std::net::SocketAddr;
use std::time::Duration;

use estreamer::config::EventRequest;
use estreamer::doctor::{Class, DoctorOptions, Verdict, diagnose};
use estreamer::failure::Wording;
use estreamer::shared::certificate;
use estreamer_core::fqe::{EventKind, Request};
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::tls::{ClientTls, Identity, ServerRules, TlsVersions};
use estreamer_simulate::pki::ServerFault;
use estreamer_tests::speaker::{self, greet, listen};
use estreamer_tests::{ClosedPort, Ended, Pki, Simulator, estreamer};
use serde_json::Value;

use crate::doctor_servers::{Answer, FullListener, Server, reset};

const BOTH: [TlsVersions; 2] = [TlsVersions::Tls12, TlsVersions::Tls13];

#[test]
fn a_healthy_server_is_healthy_with_all_steps_in_order() {
    let patient = Pki::new();
    let server = Simulator::start(&patient.path(), &["--count", "10"]);
    let diagnosis = examine(&patient, &server.address, &[]);
    diagnosis.assert(Class::Healthy, None);
    let steps: Vec<&str> = diagnosis.steps().map(|(step, _)| step).collect();
    assert_eq!(
        steps,
        [
            "resolve",
            "connect",
            "TLS",
            "own dates",
            "own algorithms",
            "own subject",
            "CA dates",
            "CA algorithms",
            "CA subject",
            "server dates",
            "server algorithms",
            "server subject",
            "own address",
            "request",
            "request form",
            "first bytes",
            "record length",
        ]
    );
    assert!(diagnosis.steps().all(|(_, verdict)| verdict == "ok"));
    let forms = "answered: payload, both, inclusive, payload-nul, both-nul, inclusive-nul";
    assert_eq!(diagnosis.found("request form"), forms);
    let reading = "counts the data, decided by the lengths";
    assert_eq!(diagnosis.found("record length"), reading);
    assert_eq!(diagnosis.json["tls"]["version"], "TLS 1.3");
    assert_eq!(diagnosis.json["server_certificate"]["role"], "leaf");
}

#[test]
fn a_name_without_address_is_unresolved() {
    // Too long a label for any resolver, so none is asked.
    let server = format!("{}.example.net", "x".repeat(64));
    let diagnosis = examine(&Pki::new(), &server, &[]);
    diagnosis.assert(Class::Unresolved, Some("resolve"));
}

#[test]
fn an_address_no_way_leads_to_is_unreachable() {
    // TCP goes to one machine, never to all of them.
    let diagnosis = examine(&Pki::new(), "255.255.255.255", &[]);
    diagnosis.assert(Class::Unreachable, Some("connect"));
}

#[test]
fn a_port_without_listener_is_closed() {
    let diagnosis = examine(&Pki::new(), &ClosedPort::new().to_string(), &[]);
    diagnosis.assert(Class::PortClosed, Some("connect"));
}

#[test]
fn a_server_that_drops_packets_is_filtered() {
    let listener = FullListener::new();
    let server = listener.address.to_string();
    let diagnosis = examine(&Pki::new(), &server, &["--timeout", "1"]);
    diagnosis.assert(Class::Filtered, Some("connect"));
}

#[test]
fn of_several_addresses_the_first_that_answers_is_examined_and_the_others_tried() {
    let patient = Pki::new();
    let server = Simulator::start(&patient.path(), &["--count", "10"]);
    let live: SocketAddr = server.address.parse().unwrap();
    let file = |name: &str| std::fs::read(patient.file(name)).unwrap();
    let own = file("client-nopassword.p12");
    let identity = Identity::from_pkcs12(&own, None).unwrap();
    let rules = ServerRules::default();
    let tls = ClientTls::new(&identity, rules.clone()).unwrap();
    let examine = |addresses| {
        diagnose(&DoctorOptions {
            source: None,
            server: "fmc.example.net".into(),
            addresses: Ok(addresses),
            identity: &identity,
            rules: &rules,
            tls: &tls,
            bind: None,
            request: &EventRequest::everything(),
            from: InitialTimestamp::OLDEST,
            form: None,
            quirks: Quirks::NONE,
            request_text: "something".into(),
            timeout: Duration::from_secs(10),
            wait: Duration::from_secs(10),
            now: certificate::now(),
            wording: Wording::default(),
        })
        .unwrap()
    };
    let closed = ClosedPort::new();
    let report = examine(vec![closed.address, live, live]);
    assert_eq!(report.class, Class::Healthy);
    let connects: Vec<Verdict> = report
        .lines
        .iter()
        .filter(|line| line.step == "connect")
        .map(|line| line.verdict)
        .collect();
    assert_eq!(connects, [Verdict::Warning, Verdict::Ok, Verdict::Ok]);
    // What is left to try when nobody answers: the most that was learnt.
    let nobody = SocketAddr::from(([255, 255, 255, 255], 8302));
    let report = examine(vec![nobody, closed.address]);
    assert_eq!(report.class, Class::PortClosed);
    // Once for each form of the request, and once for the round trip.
    server.stop_after("10 events served", 7);
}

#[test]
fn a_server_without_tls_refuses_tls() {
    let patient = Pki::new();
    let diagnosis = examine(&patient, &speaker::serve(greet).to_string(), &[]);
    diagnosis.assert(Class::TlsRefused, Some("TLS"));
    // One that closes at once, one that resets, and one that never answers.
    for serve in [drop, reset] {
        let diagnosis = examine(&patient, &speaker::serve(serve).to_string(), &[]);
        diagnosis.assert(Class::TlsRefused, Some("TLS"));
    }
    let diagnosis = examine(
        &patient,
        &speaker::serve(listen).to_string(),
        &["--timeout", "1"],
    );
    diagnosis.assert(Class::TlsRefused, Some("TLS"));
}

#[test]
fn a_server_certificate_that_breaks_a_rule_is_refused_by_us() {
    let (patient, stranger) = (Pki::new(), Pki::new());
    let faulty = |fault| patient.certificates().faulty_server(fault).unwrap();
    for (certificate, word) in [
        (faulty(ServerFault::MissingTitle), "title"),
        (faulty(ServerFault::WrongQualifier), "generationQualifier"),
        (faulty(ServerFault::Expired), "expired"),
        (stranger.certificates().server().clone(), "CA"),
    ] {
        let identity = patient.identity_of(&certificate);
        let server = Server::start(identity, TlsVersions::Any, Answer::Nothing);
        let diagnosis = examine(&patient, &server.address.to_string(), &[]);
        diagnosis.assert(Class::CertificateRefused, Some("TLS"));
        assert!(diagnosis.found("TLS").contains(word), "{}", diagnosis.json);
        // What was refused is shown all the same.
        assert!(diagnosis.json["server_certificate"].is_object());
    }
}

#[test]
fn name_and_fingerprint_are_rules_as_well() {
    let patient = Pki::new();
    let server = Simulator::start(&patient.path(), &["--count", "10"]);
    let first = examine(&patient, &server.address, &[]);
    let pinned = first.json["server_certificate"]["sha256"].as_str().unwrap();
    let other = "00".repeat(32);
    for (arguments, class) in [
        (["--server-fingerprint", pinned], Class::Healthy),
        (["--server-fingerprint", &other], Class::CertificateRefused),
        (["--server-name", "cn:EStreamer-Simulator"], Class::Healthy),
        (["--server-name", "cn:another"], Class::CertificateRefused),
        (
            ["--server-name", "san:127.0.0.1"],
            Class::CertificateRefused,
        ),
    ] {
        let failed = (class != Class::Healthy).then_some("TLS");
        let diagnosis = examine(&patient, &server.address, &arguments);
        diagnosis.assert(class, failed);
    }
}

#[test]
fn without_verification_anyone_is_believed_and_it_is_said_so() {
    let (patient, stranger) = (Pki::new(), Pki::new());
    let identity = patient.identity_of(stranger.certificates().server());
    let server = Server::start(identity, TlsVersions::Any, Answer::Nothing);
    let arguments = ["--insecure-no-verify", "--wait", "1"];
    let diagnosis = examine(&patient, &server.address.to_string(), &arguments);
    diagnosis.assert(Class::Silent, Some("first bytes"));
    assert!(diagnosis.said.contains("without verifying its certificate"));
    let tls = diagnosis.steps().find(|(step, _)| *step == "TLS");
    assert_eq!(tls, Some(("TLS", "warning")));
}

#[test]
fn a_server_of_another_ca_refuses_our_certificate_in_either_version() {
    let (patient, stranger) = (Pki::new(), Pki::new());
    for versions in BOTH {
        let identity = stranger.identity_of(patient.certificates().server());
        let server = Server::start(identity, versions, Answer::Nothing);
        let diagnosis = examine(&patient, &server.address.to_string(), &[]);
        diagnosis.assert(Class::OwnCertificateRefused, Some("TLS"));
    }
}

#[test]
fn a_client_from_another_address_is_closed_on_silently_in_either_version() {
    let patient = Pki::new();
    let other = patient.certificates().issue_client("192.0.2.7").unwrap();
    let (cert, key) = (
        patient.write("other.pem", other.cert_pem()),
        patient.write("other.key", other.key_pem()),
    );
    let ca = patient.file("ca.pem");
    for versions in BOTH {
        let identity = patient.identity();
        let server = Server::start(identity, versions, Answer::Nothing);
        let diagnosis = Diagnosis::of(&[
            "--server",
            &server.address.to_string(),
            "--cert",
            &cert,
            "--key",
            &key,
            "--ca",
            &ca,
        ]);
        diagnosis.assert(Class::ClosedSilently, Some("first bytes"));
        let hint = diagnosis.found("own address");
        assert!(
            hint.contains("192.0.2.7") && hint.contains("127.0.0.1"),
            "{hint}"
        );
    }
}

#[test]
fn an_address_check_turned_off_lets_that_client_in() {
    let patient = Pki::new();
    let path = patient.path();
    estreamer_simulate::pki::issue_client(&path, "192.0.2.7").unwrap();
    let server = Simulator::start(&path, &["--no-address-check", "--count", "10"]);
    let diagnosis = Diagnosis::of(&[
        "--server",
        &server.address,
        "--pkcs12",
        &patient.file("client-192.0.2.7.p12"),
        "--password-file",
        &patient.write("password", "estreamer"),
    ]);
    diagnosis.assert(Class::Healthy, None);
    let own = diagnosis.steps().find(|(step, _)| *step == "own address");
    assert_eq!(own, Some(("own address", "warning")));
}

#[test]
fn an_error_message_is_a_refused_request() {
    let patient = Pki::new();
    let identity = patient.identity();
    let answer = Answer::Error(7, "no such field");
    let server = Server::start(identity, TlsVersions::Any, answer);
    let diagnosis = examine(&patient, &server.address.to_string(), &[]);
    diagnosis.assert(Class::RequestRefused, Some("request"));
    let found = diagnosis.found("request");
    assert!(found.contains("error 7: no such field"), "{found}");
}

#[test]
fn a_server_that_accepts_and_sends_no_events_is_silent() {
    let patient = Pki::new();
    for (answer, word) in [
        (Answer::Nothing, "nothing received"),
        (Answer::Nulls, "null"),
    ] {
        let identity = patient.identity();
        let server = Server::start(identity, TlsVersions::Any, answer);
        let diagnosis = examine(&patient, &server.address.to_string(), &["--wait", "1"]);
        diagnosis.assert(Class::Silent, Some("first bytes"));
        let found = diagnosis.found("first bytes");
        assert!(found.contains(word), "{found}");
    }
}

#[test]
fn a_server_that_speaks_something_else_inside_tls_is_broken() {
    let patient = Pki::new();
    let identity = patient.identity();
    let address = speaker::serve(move |socket| {
        speaker::speak(&identity, socket, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    let diagnosis = examine(&patient, &address.to_string(), &[]);
    diagnosis.assert(Class::Broken, Some("first bytes"));
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning_and_collect_says_so_once() {
    let patient = Pki::new();
    let ending = patient
        .certificates()
        .faulty_server(ServerFault::ExpiresSoon)
        .unwrap();
    std::fs::write(patient.file("server.pem"), ending.cert_pem()).unwrap();
    std::fs::write(patient.file("server.key"), ending.key_pem()).unwrap();
    let server = Simulator::start(&patient.path(), &["--count", "10"]);
    let diagnosis = examine(&patient, &server.address, &[]);
    diagnosis.assert(Class::Healthy, None);
    let dates = diagnosis.steps().find(|(step, _)| *step == "server dates");
    assert_eq!(dates, Some(("server dates", "warning")));
    let ended = Ended::of(&mut estreamer(&[
        "collect",
        "--server",
        &server.address,
        "--pkcs12",
        &patient.file("client-nopassword.p12"),
        "--from",
        "oldest",
        "--stop-after",
        "10",
    ]))
    .success();
    let said = ended.stderr;
    assert_eq!(said.matches("expires in").count(), 1, "{said}");
}

#[test]
fn neither_password_nor_key_is_ever_printed() {
    let patient = Pki::new();
    let secret = "opensesame-7";
    let p12 = patient.write(
        "secret.p12",
        patient.certificates().client_p12(secret).unwrap(),
    );
    let password = patient.write("secret", secret);
    let port = ClosedPort::new();
    let server = port.to_string();
    for json in [&["--json"][..], &[]] {
        let mut command = estreamer(&["doctor", "--server", &server, "--pkcs12", &p12]);
        let ended = Ended::of(command.args(["--password-file", &password]).args(json));
        let text = String::from_utf8(ended.stdout).unwrap() + &ended.stderr;
        assert!(text.contains("own dates"), "{text}");
        assert!(!text.contains(secret));
        // Any line of the key.
        let key = patient
            .certificates()
            .client()
            .key_pem()
            .lines()
            .nth(1)
            .unwrap();
        assert!(!text.contains(key));
    }
}

#[test]
fn the_text_numbers_its_lines_and_the_help_lists_every_status() {
    let patient = Pki::new();
    let mut command = estreamer(&["doctor", "--server", &ClosedPort::new().to_string()]);
    let ended = Ended::of(command.args(["--pkcs12", &patient.file("client-nopassword.p12")]));
    assert_eq!(ended.status.code(), Some(Class::PortClosed.status().into()));
    let text = String::from_utf8(ended.stdout).unwrap();
    for part in [" 1 ok ", " 2 failed ", "->", "8302", "port-closed"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let help = Ended::of(&mut estreamer(&["doctor", "--help"])).success();
    let help = String::from_utf8(help.stdout).unwrap();
    for class in Class::ALL {
        let line = format!("{:>4}  {class}", class.status());
        assert!(help.contains(&line), "no {line:?} in {help}");
    }
}

#[test]
fn what_keeps_it_from_beginning_is_said_without_a_document() {
    let patient = Pki::new();
    let server = ["doctor", "--json", "--server", "127.0.0.1:1"];
    let p12 = patient.file("client.p12");
    for (arguments, status, words) in [
        (&["--pkcs12", "/no/such/file"][..], 1, &["/no/such"][..]),
        (
            &["--pkcs12", &p12],
            1,
            &["client.p12", "password", "--password-file"],
        ),
        (
            &[
                "--pkcs12",
                &p12,
                "--insecure-no-verify",
                "--server-name",
                "cn:x",
            ],
            2,
            &["--insecure-no-verify"],
        ),
        (
            &["--pkcs12", &p12, "--server-fingerprint", "12"],
            2,
            &["64 hexadecimal digits"],
        ),
        (
            &["--pkcs12", &p12, "--server-name", "fmc"],
            2,
            &["cn:NAME or san:NAME"],
        ),
    ] {
        Ended::of(estreamer(&server).args(arguments)).failure(status, words);
    }
}

/// What the doctor says of a server, to a client with the certificate of this PKI.
pub(crate) fn examine(pki: &Pki, server: &str, arguments: &[&str]) -> Diagnosis {
    let p12 = pki.file("client-nopassword.p12");
    let fixed = ["--server", server, "--pkcs12", &p12];
    Diagnosis::of(&[&fixed, arguments].concat())
}

pub(crate) struct Diagnosis {
    pub(crate) json: Value,
    status: Option<i32>,
    said: String,
}

impl Diagnosis {
    fn of(arguments: &[&str]) -> Self {
        let ended = Ended::of(estreamer(&["doctor", "--json"]).args(arguments));
        Self {
            json: serde_json::from_slice(&ended.stdout)
                .unwrap_or_else(|error| panic!("{error}: {}", ended.stderr)),
            status: ended.status.code(),
            said: ended.stderr,
        }
    }

    /// Checks class and exit status, and that this step alone failed, with
    /// something to look at.
    #[track_caller]
    pub(crate) fn assert(&self, class: Class, failed: Option<&str>) {
        assert_eq!(self.json["class"], class.name(), "{:#}", self.json);
        assert_eq!(self.status, Some(class.status().into()));
        let wrong: Vec<&Value> = self.json["steps"].as_array().unwrap().iter().collect();
        let wrong = wrong.iter().filter(|step| step["verdict"] == "failed");
        let steps: Vec<&str> = wrong
            .clone()
            .filter(|step| step["step"] != "server dates")
            .map(|step| step["step"].as_str().unwrap())
            .collect();
        assert_eq!(steps, Vec::from_iter(failed), "{:#}", self.json);
        for step in wrong {
            assert!(step["look_at"].is_string(), "{step}");
        }
    }

    pub(crate) fn steps(&self) -> impl Iterator<Item = (&str, &str)> {
        let steps = self.json["steps"].as_array().unwrap().iter();
        steps.map(|step| {
            (
                step["step"].as_str().unwrap(),
                step["verdict"].as_str().unwrap(),
            )
        })
    }

    pub(crate) fn found(&self, name: &str) -> &str {
        let step = self.step(name).unwrap();
        step["found"].as_str().unwrap()
    }

    pub(crate) fn step(&self, name: &str) -> Option<&Value> {
        let mut steps = self.json["steps"].as_array().unwrap().iter();
        steps.find(|step| step["step"] == name)
    }
}

/// A whole request message for everything.
pub(crate) fn request() -> Vec<u8> {
    let mut request = Request::new(InitialTimestamp::OLDEST);
    for kind in EventKind::ALL {
        request = request.event(kind, kind.default_fields());
    }
    let mut buffer = vec![0; 4096];
    request.emit(Quirks::NONE, &mut buffer).unwrap().to_vec()
}
