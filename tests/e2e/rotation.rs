//! Files that are closed by the collector itself.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use estreamer_simulate::Simulator;
use estreamer_tests::archive::{archived, closed, manifest};
use estreamer_tests::{Ended, Fleet, Running, estreamer, stored, wait_until};

/// An output to files with these keys.
fn output(url: &str, keys: &str) -> String {
    format!("{}{keys}\n", Fleet::output(url))
}

fn configure(fleet: &Fleet, server: &Simulator, keys: &str) {
    let tables = [
        Fleet::source("fmc", server),
        output("file:log/{source}.ndjson", keys),
    ];
    fleet.configure("", &tables);
    fs::create_dir_all(fleet.path("log")).unwrap();
}

/// Collects until the archive holds what the server stored.
fn collect(fleet: &Fleet, server: &Simulator) -> Ended {
    let open = fleet.path("log/fmc.ndjson");
    let wanted = stored([server]);
    let running = Running::start(&mut fleet.collect());
    wait_until(|| archived(&open).is_ok_and(|lines| lines.len() >= wanted.len()));
    let ended = running.stop().success();
    let events = server.archive().events().into_iter();
    let in_order: Vec<_> = events.map(|event| event.data).collect();
    assert!(archived(&open).unwrap() == in_order, "{}", ended.stderr);
    ended
}

fn verify(fleet: &Fleet) -> Ended {
    let mut command = estreamer(&["verify"]);
    command
        .arg(fleet.path("log"))
        .arg("--state")
        .arg(fleet.path("state"));
    Ended::of(&mut command)
}

fn out(ended: &Ended) -> String {
    String::from_utf8(ended.stdout.clone()).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn files_are_closed_by_size_compressed_and_proven() {
    for (compress, extension) in [("zstd", "zst"), ("gzip", "gz")] {
        let fleet = Fleet::new();
        let server = fleet.server(1, 1500, |builder| builder.bundle(20));
        let keys = format!("rotate = {{ size = \"64KiB\" }}\ncompress = {compress:?}");
        configure(&fleet, &server, &keys);
        collect(&fleet, &server);
        // A second process goes on with the same numbers, and completes the compression.
        server.archive().store(300);
        collect(&fleet, &server);
        let files = closed(&fleet.path("log/fmc.ndjson"));
        assert!(files.len() > 5, "{files:?}");
        // A stop may have interrupted the last one.
        let is_compressed = |path: &PathBuf| path.extension().is_some_and(|it| it == extension);
        let mut files = files;
        while !files.iter().all(is_compressed) {
            server.archive().store(1);
            collect(&fleet, &server);
            files = closed(&fleet.path("log/fmc.ndjson"));
        }
        let left = names(&fleet.path("log"));
        assert_eq!(left.len(), files.len() + 2, "originals are gone: {left:?}");
        let proven = verify(&fleet).success();
        assert!(out(&proven).contains("; 1 open file;"), "{}", out(&proven));
        let lines = manifest(&fleet.path("log/fmc.ndjson"));
        let first = &lines[0];
        assert_eq!(first["sources"], serde_json::json!(["fmc"]));
        assert!(first["bytes"].as_u64().unwrap() <= 64 << 10);
        let counted = lines.iter().filter_map(|line| line["events"].as_u64());
        let open = fs::read(fleet.path("log/fmc.ndjson")).unwrap();
        let open = open.split(|&byte| byte == b'\n').count() as u64 - 1;
        assert_eq!(counted.sum::<u64>() + open, stored([&server]).len() as u64);
    }
}

#[test]
fn a_file_is_closed_by_time_although_no_event_comes() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    configure(&fleet, &server, "rotate = { every = \"1s\" }");
    let running = Running::start(&mut fleet.collect());
    let open = fleet.path("log/fmc.ndjson");
    let all = || {
        closed(&open)
            .iter()
            .filter_map(|path| fs::read(path).ok())
            .flatten()
            .filter(|it| *it == b'\n')
            .count()
    };
    wait_until(|| all() == 100);
    wait_until(|| fs::read(&open).is_ok_and(|bytes| bytes.is_empty()));
    running.stop().success();
    verify(&fleet).success();
}

#[test]
fn closed_files_over_the_limits_are_removed_and_others_are_not() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 1500, |builder| builder.bundle(20));
    configure(
        &fleet,
        &server,
        "rotate = { size = \"32KiB\" }\nkeep = { files = 3 }",
    );
    let foreign = fleet.path("log/fmc-20200101T000000Z-000001.ndjson");
    fs::write(&foreign, "somebody else's\n").unwrap();
    let open = fleet.path("log/fmc.ndjson");
    let running = Running::start(&mut fleet.collect());
    let lines = || {
        let lines = manifest(&open);
        let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
        (of("closed"), of("removed"))
    };
    wait_until(|| lines().0 > 10 && lines().1 + 3 >= lines().0);
    running.stop().success();
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "somebody else's\n");
    let found = verify(&fleet);
    assert_eq!(found.status.code(), Some(1));
    assert!(out(&found).contains("000001.ndjson has the name"));
    fs::remove_file(&foreign).unwrap();
    verify(&fleet).success();
}

#[test]
fn a_file_for_each_hour_of_the_archival_time() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 50, |builder| builder);
    let url = "file:log/{source}/{date}/{hour}.ndjson";
    let keys = "rotate = { size = \"1MiB\" }";
    let tables = [Fleet::source("fmc", &server), output(url, keys)];
    fleet.configure("", &tables);
    fs::create_dir_all(fleet.path("log/fmc")).unwrap();
    let second = server.archive().events()[0].archival;
    let running = Running::start(&mut fleet.collect());
    let files = || -> Vec<PathBuf> {
        let days = fs::read_dir(fleet.path("log/fmc")).unwrap();
        let days = days
            .map(|day| day.unwrap().path())
            .filter(|day| day.is_dir());
        days.flat_map(|day| fs::read_dir(day).unwrap())
            .map(|hour| hour.unwrap().path())
            .collect()
    };
    let lines = || -> usize {
        let files = files().into_iter();
        files
            .map(|path| fs::read_to_string(path).unwrap().lines().count())
            .sum()
    };
    wait_until(|| lines() == 50);
    running.stop().success();
    let day = estreamer_tests::archive::day_of(second);
    let hour = format!("{day}/{:02}", second / 3600 % 24);
    let first = files()
        .iter()
        .any(|path| path.to_string_lossy().contains(&hour));
    assert!(first, "{hour}: {:?}", files());
    // A file whose hour has passed is closed at a later start.
    let running = Running::start(&mut fleet.collect());
    let base = fleet.path("log/fmc/date-hour.ndjson");
    server.archive().store(1);
    wait_until(|| lines() == 51);
    running.stop().success();
    assert!(manifest(&base).is_empty() || !closed(&base).is_empty());
}

#[test]
fn a_file_from_before_goes_on_and_is_closed_with_what_is_known() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 200, |builder| builder);
    configure(&fleet, &server, "");
    collect(&fleet, &server);
    assert_eq!(names(&fleet.path("log")), ["fmc.ndjson"]);
    server.archive().store(200);
    configure(&fleet, &server, "rotate = { size = \"100KiB\" }");
    collect(&fleet, &server);
    let lines = manifest(&fleet.path("log/fmc.ndjson"));
    assert!(lines[0]["events"].is_null(), "not counted from the start");
    verify(&fleet).success();
    // And without rotation again, the open file stays one file.
    server.archive().store(200);
    configure(&fleet, &server, "");
    collect(&fleet, &server);
    verify(&fleet).success();
}

#[test]
fn new_files_have_mode_and_group() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 300, |builder| builder);
    let group = fs::metadata(fleet.path("pki")).unwrap().gid();
    let keys = format!("rotate = {{ size = \"32KiB\" }}\nmode = \"0640\"\ngroup = \"{group}\"");
    configure(&fleet, &server, &keys);
    collect(&fleet, &server);
    for name in names(&fleet.path("log")) {
        let found = fs::metadata(fleet.path("log").join(&name)).unwrap();
        assert_eq!(
            (found.mode() & 0o777, found.gid()),
            (0o640, group),
            "{name}"
        );
    }
}

#[test]
fn mistakes_about_closed_files_are_told() {
    for (keys, words) in [
        ("rotate = { size = \"5\" }", "Use an integer with B, KiB"),
        ("rotate = {}", "neither size nor every"),
        ("rotate = { evry = \"1h\" }", "Perhaps you mean every"),
        ("keep = { files = 3 }", "nothing closes the file"),
        (
            "rotate = { size = \"1MiB\" }\nmanifest = false\ncompress = \"zstd\"",
            "needs the manifest",
        ),
        ("compress = \"lz4\"", "Use \"zstd\" or \"gzip\""),
        ("group = \"no such group\"", "of this machine"),
    ] {
        let fleet = Fleet::new();
        let server = fleet.server(1, 0, |builder| builder);
        configure(&fleet, &server, keys);
        let mut check = estreamer(&["check"]);
        Ended::of(check.arg(fleet.path("estreamer.toml"))).failure(2, &[words]);
    }
}
