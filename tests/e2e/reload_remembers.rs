//! What a reload must not forget: it replaces sources, outputs and the pipeline between them.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use estreamer_tests::http::{get, listening};
use estreamer_tests::{
    ClosedPort, Fleet, Running, estreamer, lines, stored, wait_for_lines, wait_until,
};

use crate::status::LISTEN;

const OUT: &str = "out.ndjson";

fn output() -> String {
    Fleet::output(&format!("file:{OUT}"))
}

#[test]
fn a_source_that_has_worked_is_tried_again_after_a_reload() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let other = fleet.server(2, 40, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::source("other", &other),
        output(),
    ];
    let config = fleet.configure("retry = \"worked\"", &tables);
    let mut command = estreamer(&["collect", "--config"]);
    let mut running = Running::start(command.arg(&config));
    wait_for_lines(&fleet.path(OUT), 140, &running);
    drop(other);
    running.wait_for("refuses the connection");
    fleet.configure("retry = \"worked\"\noverlap = 7", &tables);
    running.signal("HUP");
    running.wait_for("the configuration changed");
    wait_until(|| server.connections().len() == 2);
    server.archive().store(50);
    wait_for_lines(&fleet.path(OUT), 190, &running);
    let refused = || running.said().matches("refuses the connection").count();
    wait_until(|| refused() >= 2);
    assert!(running.is_running(), "{}", running.said());
    running.stop().success();
}

#[test]
fn without_a_state_directory_new_outputs_double_nothing() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let configure = |tables: &[String]| {
        let path = fleet.configure("", tables);
        let text = fs::read_to_string(&path).unwrap();
        let rest = text.strip_prefix("state = \"state\"\n").unwrap();
        fs::write(path, rest).unwrap();
    };
    let source = Fleet::source("fmc", &server);
    configure(&[source.clone(), output()]);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path(OUT), 100, &running);
    configure(&[source, output(), Fleet::output("file:second.ndjson")]);
    running.signal("HUP");
    running.wait_for("the configuration changed");
    server.archive().store(50);
    wait_for_lines(&fleet.path("second.ndjson"), 50, &running);
    let ended = running.stop().success();
    let mut found = lines(&fleet.path(OUT));
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
}

#[test]
fn a_start_some_time_ago_is_not_another_one_at_each_reload() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let source = Fleet::source("fmc", &server).replace("\"oldest\"", "\"-20000d\"");
    fleet.configure("", &[source, output()]);
    let before = now().as_secs();
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path(OUT), 100, &running);
    wait_until(|| now().as_secs() > before + 1);
    running.signal("HUP");
    running.wait_for("the configuration is reloaded");
    assert_eq!(server.connections().len(), 1, "{}", running.said());
    running.stop().success();
}

#[test]
fn a_recording_is_not_written_over() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let tables = [Fleet::source("fmc", &server), output()];
    fleet.configure("", &tables);
    let first = fleet.path("recording");
    let mut command = fleet.collect();
    let running = Running::start(command.arg("--capture").arg(&first));
    wait_for_lines(&fleet.path(OUT), 100, &running);
    fleet.configure("overlap = 7", &tables);
    running.signal("HUP");
    running.wait_for("the configuration changed");
    wait_until(|| fleet.path("recording.2").exists());
    running.stop().success();
    assert!(fs::read(first).unwrap().len() > 10_000);
}

#[test]
fn an_output_that_was_corrected_fails_no_longer() {
    let gone = ClosedPort::new();
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let configure = |url: &str| {
        let named = format!("{}name = \"siem\"\n", Fleet::output(url));
        let top = format!("shutdown = 1\n{LISTEN}");
        fleet.configure(&top, &[Fleet::source("fmc", &server), named]);
    };
    configure(&format!("tcp://{gone}"));
    let running = Running::start(&mut fleet.collect());
    let address = listening(&running);
    running.wait_for(": cannot write: ");
    assert_eq!(get(&address, "/readyz").status, 503);
    configure(&format!("file:{OUT}"));
    running.signal("HUP");
    wait_for_lines(&fleet.path(OUT), 100, &running);
    wait_until(|| get(&address, "/readyz").status == 200);
    running.stop().success();
}

#[test]
fn a_listener_that_moved_stays_when_a_later_reload_is_refused() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let source = Fleet::source("fmc", &server);
    fleet.configure(LISTEN, &[source.clone(), output()]);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path(OUT), 100, &running);
    let moved_to = "[listen]\naddress = \"[::1]:0\"\n";
    fleet.configure(moved_to, &[source.clone(), output()]);
    running.signal("HUP");
    running.wait_for("the status is at http://[::1]:");
    let moved = listening(&running);
    fleet.configure(
        moved_to,
        &[source, Fleet::output("file:no/such/directory/x")],
    );
    running.signal("HUP");
    running.wait_for("The configuration is unchanged");
    // The old outputs have begun again.
    wait_until(|| server.connections().len() == 2);
    assert_eq!(get(&moved, "/healthz").status, 200);
    running.stop().success();
}
