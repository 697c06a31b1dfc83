//! `cargo xtask fuzz`: fuzzers over the targets in `fuzz/`.
//!
//! What a fuzzer finds on its way goes to `target/fuzz/corpus`, never into the
//! source tree; what it finds at last, a failing input, to `fuzz/artifacts`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::steps::Steps;
use crate::{Result, apt, process, tree};

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    target: Option<String>,
    seconds: u32,
    smoke: bool,
}

impl Options {
    /// Reads `[TARGET] [--seconds N] [--smoke]`.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self {
            target: None,
            seconds: 60,
            smoke: false,
        };
        let mut arguments = arguments.iter();
        while let Some(&argument) = arguments.next() {
            match argument {
                "--smoke" => options.smoke = true,
                "--seconds" => options.seconds = arguments.next()?.parse().ok()?,
                _ if argument.starts_with('-') || options.target.is_some() => return None,
                name => options.target = Some(name.to_owned()),
            }
        }
        // The smoke run is always the same.
        let conflict = options.smoke && options.target.is_some();
        (!conflict).then_some(options)
    }
}

/// The targets of the core, all in the binary `smoke`, seconds each.
const SMOKE: [&str; 6] = ["decode", "parse", "roundtrip", "session", "pair", "request"];
const SMOKE_SECONDS: u32 = 5;
/// An input that takes longer, or more memory than this, is a finding.
const LIMITS: [&str; 2] = ["-timeout=20", "-rss_limit_mb=2048"];

/// One target, or all of them in turn. A finding does not keep the others from
/// their turn.
pub(crate) fn run(steps: &mut Steps, options: &Options) -> Result {
    if options.smoke {
        return smoke(steps);
    }
    let nightly = steps.run("fuzz: programs", programs)?;
    let known = targets()?;
    let chosen = match &options.target {
        None => known,
        Some(name) if known.contains(name) => vec![name.clone()],
        Some(name) => {
            return Err(format!(
                "there is no target {name}; choose one of {}",
                known.join(", ")
            ));
        }
    };
    let mut reports = Vec::new();
    for name in chosen {
        let report = steps.run(&format!("fuzz: {name}"), || {
            fuzz(&nightly, &name, &[], &name, options.seconds)
        })?;
        reports.push(report);
    }
    conclude(&reports)
}

/// The targets of the core for a few seconds each. Without a sanitizer: the core
/// has no unsafe code, and this way it builds and runs faster.
pub(crate) fn smoke(steps: &mut Steps) -> Result {
    let nightly = steps.run("fuzz: programs", programs)?;
    const FAST: [&str; 3] = ["--sanitizer=none", "--no-default-features", "smoke"];
    steps.run("fuzz: build", || {
        process::run(cargo_fuzz(&nightly, "build").args(FAST))
    })?;
    let reports = steps.run("fuzz: smoke", || {
        SMOKE
            .iter()
            .map(|name| fuzz(&nightly, "smoke", &FAST[..2], name, SMOKE_SECONDS))
            .collect::<Result<Vec<_>>>()
    })?;
    conclude(&reports)
}

/// What one fuzzer did.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    target: String,
    executions: u64,
    per_second: u64,
    edges: u64,
    features: u64,
    inputs: u64,
    found: Option<String>,
}

impl Report {
    /// Takes in a line of the fuzzer, such as
    /// `#99718 DONE cov: 328 ft: 1523 corp: 309/244Kb lim: 5465 exec/s: 7670 rss: 28Mb`.
    fn read(&mut self, line: &str) {
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.found = Some(path.to_owned());
        }
        let Some(status) = line.strip_prefix('#') else {
            return;
        };
        let mut words = status.split_whitespace();
        let Some(Ok(executions)) = words.next().map(str::parse) else {
            return;
        };
        self.executions = executions;
        while let Some(word) = words.next() {
            let place = match word {
                "cov:" => &mut self.edges,
                "ft:" => &mut self.features,
                "corp:" => &mut self.inputs,
                "exec/s:" => &mut self.per_second,
                _ => continue,
            };
            let number = words.next().unwrap_or_default();
            let digits = number.split('/').next().unwrap_or_default();
            *place = digits.parse().unwrap_or_default();
        }
    }
}

/// Runs the fuzzer in `binary` over the corpus of `target`.
fn fuzz(nightly: &str, binary: &str, flags: &[&str], target: &str, seconds: u32) -> Result<Report> {
    let work = tree::root().join("target/fuzz");
    let mut corpus = work.join("corpus").join(target);
    if binary != target {
        // The smoke run starts from the seeds, each time.
        corpus = work.join("smoke").join(target);
        let _ = fs::remove_dir_all(&corpus);
    }
    let artifacts = tree::root().join("fuzz/artifacts").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder)
            .map_err(|error| format!("making {}: {error}", tree::shown(folder)))?;
    }
    let mut command = cargo_fuzz(nightly, "run");
    command.args(flags).arg(binary).arg(&corpus);
    command.arg(format!("fuzz/corpus/{target}"));
    command.args(["--", "-dict=fuzz/estreamer.dict", "-print_final_stats=1"]);
    command.args(LIMITS);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix=fuzz/artifacts/{target}/"));
    command.env("ESTREAMER_TARGET", target);
    let path = work.join(format!("{target}.log"));
    let mut report = Report {
        target: target.to_owned(),
        ..Report::default()
    };
    let succeeded = watch(&mut command, &path, |line| report.read(line))?;
    match (&report.found, succeeded) {
        (None, false) => Err(format!(
            "the fuzzer failed; see {}\n{}",
            tree::shown(&path),
            last_lines(&path)
        )),
        (Some(_), _) => {
            println!("{}", last_lines(&path));
            Ok(report)
        }
        (None, true) => {
            println!("{}", row(&report));
            Ok(report)
        }
    }
}

/// Runs a command to its end with its words going to a file and to `read`;
/// whether it succeeded.
fn watch(command: &mut Command, log: &PathBuf, mut read: impl FnMut(&str)) -> Result<bool> {
    let failed = |error| format!("writing {}: {error}", tree::shown(log));
    let mut file = fs::File::create(log).map_err(failed)?;
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| process::could_not_start(command, &error))?;
    let stderr = child.stderr.take().expect("stderr is piped");
    for line in BufReader::new(stderr).split(b'\n') {
        let line = line.map_err(|error| format!("reading the fuzzer: {error}"))?;
        let line = String::from_utf8_lossy(&line);
        writeln!(file, "{line}").map_err(failed)?;
        read(&line);
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    Ok(status.success())
}

/// Prints what was done; a finding is an error.
fn conclude(reports: &[Report]) -> Result {
    println!(
        "\n{:<12} {:>12} {:>10} {:>7} {:>9} {:>7}  finding",
        "target", "executions", "a second", "edges", "features", "inputs"
    );
    for report in reports {
        println!("{}", row(report));
    }
    let found: Vec<String> = reports
        .iter()
        .filter_map(|report| {
            let path = report.found.as_ref()?;
            let Report { target, .. } = report;
            Some(format!(
                "{target} breaks a promise with {path}; the words are in target/fuzz/{target}.log. \
                 Copy it to fuzz/corpus/{target}/found-WHAT, and the tests replay it"
            ))
        })
        .collect();
    match found.is_empty() {
        true => Ok(()),
        false => Err(found.join("\n")),
    }
}

fn row(report: &Report) -> String {
    format!(
        "{:<12} {:>12} {:>10} {:>7} {:>9} {:>7}  {}",
        report.target,
        report.executions,
        report.per_second,
        report.edges,
        report.features,
        report.inputs,
        report.found.as_deref().unwrap_or("none")
    )
}

fn last_lines(path: &PathBuf) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// Every file of `fuzz/fuzz_targets` is a target but the one that has several.
fn targets() -> Result<Vec<String>> {
    let folder = tree::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("reading {}: {error}", tree::shown(&folder)))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "smoke")
        .collect();
    names.sort();
    Ok(names)
}

/// Finds what is needed, or installs it where that is ours to do; returns the
/// nightly toolchain's name.
fn programs() -> Result<String> {
    let nightly = nightly()?;
    println!("{nightly}");
    if !apt::works("c++") {
        apt::install(&["g++"])?;
    }
    if process::read(&mut cargo_fuzz(&nightly, "--version")).is_err() {
        println!("installing cargo-fuzz");
        process::run(process::command("cargo").args(["install", "--locked", "cargo-fuzz"]))?;
    }
    println!("{}", process::read(&mut cargo_fuzz(&nightly, "--version"))?);
    Ok(nightly)
}

/// The nightly toolchain that is there: fuzzers and sanitizers need compiler flags
/// that stable does not have.
pub(crate) fn nightly() -> Result<String> {
    let installed = process::read(process::command("rustup").args(["toolchain", "list"]))
        .map_err(|message| format!("looking for a nightly toolchain: {message}"))?;
    let names = installed
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| name.starts_with("nightly"))
        .max()
        .map(str::to_owned)
        .ok_or_else(|| {
            "no nightly toolchain is installed, which fuzzers and sanitizers need; \
             `rustup toolchain install nightly --profile minimal` installs one"
                .to_owned()
        })
}

fn cargo_fuzz(nightly: &str, task: &str) -> Command {
    // Whoever runs this runs it with another toolchain, and says so in the
    // environment.
    let mut command = process::command("cargo");
    command.env("RUSTUP_TOOLCHAIN", nightly).env_remove("CARGO");
    command.args(["fuzz", task]);
    if task != "--version" {
        command.args(["--fuzz-dir", "fuzz"]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuzzers_last_line_is_the_report() {
        let mut report = Report::default();
        for line in [
            "INFO: seed corpus: files: 48",
            "#2 INITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 25Mb",
            "#99718\tDONE   cov: 328 ft: 1523 corp: 309/244Kb lim: 5465 exec/s: 7670 rss: 28Mb",
            "stat::number_of_executed_units: 99718",
        ] {
            report.read(line);
        }
        let expected = Report {
            executions: 99_718,
            per_second: 7670,
            edges: 328,
            features: 1523,
            inputs: 309,
            ..Report::default()
        };
        assert_eq!(report, expected);
        report.read("artifact_prefix='a/'; Test unit written to a/crash-1");
        assert_eq!(report.found.as_deref(), Some("a/crash-1"));
    }

    #[test]
    fn options_come_in_any_order_and_mistakes_are_refused() {
        let options = Options::parse(&["--seconds", "5", "decode"]).unwrap();
        assert_eq!(
            (options.target.as_deref(), options.seconds),
            (Some("decode"), 5)
        );
        assert!(Options::parse(&["--smoke"]).unwrap().smoke);
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "x"],
            &["a", "b"],
            &["--what"],
            &["--smoke", "decode"],
        ] {
            assert_eq!(Options::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_target_is_a_few_lines_and_has_a_binary_and_a_corpus() {
        let fuzz = tree::root().join("fuzz");
        let manifest = tree::read(&fuzz.join("Cargo.toml")).unwrap();
        for name in targets().unwrap() {
            let shim = tree::read(&fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
            assert!(
                shim.lines().count() <= 5,
                "{name}: more belongs into its function"
            );
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            assert!(fuzz.join("corpus").join(&name).is_dir(), "{name}");
        }
    }

    #[test]
    fn the_smoke_run_has_targets_that_exist() {
        let known = targets().unwrap();
        assert!(
            SMOKE
                .iter()
                .all(|name| known.iter().any(|known| known == name))
        );
    }
}
