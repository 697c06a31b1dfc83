//! The program against `openssl s_server` and `openssl s_client`.
//!
//! Ignored by default because they need that program (3.0 or newer):
//! `cargo xtask interop`

use std::path::{Path, PathBuf};

use estreamer::doctor::Class;
use estreamer_simulate::pki::ServerFault;
use estreamer_tests::{Ended, Pki, Simulator, estreamer};
use serde_json::Value;

use crate::doctor::request;
use crate::openssl::{Server, client, openssl};

const VERSIONS: [(&str, &str); 2] = [("-tls1_2", "TLS 1.2"), ("-tls1_3", "TLS 1.3")];

#[test]
#[ignore = "needs the openssl program"]
fn a_server_with_the_right_certificate_gets_our_request() {
    let place = Place::new();
    for (flag, version) in VERSIONS {
        let server = place.server("server", "ca.pem", &[flag]);
        let (class, document) = place.examine(&server.address, &["--wait", "1"]);
        assert_eq!(class, Class::Silent.name(), "{document:#}");
        assert_eq!(document["tls"]["version"], version);
        let got = server.peer.end();
        assert!(got.contains("ConnectionEvent"), "{got}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn collect_accepts_the_right_server_and_refuses_the_wrong_one_with_the_cause() {
    let place = Place::new();
    for (flag, _) in VERSIONS {
        let server = place.server("server", "ca.pem", &[flag]);
        place.collect(&server.address).success();
        for (name, words) in [
            ("stranger", &["signed by", "CA"][..]),
            ("untitled", &["title=eStreamer"]),
            ("misqualified", &["generationQualifier=server"]),
            ("expired", &["expired at"]),
        ] {
            let server = place.server(name, "ca.pem", &[flag]);
            let ended = place.collect(&server.address);
            ended.failure(1, words);
            let (class, document) = place.examine(&server.address, &[]);
            assert_eq!(
                class,
                Class::CertificateRefused.name(),
                "{name}: {document:#}"
            );
        }
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn a_server_that_refuses_our_certificate_is_recognised_in_either_version() {
    let place = Place::new();
    for (flag, _) in VERSIONS {
        // The right server, which knows its clients by another CA.
        let server = place.server("server", "stranger-ca.pem", &[flag]);
        place
            .collect(&server.address)
            .failure(1, &["our certificate"]);
        let (class, document) = place.examine(&server.address, &[]);
        assert_eq!(class, Class::OwnCertificateRefused.name(), "{document:#}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn servers_with_old_tls_alone_refuse_tls() {
    let place = Place::new();
    for (extra, words) in [
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"][..],
            "no cipher suite",
        ),
        (
            &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
            "TLS 1.1 or older",
        ),
    ] {
        let server = place.server("server", "ca.pem", extra);
        place.collect(&server.address).failure(1, &[words]);
        let (class, document) = place.examine(&server.address, &[]);
        assert_eq!(class, Class::TlsRefused.name(), "{document:#}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn a_server_certificate_signed_with_sha1_is_accepted_where_that_is_allowed() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime-mio/src/tls/fixtures");
    let file = |name: &str| fixtures.join(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (file("client.pem"), file("client.key"), file("ca-v1.pem"));
    let own = ["--cert", &cert, "--key", &key, "--ca", &ca];
    let weak = ["-cipher", "DEFAULT@SECLEVEL=0"];
    for (allowed, class) in [
        (&[][..], Class::CertificateRefused),
        (&["--allow-sha1"], Class::Silent),
    ] {
        let server = Server::start(&fixtures, "server-sha1", "ca-v1.pem", &weak);
        let arguments = [&own[..], allowed, &["--wait", "1"]].concat();
        let (found, document) = examine(&server.address, &arguments);
        assert_eq!(found, class.name(), "{document:#}");
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn our_server_serves_the_right_client() {
    let place = Place::new();
    let request = place.request();
    for (flag, _) in VERSIONS {
        let server = Simulator::start(&place.pki.path(), &["--count", "10"]);
        let own = ["-cert", "client.pem", "-key", "client.key", flag];
        let mut peer = client(&place.pki.path(), &server.address, &request, &own);
        // Version 1, and the type of a bundle.
        assert_eq!(peer.read(4), [0, 1, 0x0f, 0xa2]);
        drop(peer);
        server.stop_after("10 events served", 1);
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn our_server_refuses_each_wrong_client_with_the_cause_in_its_log_alone() {
    let place = Place::new();
    let request = place.request();
    for (flag, _) in VERSIONS {
        for (name, words) in [
            ("", "was not sent"),
            ("stranger-client", "not by our CA"),
            ("client-192.0.2.7", "the client connects from 127.0.0.1"),
        ] {
            let server = Simulator::start(&place.pki.path(), &["--count", "10"]);
            let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
            let own = ["-cert", &cert, "-key", &key];
            let own = if name.is_empty() { &[][..] } else { &own };
            let arguments = [own, &[flag]].concat();
            let mut peer = client(&place.pki.path(), &server.address, &request, &arguments);
            assert_eq!(peer.rest(), "", "{name} is told nothing");
            server.stop_after(words, 1);
        }
    }
}

#[test]
#[ignore = "needs the openssl program"]
fn our_own_certificate_about_to_end_is_a_warning_said_once() {
    let place = Place::new();
    let make = |arguments: &[&str]| openssl(&place.pki.path(), arguments);
    let request = [
        "req",
        "-new",
        "-key",
        "client.key",
        "-subj",
        "/CN=127.0.0.1",
    ];
    make(&[&request[..], &["-out", "ending.csr"]].concat());
    // With an extension it becomes version 3.
    std::fs::write(
        place.pki.file("extensions"),
        "keyUsage = digitalSignature\n",
    )
    .unwrap();
    let issue = ["x509", "-req", "-in", "ending.csr", "-out", "ending.pem"];
    let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "5"];
    make(&[&issue[..], &by, &["-extfile", "extensions"]].concat());
    let file = |name: &str| place.pki.file(name);
    let (cert, key, ca) = (file("ending.pem"), file("client.key"), file("ca.pem"));
    let own = ["--cert", &cert, "--key", &key, "--ca", &ca];
    let server = Simulator::start(&place.pki.path(), &["--count", "3"]);
    let (class, document) = examine(&server.address, &own);
    assert_eq!(class, Class::Healthy.name(), "{document:#}");
    let steps = document["steps"].as_array().unwrap();
    let dates = steps.iter().find(|step| step["step"] == "own dates");
    assert_eq!(dates.unwrap()["verdict"], "warning");
    let ended = collect(&server.address, &own).success();
    let said = ended.stderr;
    assert_eq!(said.matches("expires in").count(), 1, "{said}");
}

/// A PKI in a directory, with further servers and clients that are wrong.
struct Place {
    pki: Pki,
}

impl Place {
    fn new() -> Self {
        let (pki, stranger) = (Pki::new(), Pki::new());
        estreamer_simulate::pki::issue_client(&pki.path(), "192.0.2.7").unwrap();
        let write = |name: &str, text: &str| std::fs::write(pki.file(name), text).unwrap();
        let (own, stranger) = (pki.certificates(), stranger.certificates());
        write("stranger-ca.pem", stranger.ca().cert_pem());
        let faulty = |fault| own.faulty_server(fault).unwrap();
        for (name, identity) in [
            ("stranger", stranger.server().clone()),
            ("stranger-client", stranger.client().clone()),
            ("untitled", faulty(ServerFault::MissingTitle)),
            ("misqualified", faulty(ServerFault::WrongQualifier)),
            ("expired", faulty(ServerFault::Expired)),
        ] {
            write(&format!("{name}.pem"), identity.cert_pem());
            write(&format!("{name}.key"), identity.key_pem());
        }
        Self { pki }
    }

    fn server(&self, name: &str, ca: &str, extra: &[&str]) -> Server {
        Server::start(&self.pki.path(), name, ca, extra)
    }

    /// A whole request message in a file.
    fn request(&self) -> PathBuf {
        let path = self.pki.path().join("request");
        std::fs::write(&path, request()).unwrap();
        path
    }

    fn examine(&self, address: &str, extra: &[&str]) -> (String, Value) {
        let p12 = self.pki.file("client-nopassword.p12");
        examine(address, &[&["--pkcs12", &p12], extra].concat())
    }

    fn collect(&self, address: &str) -> Ended {
        let p12 = self.pki.file("client-nopassword.p12");
        collect(address, &["--pkcs12", &p12])
    }
}

/// Class and document of a diagnosis.
fn examine(address: &str, arguments: &[&str]) -> (String, Value) {
    let fixed = ["doctor", "--json", "--server", address];
    let ended = Ended::of(estreamer(&fixed).args(arguments));
    let document: Value = serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", ended.stderr));
    assert_eq!(
        document["status"].as_i64().map(|status| status as i32),
        ended.status.code()
    );
    let class = document["class"].as_str().unwrap();
    (class.to_owned(), document)
}

/// Collects for a second from a server that may have nothing to say.
fn collect(address: &str, arguments: &[&str]) -> Ended {
    let fixed = ["collect", "--server", address, "--stop-when-idle", "1"];
    Ended::of(estreamer(&fixed).args(arguments).args(["--output", "-"]))
}
