//! `cargo xtask coverage`: the lines that tests and corpora run, of the core, of what delivers
//! events and of what reads untrusted bytes, by cargo-llvm-cov.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use crate::steps::Steps;
use crate::{Result, process, programs, tree};

/// What the tests of the libraries are built from; the corpora are among them.
const LIBRARIES: [&str; 6] = [
    "--lib",
    "--tests",
    "--package=estreamer-core",
    "--package=estreamer-mio",
    "--package=estreamer",
    // Everything but what only derives for microcontrollers.
    "--features=estreamer/fuzzing",
];

/// What delivers events, crashed at every point, worlds from seeds, and the whole program. A
/// process that is killed counts nothing.
const DELIVERY: [&str; 4] = [
    "--package=estreamer-tests",
    "--test=model",
    "--bin=world",
    "--test=e2e",
];

/// Not counted: tests in files of their own, and fuzz targets.
const LEFT_OUT: [&str; 3] = ["/tests/", "/tests.rs", "/fuzzing/"];

/// Files of which a share of lines has to run. The lines of the unit tests within a file
/// count as well, and nearly all of them run.
struct Part {
    name: &'static str,
    /// What the paths of its files begin with, from the top folder.
    paths: &'static [&'static str],
    /// The percentage that has to run.
    least: f64,
}

const PARTS: [Part; 3] = [
    Part {
        name: "core",
        paths: &["core/src/"],
        least: 98.0,
    },
    Part {
        name: "delivery",
        paths: &["runtime-std/src/delivery/"],
        least: 95.0,
    },
    Part {
        name: "readers of untrusted bytes",
        paths: &[
            "core/src/decode/",
            "core/src/fqe/",
            "core/src/wire/",
            "runtime-mio/src/tls/facts.rs",
            "runtime-mio/src/tls/identity.rs",
            "runtime-mio/src/tls/key.rs",
            "runtime-mio/src/tls/pem.rs",
            "runtime-mio/src/tls/pkcs12/",
            "runtime-mio/src/tls/raw_key.rs",
            "runtime-std/src/capture/",
            "runtime-std/src/config/",
            "runtime-std/src/delivery/bookmark/",
            "runtime-std/src/event/",
            "runtime-std/src/filter/",
            "runtime-std/src/output/file/manifest.rs",
            "runtime-std/src/output/http/elastic.rs",
            "runtime-std/src/output/http/splunk.rs",
            "runtime-std/src/verify/",
        ],
        least: 95.0,
    },
];

/// The lines of a file: how many have code, and the numbers of those that did not run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    all: usize,
    missed: Vec<usize>,
}

/// Runs the tests with counters compiled in; prints a row for each file with the lines that
/// did not run, and one for each part.
pub(crate) fn run(steps: &mut Steps) -> Result {
    let llvm = steps.run("coverage: programs", || {
        programs::cargo("llvm-cov")?;
        llvm()
    })?;
    // The counts of earlier runs would be added.
    steps.run("coverage: clean", || {
        process::run(llvm_cov(&llvm).args(["clean", "--workspace"]))
    })?;
    let test = |arguments: &[&str]| {
        let mut command = llvm_cov(&llvm);
        process::run(command.args(["test", "--no-report"]).args(arguments))
    };
    steps.run("coverage: libraries", || test(&LIBRARIES))?;
    steps.run("coverage: program", || test(&DELIVERY))?;
    steps.run("coverage: counts", || {
        let mut command = llvm_cov(&llvm);
        // The profile of a process that was killed may be cut.
        let report = process::read(command.args(["report", "--lcov", "--failure-mode=all"]))?;
        let root = tree::root().display().to_string();
        judged(&counted(&report, &format!("{root}/")))
    })
}

fn llvm_cov(llvm: &str) -> Command {
    let mut command = process::cargo();
    command.arg("llvm-cov");
    command.env("LLVM_COV", format!("llvm-cov-{llvm}"));
    command.env("LLVM_PROFDATA", format!("llvm-profdata-{llvm}"));
    command
}

/// The major version of the LLVM that the compiler is made with, whose programs
/// are there afterwards: those of another version refuse its profiles.
fn llvm() -> Result<String> {
    let said = process::read(process::command("rustc").arg("-vV"))?;
    let major = said
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: ")?.split('.').next())
        .ok_or("rustc does not say which LLVM it is made with")?;
    if !programs::works(&format!("llvm-cov-{major}")) {
        programs::install(&[&format!("llvm-{major}")])?;
    }
    Ok(major.to_owned())
}

/// Reads a report in the format of lcov.
fn counted(report: &str, root: &str) -> BTreeMap<String, Lines> {
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    let mut name = "";
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            name = path.strip_prefix(root).unwrap_or(path);
        } else if let Some((number, count)) = line
            .strip_prefix("DA:")
            .and_then(|entry| entry.split_once(','))
        {
            let lines = files.entry(name.to_owned()).or_default();
            lines.all += 1;
            if count == "0" {
                lines.missed.extend(number.parse::<usize>());
            }
        }
    }
    files.retain(|path, _| !LEFT_OUT.iter().any(|part| path.contains(part)));
    files
}

/// Prints the counts; an error names the parts of which too little ran.
fn judged(files: &BTreeMap<String, Lines>) -> Result {
    for (path, lines) in files {
        let missed = ranges(&lines.missed);
        println!(
            "{:>6.1} %  {path}  {missed}",
            percent(lines.all, lines.missed.len())
        );
    }
    println!();
    let mut too_few = Vec::new();
    for part in &PARTS {
        let is_of = |path: &str| part.paths.iter().any(|begin| path.starts_with(begin));
        let of = files.iter().filter(|(path, _)| is_of(path));
        let (all, missed) = of.fold((0, 0), |(all, missed), (_, lines)| {
            (all + lines.all, missed + lines.missed.len())
        });
        let ran = percent(all, missed);
        println!("{ran:>6.2} %  of {all} lines: {}", part.name);
        if ran < part.least {
            too_few.push(format!("{}: {ran:.2} %, not {} %", part.name, part.least));
        }
    }
    match too_few.is_empty() {
        true => Ok(()),
        false => Err(format!("too few lines run: {}", too_few.join(", "))),
    }
}

/// Returns 0 if there are no lines.
fn percent(all: usize, missed: usize) -> f64 {
    match all {
        0 => 0.0,
        _ => 100.0 * (all - missed) as f64 / all as f64,
    }
}

/// Numbers in a few words: `3-5 9`.
fn ranges(numbers: &[usize]) -> String {
    let mut text = String::new();
    let groups = numbers.chunk_by(|one, next| one + 1 == *next);
    for group in groups {
        let _ = match group {
            [one] => write!(text, "{one} "),
            [first, .., last] => write!(text, "{first}-{last} "),
            [] => Ok(()),
        };
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_file_and_tests_are_left_out() {
        let report = "SF:/top/core/src/a.rs\nDA:1,7\nDA:2,0\nDA:3,0\nDA:9,0\nLF:4\nend_of_record\n\
                      SF:/top/core/src/a/tests.rs\nDA:1,0\nend_of_record\n";
        let files = counted(report, "/top/");
        let lines = Lines {
            all: 4,
            missed: vec![2, 3, 9],
        };
        assert_eq!(files, BTreeMap::from([("core/src/a.rs".to_owned(), lines)]));
        assert_eq!(ranges(&files["core/src/a.rs"].missed), "2-3 9");
        let error = judged(&files).unwrap_err();
        assert!(error.contains("core: 25.00 %, not 98 %"), "{error}");
    }

    #[test]
    fn all_paths_are_there() {
        for path in PARTS.iter().flat_map(|part| part.paths) {
            assert!(tree::root().join(path).exists(), "{path}");
        }
    }
}
