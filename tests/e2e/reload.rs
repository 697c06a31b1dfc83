//! Signals: stopping, reading the configuration again, saying what was counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use estreamer_simulate::Simulator;
use estreamer_tests::{ClosedPort, Fleet, Running, lines, stored, wait_for_lines, wait_until};

const OUT: &str = "out.ndjson";

/// One server and a collector that has collected what it has so far.
fn start(events: u64) -> (Fleet, Simulator, Running) {
    let fleet = Fleet::new();
    let server = fleet.server(1, events, |builder| builder);
    fleet.configure_one(&server, &[&format!("file:{OUT}")]);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path(OUT), events as usize, &running);
    (fleet, server, running)
}

/// Stops it, and checks that these files hold everything exactly once.
#[track_caller]
fn check(running: Running, server: &Simulator, files: &[&Path]) -> String {
    let ended = running.stop().success();
    let mut found: Vec<_> = files.iter().flat_map(|file| lines(file)).collect();
    found.sort();
    assert!(found == stored([server]), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn a_file_that_was_renamed_is_let_go_and_a_new_one_goes_on() {
    let (fleet, server, running) = start(100);
    let (file, old) = (fleet.path(OUT), fleet.path("old"));
    std::fs::rename(&file, &old).unwrap();
    running.signal("HUP");
    running.wait_for("files are reopened");
    server.archive().store(50);
    wait_for_lines(&file, 50, &running);
    assert_eq!(server.connections().len(), 1, "the server noticed nothing");
    check(running, &server, &[&file, &old]);
}

#[test]
fn a_file_that_was_renamed_and_removed_takes_no_space_after_a_signal() {
    let (fleet, server, running) = start(100);
    let (file, old) = (fleet.path(OUT), fleet.path("old"));
    let kept = fleet.path("kept");
    std::fs::rename(&file, &old).unwrap();
    std::fs::hard_link(&old, &kept).unwrap();
    running.signal("HUP");
    running.wait_for("files are reopened");
    std::fs::remove_file(&old).unwrap();
    let descriptors = format!("/proc/{}/fd", running.id());
    let has_it = || {
        let open = std::fs::read_dir(&descriptors).unwrap().flatten();
        let mut open = open.filter_map(|it| std::fs::read_link(it.path()).ok());
        // That of a removed file goes on with " (deleted)".
        open.any(|path| path.to_string_lossy().starts_with(&*old.to_string_lossy()))
    };
    // No event comes meanwhile.
    wait_until(|| !has_it());
    check(running, &server, &[&kept]);
}

#[test]
fn a_file_that_was_renamed_is_let_go_without_a_signal_too() {
    let (fleet, server, running) = start(100);
    let (file, old) = (fleet.path(OUT), fleet.path("old"));
    std::fs::rename(&file, &old).unwrap();
    server.archive().store(50);
    wait_for_lines(&file, 50, &running);
    check(running, &server, &[&file, &old]);
}

#[test]
fn a_file_that_something_else_cuts_or_writes_to_is_told_and_goes_on() {
    let (fleet, server, running) = start(100);
    let file = fleet.path(OUT);
    std::fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(0)
        .unwrap();
    server.archive().store(20);
    running.wait_for("is shorter than after the last write");
    wait_for_lines(&file, 20, &running);
    let mut text = std::fs::read(&file).unwrap();
    text.extend_from_slice(b"foreign\n");
    std::fs::write(&file, text).unwrap();
    server.archive().store(20);
    running.wait_for("is longer than after the last write");
    wait_for_lines(&file, 41, &running);
    running.stop().success();
    // A restart adds nothing and takes nothing away.
    let running = Running::start(&mut fleet.collect());
    server.archive().store(5);
    wait_for_lines(&file, 46, &running);
    running.stop().success();
}

#[test]
fn a_changed_request_is_asked_again_from_the_bookmark() {
    let (fleet, server, running) = start(100);
    let source = Fleet::source("fmc", &server) + "events = [\"file\"]\n";
    let output = Fleet::output(&format!("file:{OUT}"));
    fleet.configure("", &[source, output]);
    running.signal("HUP");
    wait_until(|| server.connections().len() == 2 && !server.connections()[1].requests.is_empty());
    let connections = server.connections();
    let end = connections[0].end.clone().unwrap_or_default();
    assert!(end.contains("error -1"), "the server is told: {end}");
    let request = &connections[1].requests[0];
    assert!(request.from.0 > 0, "from the bookmark");
    assert!(
        !request.json.contains("ConnectionEvent"),
        "{}",
        request.json
    );
    server.archive().store(100);
    wait_for_lines(&fleet.path(OUT), 110, &running);
    running.stop().success();
}

#[test]
fn what_cannot_be_read_changes_nothing_and_is_told() {
    let (fleet, server, running) = start(100);
    std::fs::write(fleet.path("estreamer.toml"), "[[sauce]]\n").unwrap();
    running.signal("HUP");
    running.wait_for("The configuration is unchanged");
    assert!(running.said().contains("source"), "{}", running.said());
    server.archive().store(50);
    wait_for_lines(&fleet.path(OUT), 150, &running);
    assert_eq!(server.connections().len(), 1);
    check(running, &server, &[&fleet.path(OUT)]);
}

#[test]
fn an_output_that_cannot_begin_leaves_the_old_ones_in_place() {
    let (fleet, server, running) = start(100);
    fleet.configure_one(&server, &["file:no/such/directory/x"]);
    running.signal("HUP");
    running.wait_for("The configuration is unchanged");
    server.archive().store(50);
    wait_for_lines(&fleet.path(OUT), 150, &running);
    check(running, &server, &[&fleet.path(OUT)]);
}

#[test]
fn an_output_that_hangs_keeps_the_configuration_it_has() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(100));
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output(&format!("file:{OUT}")),
        Fleet::output("-"),
    ];
    fleet.configure("shutdown = 1", &tables);
    let pipe = fleet.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    // Open, and not read.
    let reader = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe);
    let mut reader = BufReader::new(reader.unwrap());
    let program = fleet.collect();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" > \"$0\""]).arg(&pipe);
    command.arg(program.get_program()).args(program.get_args());
    let running = Running::start(&mut command);
    wait_until(|| std::fs::metadata(fleet.path(OUT)).is_ok_and(|file| file.len() > 100_000));
    fleet.configure("shutdown = 1\noverlap = 7", &tables);
    running.signal("HUP");
    running.wait_for("The configuration is unchanged");
    let said = running.said();
    let told = said.lines().find(|line| line.contains("is unchanged"));
    assert!(told.unwrap().contains("standard output"), "{said}");
    server.archive().store(50);
    let mut found = Vec::new();
    let mut read = |count: usize| {
        while found.len() < count {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).unwrap();
            line.pop();
            found.push(line);
        }
    };
    read(2050);
    // Now it works.
    running.signal("HUP");
    running.wait_for("the configuration changed; all sources reconnect");
    server.archive().store(50);
    read(2100);
    found.sort();
    assert!(found == stored([&server]), "{}", running.said());
    check(running, &server, &[&fleet.path(OUT)]);
}

#[test]
fn a_reload_that_is_asked_for_while_it_starts_is_remembered() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let pipe = fleet.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let address = server.address().to_string();
    let source = format!(
        "[[source]]\nname = \"fmc\"\nserver = {address:?}\nfrom = \"oldest\"\n\
         pkcs12 = \"pki/client.p12\"\npassword = {{ file = \"pipe\" }}\n"
    );
    fleet.configure("", &[source, Fleet::output(&format!("file:{OUT}"))]);
    let running = Running::start(&mut fleet.collect());
    // This waits until the program looks for its password.
    let mut writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    running.signal("HUP");
    writer.write_all(b"estreamer").unwrap();
    drop(writer);
    wait_for_lines(&fleet.path(OUT), 100, &running);
    // It reads the configuration again, but nobody writes the password again.
    running.wait_for("The configuration is unchanged");
    check(running, &server, &[&fleet.path(OUT)]);
}

#[test]
fn sources_come_and_go() {
    let (fleet, server, running) = start(100);
    let other = fleet.server(2, 40, |builder| builder);
    let output = Fleet::output(&format!("file:{OUT}"));
    let both = [
        Fleet::source("fmc", &server),
        Fleet::source("other", &other),
        output.clone(),
    ];
    fleet.configure("", &both);
    running.signal("HUP");
    wait_for_lines(&fleet.path(OUT), 140, &running);
    fleet.configure("", &[Fleet::source("other", &other), output]);
    running.signal("HUP");
    wait_until(|| server.connections()[0].end.is_some());
    server.archive().store(50);
    other.archive().store(50);
    wait_for_lines(&fleet.path(OUT), 190, &running);
    assert_eq!(other.connections().len(), 1, "one that stays is left alone");
    running.stop().success();
}

#[test]
fn other_outputs_take_over_without_loss() {
    let (fleet, server, running) = start(100);
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output(&format!("file:{OUT}")),
        Fleet::output("file:second.ndjson"),
    ];
    fleet.configure("overlap = 7", &tables);
    running.signal("HUP");
    running.wait_for("the configuration changed");
    wait_until(|| server.connections().len() == 2);
    server.archive().store(50);
    wait_for_lines(&fleet.path(OUT), 150, &running);
    wait_for_lines(&fleet.path("second.ndjson"), 50, &running);
    check(running, &server, &[&fleet.path(OUT)]);
}

#[test]
fn a_receiver_that_is_gone_is_replaced_by_another() {
    let gone = ClosedPort::new();
    let fleet = Fleet::new();
    let server = fleet.server(1, 500, |builder| builder);
    let tables = |output: &str| {
        let both = Fleet::output(&format!("file:{OUT}"));
        [Fleet::source("fmc", &server), both, Fleet::output(output)]
    };
    fleet.configure("shutdown = 1", &tables(&format!("tcp://{gone}")));
    let running = Running::start(&mut fleet.collect());
    running.wait_for(": cannot write: ");
    fleet.configure("shutdown = 1", &tables("file:second.ndjson"));
    running.signal("HUP");
    wait_for_lines(&fleet.path("second.ndjson"), 500, &running);
    wait_for_lines(&fleet.path(OUT), 500, &running);
    check(running, &server, &[&fleet.path(OUT)]);
}

#[test]
fn a_kill_during_a_reload_loses_nothing() {
    let (fleet, server, running) = start(200);
    let output = |name: &str| Fleet::output(&format!("file:{name}"));
    running.kill();
    for round in 0..8u64 {
        let before = server.connections().len();
        let current = Running::start(&mut fleet.collect());
        wait_until(|| server.connections().len() > before);
        server.archive().store(300);
        // Another overlap each time: everything begins anew.
        let tables = [Fleet::source("fmc", &server), output(OUT)];
        fleet.configure(&format!("overlap = {}", 6 + round), &tables);
        let count = server.connections().len();
        current.signal("HUP");
        match round % 4 {
            0 => {}
            1 => current.wait_for("the configuration changed"),
            2 => wait_until(|| server.connections().last().is_some_and(|c| c.end.is_some())),
            _ => wait_until(|| server.connections().len() > count),
        }
        current.kill();
    }
    let last = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path(OUT), stored([&server]).len(), &last);
    check(last, &server, &[&fleet.path(OUT)]);
}

#[test]
fn what_is_under_way_is_delivered_before_a_stop() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 20_000, |builder| builder.unacknowledged(100));
    fleet.configure_one(&server, &[&format!("file:{OUT}")]);
    let running = Running::start(&mut fleet.collect());
    wait_until(|| std::fs::metadata(fleet.path(OUT)).is_ok_and(|file| file.len() > 0));
    running.stop().success();
    wait_until(|| server.connections()[0].end.is_some());
    let end = server.connections()[0].end.clone().unwrap_or_default();
    assert!(end.contains("error -1"), "{end}");
    // The next run goes on behind what is there.
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path(OUT), 20_000, &running);
    check(running, &server, &[&fleet.path(OUT)]);
}

#[test]
fn a_stop_takes_no_longer_than_allowed_and_a_second_one_no_time() {
    // A receiver that never reads.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = deaf.local_addr().unwrap();
    let fleet = Fleet::new();
    let server = fleet.server(1, 20_000, |builder| builder.unacknowledged(100));
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output(&format!("tcp://{address}")),
    ];
    for (shutdown, signals) in [(1, 1), (600, 2)] {
        fleet.configure(&format!("shutdown = {shutdown}"), &tables);
        let running = Running::start(&mut fleet.collect());
        let (mut held, _) = deaf.accept().unwrap();
        held.read_exact(&mut [0]).unwrap();
        let start = Instant::now();
        running.signal("TERM");
        if signals == 2 {
            // It waits: only the second ends it.
            wait_until(|| {
                server.connections().last().is_some_and(|c| c.end.is_some())
                    || start.elapsed().as_secs() >= 2
            });
            let ended = running.stop();
            assert!(!ended.status.success(), "it was ended by the signal");
            let waits = format!("output tcp://{address}: the stop waits for ");
            assert!(ended.stderr.contains(&waits), "{}", ended.stderr);
            assert!(ended.stderr.contains("at most 10 min"), "{}", ended.stderr);
            let second = "A second Ctrl-C or signal ends the program at once";
            assert!(ended.stderr.contains(second), "{}", ended.stderr);
        } else {
            let ended = running.wait().success();
            assert!(ended.stderr.contains("collected again"), "{}", ended.stderr);
        }
        assert!(start.elapsed().as_secs() < 30);
    }
}

#[test]
fn it_says_what_was_counted_when_it_is_asked() {
    let (_fleet, server, running) = start(100);
    running.signal("USR1");
    running.wait_for("100 events");
    server.archive().store(10);
    running.stop().success();
}
