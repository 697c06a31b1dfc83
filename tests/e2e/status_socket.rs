//! The socket in the state directory: for the user only, gone at the end, and never in the
//! place of something else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use estreamer_tests::{Ended, Fleet, Running, estreamer, wait_for_lines, wait_until};

fn one() -> (Fleet, estreamer_simulate::Simulator) {
    let fleet = Fleet::new();
    let server = fleet.server(1, 10, |builder| builder);
    fleet.configure_one(&server, &["file:out.ndjson"]);
    (fleet, server)
}

fn ask(fleet: &Fleet) -> Ended {
    let mut command = estreamer(&["status", "--state"]);
    Ended::of(command.arg(fleet.path("state")))
}

#[test]
fn only_the_user_may_connect_and_it_is_gone_at_the_end() {
    let (fleet, _server) = one();
    let socket = fleet.path("state/status.sock");
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("out.ndjson"), 10, &running);
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    ask(&fleet).success();
    running.stop().success();
    assert!(!socket.exists());
}

#[test]
fn what_a_killed_collector_left_is_replaced() {
    let (fleet, _server) = one();
    let socket = fleet.path("state/status.sock");
    let running = Running::start(&mut fleet.collect());
    wait_until(|| socket.exists());
    assert!(running.kill());
    assert!(socket.exists(), "left behind");
    let running = Running::start(&mut fleet.collect());
    wait_until(|| ask(&fleet).status.code() == Some(0));
    running.stop().success();
}

#[test]
fn what_is_not_ours_stays_and_the_collection_goes_on() {
    let (fleet, _server) = one();
    let socket = fleet.path("state/status.sock");
    fs::create_dir(fleet.path("state")).unwrap();
    fs::write(&socket, "a file").unwrap();
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("out.ndjson"), 10, &running);
    running.wait_for("something else is in its place. The collection goes on.");
    running.stop().success();
    assert_eq!(fs::read(&socket).unwrap(), b"a file");

    fs::remove_file(&socket).unwrap();
    let other = UnixListener::bind(&socket).unwrap();
    let running = Running::start(&mut fleet.collect());
    running.wait_for("another process answers there. The collection goes on.");
    running.stop().success();
    drop(other);
    assert!(socket.exists());
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_reported() {
    let (fleet, server) = one();
    let state = fleet.path(&"x".repeat(120));
    let mut collect = estreamer_tests::estreamer(&["collect"]);
    let pki = |name: &str| fleet.path("pki").join(name);
    collect
        .args([
            "--server",
            &server.address().to_string(),
            "--from",
            "oldest",
        ])
        .arg("--cert")
        .arg(pki("client.pem"))
        .arg("--key")
        .arg(pki("client.key"))
        .arg("--ca")
        .arg(pki("ca.pem"))
        .arg("--state")
        .arg(state)
        .arg("--output")
        .arg(format!("file:{}", fleet.path("out.ndjson").display()));
    let running = Running::start(&mut collect);
    wait_for_lines(&fleet.path("out.ndjson"), 10, &running);
    running.wait_for("cannot serve the status at ");
    running.stop().success();
}

#[test]
fn what_is_at_the_socket_and_does_not_answer_is_named() {
    let (fleet, _server) = one();
    let socket = fleet.path("state/status.sock");
    ask(&fleet).failure(2, &["no collector found", "Start one"]);
    fs::create_dir(fleet.path("state")).unwrap();
    fs::write(&socket, "").unwrap();
    ask(&fleet).failure(2, &["it is not a socket. Move it away"]);
    fs::remove_file(&socket).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    ask(&fleet).failure(
        2,
        &["no answer within 5 s. Look whether its process is stopped"],
    );
    drop(listener);
    ask(&fleet).failure(2, &["no collector found", "Start one"]);
    let mut long = estreamer(&["status", "--state"]);
    let long = Ended::of(long.arg(format!("/tmp/{}", "x".repeat(120))));
    long.failure(
        2,
        &["too long for a socket. Let the collector listen at an address"],
    );
}
