//! Files that are closed, named, recorded, compressed and removed, crashed at every point.

use std::path::{Path, PathBuf};

use estreamer::config::{ArchiveRules, Compression, Rotation};
use estreamer::fuzzing::collector::{OutputTarget, TargetHead};
use estreamer::fuzzing::content;
use estreamer::fuzzing::disk::{CRASHES, Crash, ModelDisk};
use estreamer::verify::Verifier;

use crate::setting::{Setting, run};
use crate::{after_crash, check, everywhere, in_order, setting, without_head};

/// Closes a file before it has more than this number of bytes.
pub(crate) fn rotated(size: u64) -> ArchiveRules {
    ArchiveRules {
        rotate: Some(Rotation {
            size: Some(size),
            every: None,
        }),
        manifest: true,
        ..ArchiveRules::default()
    }
}

pub(crate) fn archive(path: &'static str, archive: ArchiveRules) -> OutputTarget {
    OutputTarget {
        path,
        tag: "",
        by_kind: false,
        archive,
        head: TargetHead::Nothing,
    }
}

/// The closed files of an output and its open ones, each series as one file.
pub(crate) fn contents(output: &OutputTarget, disk: &ModelDisk) -> Vec<(String, String)> {
    let mut paths = disk.paths(Path::new("/out"));
    paths.retain(|path| {
        path.to_str()
            .is_some_and(|path| path.starts_with(output.path))
    });
    // The open file has no number and is the last one.
    let open = |path: &PathBuf| path.extension().is_none() || output.by_kind;
    let mut all = String::new();
    let (opened, closed): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| {
        open(path)
            && !path
                .to_str()
                .is_some_and(|path| path[output.path.len()..].contains('-'))
    });
    for path in closed.iter().chain(&opened) {
        let name = path.to_str().unwrap();
        assert!(!name.contains(".partial"), "{name} is left over");
        if name.ends_with(".manifest") || name.contains(".unproven-") {
            continue;
        }
        let content = String::from_utf8(content(disk, path).unwrap()).unwrap();
        all.push_str(&without_head(output, &content));
    }
    vec![(output.path.into(), all)]
}

/// Each closed file is as its manifest says.
pub(crate) fn prove(output: &OutputTarget, disk: &ModelDisk, when: &str) {
    if !output.archive.manifest || output.by_kind {
        return;
    }
    let mut quiet = |_: &Path, _| {};
    let report = Verifier::of(disk, &mut quiet).series(&[output.path.into()]);
    let differences = report.unwrap().differences;
    assert!(differences.is_empty(), "{differences:?}: {when}");
}

#[test]
fn files_that_are_closed_while_a_commit_is_under_way() {
    for operations in 1..8 {
        everywhere(&Setting {
            outputs: vec![archive("/out/events", rotated(40))],
            operations: Some(operations),
            ..setting()
        });
    }
}

#[test]
fn files_that_are_closed_by_size() {
    for manifest in [true, false] {
        everywhere(&Setting {
            outputs: vec![archive(
                "/out/events",
                ArchiveRules {
                    manifest,
                    ..rotated(40)
                },
            )],
            ..setting()
        });
    }
}

#[test]
fn a_file_renamed_by_another_after_it_was_recorded_is_not_confused_with_its_successor() {
    for crash in 1..60 {
        let setting = Setting {
            outputs: vec![archive("/out/events", rotated(40))],
            ..setting()
        };
        let (disk, crashed) = after_crash(&setting, crash, Crash::Kill);
        if !crashed {
            break;
        }
        // Another program takes the name between two runs.
        let open = Path::new("/out/events");
        disk.renamed_by_another(open, Path::new("/elsewhere/events"));
        disk.written_by_another(open, b"somebody else's\n");
        run(&setting, &disk, "1").unwrap();
        let paths = disk.paths(Path::new("/out"));
        let found = paths.iter().filter(|path| {
            let content = disk.content(path);
            content
                .windows(15)
                .any(|window| window == b"somebody else's")
        });
        assert_eq!(found.count(), 1, "crash at {crash}");
    }
}

#[test]
fn files_that_begin_with_a_line_or_with_sections() {
    for head in [TargetHead::FirstLine, TargetHead::Section] {
        for rules in [ArchiveRules::default(), rotated(30)] {
            let output = OutputTarget {
                head,
                ..archive("/out/events", rules)
            };
            everywhere(&Setting {
                outputs: vec![output],
                ..setting()
            });
        }
    }
}

#[test]
fn files_that_are_compressed() {
    for compress in [Compression::Zstd, Compression::Gzip] {
        everywhere(&Setting {
            outputs: vec![archive(
                "/out/events",
                ArchiveRules {
                    compress: Some(compress),
                    ..rotated(60)
                },
            )],
            ..setting()
        });
    }
}

#[test]
fn two_outputs_of_which_one_lags_and_both_are_archives() {
    everywhere(&Setting {
        outputs: vec![
            archive("/out/fast", rotated(40)),
            archive("/out/slow", rotated(70)),
        ],
        lag: 2,
        ..setting()
    });
}

#[test]
fn a_second_crash_while_a_closing_is_completed() {
    let setting = Setting {
        sources: vec![("a", in_order("a", 12))],
        outputs: vec![archive(
            "/out/events",
            ArchiveRules {
                compress: Some(Compression::Zstd),
                ..rotated(20)
            },
        )],
        ..setting()
    };
    for first in 1.. {
        if !after_crash(&setting, first, Crash::Kill).1 {
            assert!(first > 50, "only {first} operations");
            break;
        }
        for second in 1..12 {
            for crash in CRASHES {
                let (disk, _) = after_crash(&setting, first, crash);
                disk.crash_at(second);
                if run(&setting, &disk, "2").is_err() {
                    disk.come_up(crash);
                    run(&setting, &disk, "3").unwrap();
                }
                check(&setting, &disk, &format!("{first} {second} {crash:?}"));
            }
        }
    }
}
