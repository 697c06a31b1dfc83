//! What was done to an archive is named, and nothing is changed by looking.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use estreamer_tests::archive::{archived, closed, collect_in_steps};
use estreamer_tests::{Ended, Fleet, estreamer, stored};

/// An archive of ten or more files, collected and stopped.
fn archive(compress: &str) -> (Fleet, PathBuf) {
    let fleet = Fleet::new();
    let server = fleet.server(1, 0, |builder| builder.bundle(20));
    let output = format!(
        "{}rotate = {{ size = \"48KiB\" }}\n{compress}",
        Fleet::output("file:log/events.ndjson")
    );
    fleet.configure("", &[Fleet::source("fmc", &server), output]);
    fs::create_dir(fleet.path("log")).unwrap();
    let open = fleet.path("log/events.ndjson");
    collect_in_steps(&mut fleet.collect(), &server, &open, (9, 70));
    // A stop may have interrupted the compression of the last one.
    let is_plain = |path: &PathBuf| path.extension().is_some_and(|it| it == "ndjson");
    while !compress.is_empty() && closed(&open).iter().any(is_plain) {
        collect_in_steps(&mut fleet.collect(), &server, &open, (1, 1));
    }
    let mut lines = archived(&open).unwrap();
    lines.sort();
    assert!(lines == stored([&server]));
    (fleet, open)
}

fn verify(fleet: &Fleet, more: &[&str]) -> Ended {
    let mut command = estreamer(&["verify"]);
    command.current_dir(fleet.path(""));
    Ended::of(command.args(more))
}

/// Every file with its content.
fn all(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn restore(directory: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in all(directory).into_keys() {
        fs::remove_file(path).unwrap();
    }
    for (path, content) in files {
        fs::write(path, content).unwrap();
    }
}

#[track_caller]
fn names(ended: &Ended, words: &[&str]) {
    let out = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(1), "{out}{}", ended.stderr);
    for word in words {
        let mut lines = out.lines().filter(|line| line.starts_with("DIFFERS"));
        assert!(lines.any(|line| line.contains(word)), "{word}: {out}");
    }
}

#[test]
fn what_was_done_to_a_file_is_named() {
    for compress in ["", "compress = \"zstd\"", "compress = \"gzip\""] {
        let (fleet, open) = archive(compress);
        let log = fleet.path("log");
        let (before, state) = (all(&log), all(&fleet.path("state")));
        let files = closed(&open);
        let name = |index: usize| files[index].file_name().unwrap().to_str().unwrap();
        assert!(files.len() >= 5, "{files:?}");
        let look = || verify(&fleet, &["log", "--state", "state"]);
        look().success();
        verify(&fleet, &["--config", "estreamer.toml"]).success();
        verify(&fleet, &[&format!("log/{}", name(1))]).success();
        verify(&fleet, &["log/events.ndjson.manifest"]).success();

        let mut changed = before[&files[2]].clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        fs::write(&files[2], &changed).unwrap();
        names(&look(), &[name(2)]);
        names(&verify(&fleet, &[&format!("log/{}", name(2))]), &[name(2)]);
        verify(&fleet, &[&format!("log/{}", name(1))]).success();
        restore(&log, &before);

        let half = before[&files[3]].len() / 2;
        fs::write(&files[3], &before[&files[3]][..half]).unwrap();
        names(&look(), &[name(3)]);
        restore(&log, &before);

        fs::remove_file(&files[1]).unwrap();
        let missing = format!("{} is missing", name(1));
        names(&look(), &[&missing, " events stored from 20"]);
        restore(&log, &before);

        fs::rename(&files[0], log.join("aside")).unwrap();
        fs::rename(&files[1], &files[0]).unwrap();
        fs::rename(log.join("aside"), &files[1]).unwrap();
        let swapped = look();
        names(
            &swapped,
            &[&format!("{} has changed: it has the content of", name(0))],
        );
        names(
            &swapped,
            &[&format!("{} has changed: it has the content of", name(1))],
        );
        restore(&log, &before);

        let foreign = log.join("events-20300101T000000Z-000099.ndjson");
        fs::write(&foreign, "somebody else's\n").unwrap();
        names(&look(), &["000099.ndjson has the name of a closed file"]);
        restore(&log, &before);

        let mut longer = before[&open].clone();
        longer.extend_from_slice(b"somebody else's\n");
        fs::write(&open, &longer).unwrap();
        names(
            &look(),
            &["has 16 bytes at its end that the bookmark does not know"],
        );
        longer[0] ^= 1;
        longer.truncate(1);
        fs::write(&open, &longer).unwrap();
        names(&look(), &["is not what the bookmark says"]);
        restore(&log, &before);

        look().success();
        assert!(all(&log) == before, "nothing is changed by looking");
        assert!(all(&fleet.path("state")) == state);
    }
}

#[test]
fn a_manifest_that_was_edited_is_named() {
    let (fleet, open) = archive("");
    let log = fleet.path("log");
    let before = all(&log);
    let path = log.join("events.ndjson.manifest");
    let text = String::from_utf8(before[&path].clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let look = || verify(&fleet, &["log"]);
    let write = |lines: &[&str]| fs::write(&path, lines.join("\n") + "\n").unwrap();
    // A line was removed, with its file.
    fs::remove_file(&closed(&open)[2]).unwrap();
    let rest = [&lines[..2], &lines[3..]].concat();
    write(&rest);
    names(
        &look(),
        &[
            "manifest:3: the line does not follow",
            "file 3 is not in the manifest",
        ],
    );
    restore(&log, &before);
    // A line was changed.
    let changed = lines[1].replace("\"events\":", "\"events\":1");
    let mut all_lines = lines.clone();
    all_lines[1] = &changed;
    write(&all_lines);
    names(&look(), &["manifest:3: the line does not follow"]);
    restore(&log, &before);
    // A line that a power loss tore is followed by the whole one.
    let torn = &lines[3][..40];
    let with_torn = [&lines[..3], &[torn], &lines[3..]].concat();
    write(&with_torn);
    let ended = look().success();
    assert!(String::from_utf8_lossy(&ended.stdout).contains("was not written completely"));
    restore(&log, &before);
    fs::remove_file(&path).unwrap();
    names(
        &verify(&fleet, &["log/events.ndjson"]),
        &["no manifest names"],
    );
}

#[test]
fn a_file_that_differs_is_read_once() {
    let (fleet, open) = archive("");
    let file = &closed(&open)[1];
    let mut changed = fs::read(file).unwrap();
    changed[9] ^= 1;
    fs::write(file, &changed).unwrap();
    let mut read: BTreeMap<PathBuf, u64> = BTreeMap::new();
    // The files are read one after the other.
    let mut before = PathBuf::new();
    let mut progress = |path: &Path, _| {
        if path != before {
            *read.entry(path.into()).or_default() += 1;
            before = path.into();
        }
    };
    let mut verifier = estreamer::verify::Verifier::new(&mut progress);
    let report = verifier.path(&fleet.path("log")).unwrap();
    assert_eq!(report.differences.len(), 1);
    assert!(read.len() > 3, "{read:?}");
    assert!(read.values().all(|times| *times == 1), "{read:?}");
}

#[test]
fn a_link_to_a_directory_above_is_no_second_archive() {
    let (fleet, _) = archive("");
    fs::create_dir(fleet.path("log/below")).unwrap();
    let before = verify(&fleet, &["log"]).success().stdout;
    for link in ["log/loop", "log/below/loop"] {
        std::os::unix::fs::symlink(fleet.path("log"), fleet.path(link)).unwrap();
    }
    let after = verify(&fleet, &["log"]).success().stdout;
    assert_eq!(
        String::from_utf8_lossy(&before),
        String::from_utf8_lossy(&after)
    );
}

#[test]
fn a_wrong_use_is_told() {
    let fleet = Fleet::new();
    verify(&fleet, &[]).failure(2, &["PATH"]);
    verify(&fleet, &["nowhere"]).failure(1, &["nowhere"]);
    verify(&fleet, &["pki", "--state", "pki"]).failure(1, &["no key"]);
    fleet.configure("", &[Fleet::output("file:x")]);
    verify(&fleet, &["--config", "estreamer.toml"]).failure(2, &["has a manifest"]);
}

#[test]
fn the_name_of_a_file_cannot_look_like_a_result() {
    let fleet = Fleet::new();
    fs::create_dir(fleet.path("log")).unwrap();
    fs::write(fleet.path("log/x\nproven   9 closed files"), "").unwrap();
    let ended = verify(&fleet, &["log"]);
    assert_eq!(ended.status.code(), Some(1), "nothing is proven");
    assert!(
        ended.stderr.contains("nothing is proven"),
        "{}",
        ended.stderr
    );
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(text.contains("x\\nproven   9"), "{text}");
    let proven = text.lines().filter(|line| line.starts_with("proven"));
    assert_eq!(proven.count(), 1, "{text}");
}

#[test]
fn a_closed_file_is_found_by_its_name_alone() {
    let (fleet, open) = archive("");
    let closed = &closed(&open)[0];
    let mut command = estreamer(&["verify"]);
    command.current_dir(fleet.path("log"));
    Ended::of(command.arg(closed.file_name().unwrap())).success();
}

#[test]
fn a_configuration_without_a_state_directory_has_that_of_the_service() {
    let (fleet, open) = archive("");
    let path = fleet.path("estreamer.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("state = \"state\"", "")).unwrap();
    fs::write(&open, "cut").unwrap();
    let ended = verify(&fleet, &["--config", "estreamer.toml"]);
    let out = String::from_utf8_lossy(&ended.stdout);
    assert!(out.contains("is open; --state DIR proves it"), "{out}");
    let mut command = estreamer(&["verify", "--config"]);
    command.env("STATE_DIRECTORY", fleet.path("state"));
    names(&Ended::of(command.arg(&path)), &["events.ndjson"]);
}

#[test]
fn closed_files_without_their_manifest_are_named() {
    let (fleet, open) = archive("");
    let first = closed(&open)[0].clone();
    fs::remove_file(fleet.path("log/events.ndjson.manifest")).unwrap();
    let ended = verify(&fleet, &["--config", "estreamer.toml"]);
    names(&ended, &[first.file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn each_path_is_proven_and_what_is_not_searched_is_told() {
    let (fleet, _) = archive("");
    fs::create_dir(fleet.path("not-mounted")).unwrap();
    let ended = verify(&fleet, &["--quiet", "log", "not-mounted"]);
    ended.failure(1, &["nothing is proven in not-mounted"]);
    let deep = "log/1/2/3/4/5/6/7/8/9";
    fs::create_dir_all(fleet.path(deep)).unwrap();
    names(&verify(&fleet, &["log"]), &[deep]);
}
