//! Each wrong thing ends in one clear sentence.

use std::process::Command;

use estreamer_simulate::pki::ServerFault;
use estreamer_tests::speaker::{greet, serve, speak};
use estreamer_tests::{ClosedPort, Ended, Pki, Simulator, estreamer};

#[test]
fn a_wrong_password_is_named() {
    let pki = Pki::new();
    let password = pki.write("password", "not it");
    let arguments = ["--password-file", &password];
    let ended = Ended::of(&mut collect(&pki, "127.0.0.1:1", &arguments));
    ended.failure(1, &["client.p12", "password"]);
    let ended = Ended::of(&mut collect(&pki, "127.0.0.1:1", &[]));
    ended.failure(1, &["client.p12", "password", "none was given"]);
}

#[test]
fn a_server_of_an_unknown_ca_is_refused() {
    let (ours, theirs) = (Pki::new(), Pki::new());
    let server = Simulator::start(&theirs.path(), &[]);
    let ended = Ended::of(&mut collect_with_password(&ours, &server.address));
    ended.failure(1, &["certificate", "CA", &server.address]);
}

#[test]
fn a_server_without_its_title_is_refused() {
    let pki = Pki::new();
    let faulty = pki.certificates().faulty_server(ServerFault::MissingTitle);
    let faulty = faulty.unwrap();
    std::fs::write(pki.file("server.pem"), faulty.cert_pem()).unwrap();
    std::fs::write(pki.file("server.key"), faulty.key_pem()).unwrap();
    let server = Simulator::start(&pki.path(), &[]);
    let ended = Ended::of(&mut estreamer_tests::collect(&pki, &server.address, &[]));
    ended.failure(1, &["title", "eStreamer"]);
}

#[test]
fn a_closed_port_is_named() {
    let pki = Pki::new();
    let free = ClosedPort::new();
    let ended = Ended::of(&mut collect_with_password(&pki, &free.to_string()));
    ended.failure(1, &[&free.to_string(), "nothing listens", "8302"]);
}

#[test]
fn a_server_that_speaks_no_tls_is_named() {
    let pki = Pki::new();
    let address = serve(greet).to_string();
    let ended = Ended::of(&mut collect_with_password(&pki, &address));
    ended.failure(1, &["TLS", &address]);
}

#[test]
fn a_server_that_speaks_something_else_inside_tls_is_named() {
    let pki = Pki::new();
    let identity = pki.identity();
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    let address = serve(move |socket| speak(&identity, socket, http)).to_string();
    let ended = Ended::of(&mut collect_with_password(&pki, &address));
    // What came before is nothing, and the summary says so first.
    ended.failure(
        1,
        &[
            "0 events",
            "does not send eStreamer messages",
            "invalid header at byte 0",
        ],
    );
}

#[test]
fn a_client_from_another_address_is_closed_without_a_byte_and_told_what_that_means() {
    let pki = Pki::new();
    let path = pki.path();
    let path = path.to_str().unwrap();
    let arguments = ["pki", "client", "192.0.2.7", "--pki", path];
    Ended::of(&mut estreamer(&arguments)).success();
    let server = Simulator::start(&pki.path(), &[]);
    let mut command = estreamer(&["collect", "--server", &server.address]);
    command.args(["--pkcs12", &pki.file("client-192.0.2.7.p12")]);
    command.args(["--password-file", &pki.write("password", "estreamer")]);
    let ended = Ended::of(&mut command);
    ended.failure(1, &["without sending a byte", "registered"]);
    // Once for each form of the request.
    let said = server.stop_after("refused", 6).stderr;
    assert!(said.contains("192.0.2.7"), "{said}");
}

#[test]
fn what_cannot_be_understood_or_opened_says_what_to_change() {
    let pki = Pki::new();
    let server = ["collect", "--server", "127.0.0.1:1"];
    let p12 = pki.file("client.p12");
    for (arguments, status, words) in [
        (&["collect"][..], 2, &["--server"][..]),
        (&["collect", "--server", "127.0.0.1"], 2, &["--pkcs12"]),
        (
            &["collect", "--server", "a:b:c", "--pkcs12", "x"],
            2,
            &["[::1]"],
        ),
        (&["collect", "--sever", "x"], 2, &["--server"]),
        (&["nonsense"], 2, &["nonsense"]),
        (
            &["simulate", "--pki", "/no/such/directory"],
            1,
            &["/no/such/directory"],
        ),
        (&["demo", "--events", "0"], 2, &["--events"]),
    ] {
        Ended::of(&mut estreamer(arguments)).failure(status, words);
    }
    for (arguments, status, words) in [
        (
            &["--pkcs12", "/no/such/file"][..],
            1,
            &["/no/such/file"][..],
        ),
        (&["--pkcs12", &p12, "--from", "yesterday"], 2, &["oldest"]),
        (&["--pkcs12", &p12, "--output", "tape:"], 2, &["stdout:"]),
        (&["--pkcs12", &pki.file("ca.pem")], 1, &["PEM"]),
        (&["--pkcs12", &pki.write("junk", "junk")], 1, &["PKCS#12"]),
    ] {
        Ended::of(estreamer(&server).args(arguments)).failure(status, words);
    }
    let arguments = ["--output", "file:/no/such/directory/events"];
    let mut command = collect_with_password(&pki, "127.0.0.1:1");
    Ended::of(command.args(arguments)).failure(1, &["/no/such/directory/events"]);
}

fn collect(pki: &Pki, address: &str, arguments: &[&str]) -> Command {
    let mut command = estreamer(&["collect", "--server", address]);
    command.args(["--pkcs12", &pki.file("client.p12")]);
    command.args(arguments);
    command
}

fn collect_with_password(pki: &Pki, address: &str) -> Command {
    let password = pki.write("password", "estreamer");
    collect(pki, address, &["--password-file", &password])
}
