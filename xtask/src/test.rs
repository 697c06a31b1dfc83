//! `cargo xtask test`: all that needs nothing but Rust and a C compiler.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::thread;

use crate::steps::Steps;
use crate::{Result, features, process, tidy, tree};

/// What the test runner counted, over all its binaries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Cheap checks first, the test runner last: its counts end the output.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    steps.run("fmt", fmt)?;
    steps.run("tidy", tidy::run)?;
    steps.run("clippy", clippy)?;
    steps.run("clippy: features of core", clippy_core)?;
    steps.run("clippy: the client alone", clippy_client)?;
    steps.run("doc", doc)?;
    steps.run("cargo test", cargo_test)
}

fn fmt() -> Result {
    process::run(process::cargo().args(["fmt", "--all", "--check"])).map_err(|message| {
        format!("{message}; `cargo fmt --all` formats, `rustup component add rustfmt` installs it")
    })?;
    for manifest in tree::outside_manifests()? {
        process::run(
            process::cargo()
                .args(["fmt", "--all", "--check", "--manifest-path"])
                .arg(&manifest),
        )?;
    }
    Ok(())
}

fn clippy() -> Result {
    process::run(process::cargo().arg("clippy").args(features::all()?).args([
        "--all-targets",
        "--",
        "-Dwarnings",
    ]))
    .map_err(|message| {
        format!("{message}; if clippy is missing, `rustup component add clippy` installs it")
    })
}

/// The core without any feature, its tests included, and with each one alone: users combine
/// them as they like, and all of them together hide a missing `cfg`.
fn clippy_core() -> Result {
    let manifest = tree::read(&tree::root().join("core/Cargo.toml"))?;
    for feature in std::iter::once("").chain(features::in_manifest(&manifest)) {
        println!(
            "-- core with {}",
            if feature.is_empty() {
                "nothing"
            } else {
                feature
            }
        );
        let targets = if feature.is_empty() {
            "--all-targets"
        } else {
            "--lib"
        };
        process::run(process::cargo().args([
            "clippy",
            "--package=estreamer-core",
            targets,
            "--no-default-features",
            &format!("--features={feature}"),
            "--",
            "-Dwarnings",
        ]))?;
    }
    Ok(())
}

/// The product as a library: no command line, no simulator, and nothing of what
/// those need.
fn clippy_client() -> Result {
    const ALONE: [&str; 2] = ["--package=estreamer", "--no-default-features"];
    process::run(
        process::cargo()
            .arg("clippy")
            .args(ALONE)
            .args(["--", "-Dwarnings"]),
    )?;
    let mut tree = process::cargo();
    tree.arg("tree").args(ALONE);
    let tree = process::read(tree.args(["--edges=normal", "--prefix=none"]))?;
    for package in ["clap", "rcgen", "rpassword", "toml"] {
        if tree
            .lines()
            .any(|line| line.starts_with(&format!("{package} ")))
        {
            return Err(format!("{package} comes along without the command line"));
        }
    }
    Ok(())
}

fn doc() -> Result {
    process::run(
        process::cargo()
            .args(["doc", "--no-deps"])
            .args(features::all()?)
            .env("RUSTDOCFLAGS", "-Dwarnings"),
    )
}

/// Every test, documentation's examples among them.
fn cargo_test() -> Result<Summary> {
    let (all, c) = (features::but_c()?, features::c());
    // Most tests wait for servers and clocks. Meanwhile the C library is built and tested;
    // what that prints follows.
    let (first, second) = thread::scope(|scope| {
        let c = scope.spawn(|| {
            let mut said = Vec::new();
            run_tests(&c, |line| said.push(line.to_owned())).map(|sound| (sound, said))
        });
        let mut summary = Summary::default();
        let first = run_tests(&all, |line| {
            let _ = writeln!(std::io::stdout(), "{line}");
            summary.count(line);
        });
        (first.map(|sound| (sound, summary)), c.join())
    });
    let (all_sound, mut summary) = first?;
    let (c_sound, said) = second.map_err(|_| "the C library: it panicked")??;
    for line in said {
        println!("{line}");
        summary.count(&line);
    }
    if !(all_sound && c_sound) {
        // The counts stand alone on the last line, as in success.
        return Err(format!("see above\n{summary}"));
    }
    if summary.passed == 0 {
        return Err("no test ran".to_owned());
    }
    Ok(summary)
}

/// Runs a test runner and passes on each line that it prints; whether it was content.
pub(crate) fn run_tests(arguments: &[String], mut line: impl FnMut(&str)) -> Result<bool> {
    let mut command = process::cargo();
    command.args(["test", "--no-fail-fast"]).args(arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| process::could_not_start(&command, &error))?;
    let stdout = child.stdout.take().expect("stdout is piped");
    for read in BufReader::new(stdout).split(b'\n') {
        let read = read.map_err(|error| format!("reading the test runner: {error}"))?;
        line(&String::from_utf8_lossy(&read));
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(status.success())
}

impl Summary {
    /// Adds a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn count(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let mut words = counts.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let (Ok(number), Some(what)) = (word.parse::<u64>(), words.peek()) else {
                continue;
            };
            match *what {
                "passed;" => self.passed += number,
                "failed;" => self.failed += number,
                "ignored;" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_test_binaries() {
        let mut summary = Summary::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            summary.count(line);
        }
        assert_eq!(summary.to_string(), "4 passed, 2 failed, 1 skipped");
    }
}
