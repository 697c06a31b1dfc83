//! `cargo xtask coverage`: the lines that tests and corpora run, of the core and
//! of what reads untrusted bytes, by cargo-llvm-cov.

use crate::steps::Steps;
use crate::{Result, process, programs};

/// What the tests of the libraries are built from; the corpora are among them.
const TESTS: [&str; 7] = [
    "--lib",
    "--tests",
    "--package=estreamer-core",
    "--package=estreamer-mio",
    "--package=estreamer",
    // Everything but what only derives for microcontrollers.
    "--features=estreamer/fuzzing",
    "--no-report",
];

/// Not counted: tests in files of their own, and fuzz targets.
const LEFT_OUT: &str = "/tests|/fuzzing/";

/// The percentage of the core's lines that has to run. The lines of the unit
/// tests within a file count as well, and nearly all of them run.
const CORE: &str = "96.5";

/// Runs the tests with counters compiled in and prints a row for each file.
pub(crate) fn run(steps: &mut Steps) -> Result {
    let llvm = steps.run("coverage: programs", || {
        programs::cargo("llvm-cov")?;
        llvm()
    })?;
    let llvm_cov = |task: &str, arguments: &[&str]| {
        let mut command = process::cargo();
        command.args(["llvm-cov", task]).args(arguments);
        command.env("LLVM_COV", format!("llvm-cov-{llvm}"));
        command.env("LLVM_PROFDATA", format!("llvm-profdata-{llvm}"));
        process::run(&mut command)
    };
    steps.run("coverage: tests", || llvm_cov("test", &TESTS))?;
    steps.run("coverage: all", || {
        llvm_cov("report", &["--ignore-filename-regex", LEFT_OUT])
    })?;
    steps.run("coverage: core", || {
        let others = format!("{LEFT_OUT}|/runtime-");
        let arguments = ["--ignore-filename-regex", &others, "--show-missing-lines"];
        llvm_cov(
            "report",
            &[&arguments[..], &["--fail-under-lines", CORE]].concat(),
        )
        .map_err(|message| format!("{message}; at least {CORE} % of the lines have to run"))
    })
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
