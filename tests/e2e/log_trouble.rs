//! What is told when something does not work, and how often.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use estreamer_core::wire::Null;
use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{Archive, ArchiveOptions, Live};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_tests::speaker::{die_after, hold, serve};
use estreamer_tests::{
    ClosedPort, Ended, Fleet, Pki, Running, collect, estreamer, events, message, wait_until,
};

#[test]
fn a_server_that_goes_and_comes_takes_twelve_lines_which_tell_when_it_was_connected() {
    let pki = Pki::new();
    let closed = ClosedPort::new();
    let address = closed.address;
    let archive = Archive::new(ArchiveOptions {
        live: Live::ByHand,
        ..ArchiveOptions::generated(GeneratorOptions::default(), 10)
    });
    let up = || {
        let builder = Simulator::with_identity(pki.identity()).archive(archive.clone());
        let server = builder.listen(address).spawn().unwrap();
        // A new event is progress: the next wait is short.
        archive.store(1);
        let served = |it: &estreamer_simulate::Served| it.is_done() && it.events > 0;
        assert!(server.wait(|all| all.iter().any(served)));
        server
    };
    let arguments = ["--from", "oldest", "--name", "fmc", "--retry", "always"];
    let running = Running::start(&mut collect(&pki, &address.to_string(), &arguments));
    running.wait_for("nothing listens");
    let server = up();
    running.wait_for("fmc: first event");
    drop(server);
    running.wait_for("fmc: disconnected: ");
    let server = up();
    running.wait_for("fmc: reconnected to ");
    drop(server);
    // Five more times within the minute.
    for _ in 0..5 {
        drop(up());
    }
    let said = running.stop().success().stderr;
    let lines: Vec<&str> = said.lines().map(message).collect();
    assert!(lines.len() <= 12, "{said}");
    let mut order = [
        "fmc: connecting to ",
        "nothing listens",
        "fmc: connected to ",
        "fmc: requested events from the oldest on",
        "fmc: first event",
        "fmc: disconnected: ",
        "fmc: reconnected to ",
    ]
    .into_iter();
    let mut wanted = order.next();
    for line in &lines {
        if wanted.is_some_and(|words| line.contains(words)) {
            wanted = order.next();
        }
    }
    assert_eq!(wanted, None, "{said}");
    assert!(!said.contains("collect again"), "it does so itself: {said}");
}

#[test]
fn who_is_away_ends_a_run_by_hand_and_is_waited_for_by_a_service() {
    let fleet = Fleet::new();
    let closed = ClosedPort::new();
    let address = closed.to_string();
    let tables = [Fleet::source_at("fmc", &address), Fleet::output("-")];
    let by_hand = |arguments: &[&str]| {
        let mut command = estreamer(&["collect", "--config"]);
        command.arg(fleet.path("estreamer.toml")).args(arguments);
        command
    };
    let options = |arguments: &[&str]| {
        let pki = |name| fleet.path("pki").join(name).display().to_string();
        let (cert, key, ca) = (pki("client.pem"), pki("client.key"), pki("ca.pem"));
        let mut command = estreamer(&["collect", "--server", &address]);
        command.args(["--cert", &cert, "--key", &key, "--ca", &ca]);
        command.args(arguments);
        command
    };
    fleet.configure("", &tables);
    Ended::of(&mut by_hand(&[])).failure(1, &[&address, "nothing listens", "8302"]);
    Ended::of(&mut options(&[])).failure(1, &[&address, "nothing listens", "8302"]);
    fleet.configure("retry = \"always\"", &tables);
    Ended::of(&mut by_hand(&["--retry", "worked"])).failure(1, &["nothing listens"]);
    fleet.configure("retry = \"sometimes\"", &tables);
    Ended::of(&mut by_hand(&[])).failure(2, &["estreamer.toml:2: ", "\"worked\" or \"always\""]);
    let socket = std::os::unix::net::UnixDatagram::bind(fleet.path("notify")).unwrap();
    for top in ["retry = \"always\"", ""] {
        fleet.configure(top, &tables);
        let mut waits = [by_hand(&[]), options(&["--retry", "always"])];
        if top.is_empty() {
            for command in &mut waits {
                command.env("NOTIFY_SOCKET", fleet.path("notify"));
            }
        }
        for mut command in waits {
            let mut running = Running::start(&mut command);
            running.wait_for("Trying again in ");
            assert!(running.is_running());
            running.stop().success();
        }
    }
    drop(socket);
}

#[test]
fn a_server_that_closes_an_idle_connection_does_not_refuse_us() {
    let pki = Pki::new();
    let identity = pki.identity();
    let idle = serve(move |socket| hold(&identity, socket, Duration::from_secs(4)));
    // The form is fixed: none is to be found out.
    let arguments = ["--request-form", "payload", "--name", "fmc"];
    let running = Running::start(&mut collect(&pki, &idle.to_string(), &arguments));
    running.wait_for("Trying again in ");
    let said = running.stop().success().stderr;
    assert!(said.contains("fmc: disconnected: "), "{said}");
    assert!(
        said.contains("closed the connection after 4 s without having sent anything"),
        "{said}"
    );
    assert!(!said.contains("refuses"), "{said}");
}

#[test]
#[ignore = "takes a minute"]
fn a_server_that_dies_after_regular_nulls_is_given_up_after_a_minute() {
    let pki = Pki::new();
    let identity = pki.identity();
    let pause = Duration::from_millis(1100);
    let address = serve(move |socket| die_after(&identity, socket, &Null::BYTES, 5, pause));
    let arguments = ["--name", "fmc", "--from", "oldest"];
    let running = Running::start(&mut collect(&pki, &address.to_string(), &arguments));
    running.wait_for("fmc: connected to ");
    let start = Instant::now();
    running
        .wait_for("has sent nothing for 60 s; before, it sent a null message at least every 1 s");
    assert!(start.elapsed() < Duration::from_secs(90));
    running.wait_for("Trying again in ");
    running.stop().success();
}

#[test]
fn a_source_that_is_spelled_differently_is_told_that_its_bookmark_has_another_name() {
    let pki = Pki::new();
    let server = Simulator::with_identity(pki.identity())
        .count(50)
        .spawn()
        .unwrap();
    let port = server.address().port();
    let state = pki.scratch("state").display().to_string();
    let run = |host: &str, more: &[&str]| {
        let arguments = ["--state", &state, "--stop-when-idle", "1"];
        let mut command = collect(&pki, &format!("{host}:{port}"), &arguments);
        Ended::of(command.args(more)).success().stderr
    };
    run("127.0.0.1", &["--from", "oldest"]);
    let said = run("localhost", &[]);
    let old = format!("127.0.0.1:{port}");
    assert!(
        said.contains("has no bookmark and starts from now on"),
        "{said}"
    );
    assert!(
        said.contains(&format!("a bookmark of {old:?}, which no source uses")),
        "{said}"
    );
    // The remedy is accepted, and works.
    let name = format!("--name {old}");
    assert!(said.contains(&name), "{said}");
    let said = run("localhost", &["--name", &old]);
    assert!(!said.contains("has no bookmark"), "{said}");
    assert!(!said.contains("requested events from now on"), "{said}");
}

#[test]
fn a_reload_signal_while_a_password_is_waited_for_does_not_end_the_start() {
    let pki = Pki::new();
    let server = Simulator::with_identity(pki.identity())
        .count(10)
        .spawn()
        .unwrap();
    let address = server.address().to_string();
    let arguments = [
        "--server",
        &address,
        "--from",
        "oldest",
        "--stop-after",
        "10",
    ];
    let mut command = estreamer(&["collect"]);
    command.args(arguments);
    command.args(["--pkcs12", &pki.file("client.p12"), "--password-fd", "0"]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| handles(1, child.id()));
    for _ in 0..2 {
        let mut kill = Command::new("kill");
        let kill = kill.args(["-s", "HUP", &child.id().to_string()]);
        assert!(kill.status().unwrap().success());
    }
    let mut password = child.stdin.take().unwrap();
    password.write_all(b"estreamer\n").unwrap();
    drop(password);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert_eq!(events(&output.stdout).len(), 10);
}

/// Whether the process handles this signal.
fn handles(signal: u32, id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:\t"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask, 16).ok());
    caught.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}
