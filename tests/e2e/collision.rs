//! Outputs are compared by the files they lead to, and every file has one writer.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use estreamer_tests::{Ended, Fleet, Pki, Running, collect, estreamer, lines, wait_for_lines};

/// Checks a configuration with these outputs of a source `fmc` and others.
fn check(fleet: &Fleet, sources: &[&str], outputs: &[&str]) -> Ended {
    let sources = sources
        .iter()
        .map(|name| Fleet::source_at(name, "127.0.0.1:1"));
    let outputs = outputs.iter().map(|url| Fleet::output(url));
    let path = fleet.configure("", &sources.chain(outputs).collect::<Vec<_>>());
    Ended::of(&mut estreamer(&["check", path.to_str().unwrap()]))
}

#[test]
fn two_outputs_that_can_be_one_file_are_refused_by_check_and_at_start() {
    let fleet = Fleet::new();
    fs::create_dir(fleet.path("log")).unwrap();
    symlink("log", fleet.path("also")).unwrap();
    fs::write(fleet.path("log/old"), "").unwrap();
    fs::hard_link(fleet.path("log/old"), fleet.path("linked")).unwrap();
    symlink("log/new", fleet.path("dangling")).unwrap();
    for (a, b) in [
        ("file:{event}.nd", "file:ConnectionEvent.nd"),
        ("file:{source}.nd", "file:fmc.nd"),
        ("file:{source}.{event}", "file:fmc.other"),
        ("file:out", "file:./out"),
        ("file:out", "file:log/../out"),
        ("file:log/out", "file:also/out"),
        ("file:log/{event}", "file:also/FileEvent"),
        ("file:log/old", "file:linked"),
        ("file:log/new", "file:dangling"),
    ] {
        let ended = check(&fleet, &["fmc"], &[a, b]);
        let names = [a, b].map(|url| url.strip_prefix("file:").unwrap());
        ended.failure(2, &[names[0], names[1], "both write to"]);
        Ended::of(&mut fleet.collect()).failure(2, &[names[0], names[1], "both write to"]);
    }
    for (a, b) in [
        ("file:{event}.nd", "file:Connection.nd"),
        ("file:{source}.nd", "file:other.nd"),
        ("file:log/out", "file:out"),
    ] {
        check(&fleet, &["fmc"], &[a, b]).success();
    }
}

#[test]
fn a_file_for_errors_is_that_of_no_other_output() {
    let fleet = Fleet::new();
    let refused = |outputs: &[String], words: &[&str]| {
        let mut tables = vec![Fleet::source_at("fmc", "127.0.0.1:1")];
        tables.extend_from_slice(outputs);
        let path = fleet.configure("", &tables);
        Ended::of(&mut estreamer(&["check", path.to_str().unwrap()])).failure(2, words);
    };
    let http = |port: u32, keys: &str| {
        let output = Fleet::output(&format!("http://127.0.0.1:{port}/"));
        format!("{output}name = \"siem{port}\"\n{keys}\n")
    };
    let errors = "errors = \"refused.nd\"";
    let file = |path: &str| Fleet::output(&format!("file:{path}"));
    let remedy = "Choose another file for errors";
    refused(
        &[file("refused.nd"), http(1, errors)],
        &["both write to", remedy],
    );
    refused(
        &[http(1, errors), http(2, errors)],
        &["both write to", remedy],
    );
    refused(
        &[http(1, ""), file("state/refused-siem1.ndjson")],
        &["both write to", "Give each output its own path"],
    );
    refused(
        &[http(1, "errors = \"state/journal.1\"")],
        &["a file of the state directory", remedy],
    );
    fs::write(fleet.path("ca.pem"), "").unwrap();
    let tls = "tls = { ca = \"ca.pem\" }\n";
    let https = http(1, tls).replace("http:", "https:");
    refused(&[https, file("ca.pem")], &["the CA of the output siem1"]);
}

#[test]
fn two_sources_whose_files_are_one_are_refused() {
    let fleet = Fleet::new();
    fs::create_dir(fleet.path("a")).unwrap();
    symlink("a", fleet.path("b")).unwrap();
    check(&fleet, &["a", "b"], &["file:{source}/out"])
        .failure(2, &["the events of a and of b to one file"]);
}

#[test]
fn an_output_cannot_be_a_file_that_the_configuration_needs() {
    let fleet = Fleet::new();
    for (url, what) in [
        ("file:pki/client.key", "the key of fmc"),
        ("file:./pki/../pki/client.pem", "the certificate of fmc"),
        ("file:pki/ca.pem", "the CA of fmc"),
        ("file:estreamer.toml", "the configuration"),
        ("file:state/key", "a file of the state directory"),
        ("file:state/journal.0", "a file of the state directory"),
        ("file:state/lock", "a file of the state directory"),
        (
            "file:state/request-forms.json",
            "a file of the state directory",
        ),
    ] {
        check(&fleet, &["fmc"], &[url]).failure(2, &[what, "Give each output its own path"]);
    }
    let pki = Pki::new();
    let recorded = pki.scratch("recorded");
    let recorded = recorded.to_str().unwrap();
    for (output, capture) in [
        (recorded.to_owned(), recorded),
        (format!("{recorded}.sent"), recorded),
        (format!("{recorded}.2.sent"), recorded),
    ] {
        let output = format!("file:{output}");
        let arguments = ["--capture", capture, "--output", &output];
        Ended::of(&mut collect(&pki, "127.0.0.1:1", &arguments)).failure(2, &["of the recording"]);
    }
    // A recording that was there is written over, and nobody else may read the new one.
    fs::write(recorded, "an earlier one").unwrap();
    fs::set_permissions(recorded, Permissions::from_mode(0o644)).unwrap();
    let arguments = ["--capture", recorded, "--output", "stdout:"];
    Ended::of(&mut collect(&pki, "127.0.0.1:1", &arguments)).failure(1, &["nothing listens"]);
    let mut server = pki.server().count(3).spawn().unwrap();
    let arguments = [
        "--capture",
        recorded,
        "--stop-after",
        "3",
        "--from",
        "oldest",
    ];
    Ended::of(&mut collect(
        &pki,
        &server.address().to_string(),
        &arguments,
    ))
    .success();
    server.stop();
    let mode = fs::metadata(recorded).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The second connection of fmc would be recorded to the file of fmc.2.
    let sources = ["fmc", "fmc.2"].map(|name| Fleet::source_at(name, "127.0.0.1:1"));
    let tables = [&sources[..], &[Fleet::output("stdout:")]].concat();
    let config = fleet.configure("", &tables);
    let mut command = estreamer(&["collect", "--capture", recorded, "--config"]);
    Ended::of(command.arg(config)).failure(2, &["two sources would be recorded to"]);
    let key = fs::read(pki.file("client.key")).unwrap();
    let arguments = ["--capture", &pki.file("client.key")];
    Ended::of(&mut collect(&pki, "127.0.0.1:1", &arguments)).failure(2, &["overwrite the key"]);
    assert_eq!(fs::read(pki.file("client.key")).unwrap(), key);
}

#[test]
fn a_sources_name_leads_to_a_file_of_its_own_in_its_directory() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 50, |builder| builder);
    let names = ["a/b", "a_b", "..", ".", ".hidden", "a%2Fb"];
    let files = ["a%2Fb", "a_b", "%2E.", "%2E", "%2Ehidden", "a%252Fb"];
    let sources = names.map(|name| Fleet::source(name, &server));
    let tables = [&sources[..], &[Fleet::output("file:log/{source}.nd")]].concat();
    fleet.configure("", &tables);
    fs::create_dir(fleet.path("log")).unwrap();
    let running = Running::start(&mut fleet.collect());
    for file in files {
        wait_for_lines(&fleet.path(&format!("log/{file}.nd")), 50, &running);
    }
    running.stop().success();
    assert_eq!(
        fs::read_dir(fleet.path("log")).unwrap().count(),
        files.len()
    );
}

#[test]
fn a_source_without_a_name_is_refused() {
    let pki = Pki::new();
    let ended = Ended::of(&mut collect(&pki, "127.0.0.1:1", &["--name", ""]));
    ended.failure(2, &["name of a source is empty"]);
}

#[test]
fn recordings_and_state_are_for_their_owner_alone_and_each_source_has_its_own() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 5, |builder| builder);
    let names = ["a/b", "a_b"];
    let sources = names.map(|name| Fleet::source(name, &server));
    let tables = [&sources[..], &[Fleet::output("file:out")]].concat();
    fleet.configure("", &tables);
    let mut command = fleet.collect();
    command.arg("--capture").arg(fleet.path("recorded"));
    Ended::of(command.args(["--stop-after", "10"])).success();
    assert_eq!(lines(&fleet.path("out")).len(), 10);
    for (name, expected) in [
        ("recorded.a%2Fb", 0o600),
        ("recorded.a_b.sent", 0o600),
        ("state", 0o700),
        ("state/key", 0o600),
        ("state/lock", 0o600),
    ] {
        let metadata = fs::metadata(fleet.path(name)).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{name}");
    }
}
