//! `cargo xtask fuzz`: fuzzers over the targets in `fuzz/`.
//!
//! What a fuzzer finds on its way goes to `target/fuzz/corpus`, never into the
//! source tree; what it finds at last, a failing input, to `fuzz/artifacts`.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use crate::steps::Steps;
use crate::{Result, process, programs, tree};

/// The targets of the core, all in the binary `smoke`, seconds each.
const SMOKE: [&str; 8] = [
    "decode",
    "parse",
    "roundtrip",
    "session",
    "pair",
    "request",
    "record",
    "drivers",
];
const SMOKE_SECONDS: u32 = 5;
/// An input that takes longer, or more memory than this, is a finding.
const LIMITS: [&str; 2] = ["-timeout=20", "-rss_limit_mb=2048"];

/// Reads `[TARGET] [--seconds N]`: which target, if not all, and for how long each.
pub(crate) fn parse<'a>(arguments: &[&'a str]) -> Option<(Option<&'a str>, u32)> {
    let (target, seconds) = match *arguments {
        [] => (None, "60"),
        [target] => (Some(target), "60"),
        ["--seconds", seconds] => (None, seconds),
        [target, "--seconds", seconds] | ["--seconds", seconds, target] => (Some(target), seconds),
        _ => return None,
    };
    let is_option = target.is_some_and(|target| target.starts_with('-'));
    (!is_option).then_some((target, seconds.parse().ok()?))
}

/// One target, or all of them in turn. A finding does not keep the others from
/// their turn.
pub(crate) fn run(steps: &mut Steps, target: Option<&str>, seconds: u32) -> Result {
    // Before anything is installed.
    let mut chosen = targets()?;
    if let Some(target) = target {
        let known = chosen.join(", ");
        chosen.retain(|name| name == target);
        if chosen.is_empty() {
            return Err(format!(
                "there is no target {target}; choose one of {known}"
            ));
        }
    }
    let nightly = steps.run("fuzz: programs", programs)?;
    let mut outcomes = Vec::new();
    for name in chosen {
        outcomes.push(steps.run(&format!("fuzz: {name}"), || {
            fuzz(&nightly, &name, &[], &name, seconds)
        })?);
    }
    conclude(outcomes)
}

/// How the fuzzers of the smoke run are built. Without a sanitizer: the core has no unsafe code,
/// and this way it builds and runs faster.
const FAST: [&str; 3] = ["--sanitizer=none", "--no-default-features", "smoke"];

/// Finds or installs what the smoke run needs, and builds it.
pub(crate) fn prepare() -> Result {
    let nightly = programs()?;
    process::run(cargo_fuzz(process::patient("cargo"), &nightly, "build").args(FAST))
}

/// The targets of the core for a few seconds each, always with the same random
/// numbers, so that a failure is nearly always the work of the last change.
pub(crate) fn smoke(steps: &mut Steps) -> Result {
    steps.run("fuzz: build", prepare)?;
    let nightly = programs::nightly()?;
    let run = |name| fuzz(&nightly, "smoke", &FAST[..2], name, SMOKE_SECONDS);
    let outcomes = steps.run("fuzz: smoke", || {
        // Each takes one processor.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let mut outcomes = Vec::new();
        for names in SMOKE.chunks(processors) {
            thread::scope(|scope| {
                let runs = names.iter().map(|name| scope.spawn(|| run(name)));
                let runs: Vec<_> = runs.collect();
                for run in runs {
                    outcomes.push(run.join().map_err(|_| "it panicked")??);
                }
                Ok::<_, String>(())
            })?;
        }
        Ok(outcomes)
    })?;
    conclude(outcomes)
}

/// Runs the fuzzer in `binary` over the corpus of `target`; says what it found.
fn fuzz(
    nightly: &str,
    binary: &str,
    flags: &[&str],
    target: &str,
    seconds: u32,
) -> Result<Option<String>> {
    let work = tree::root().join("target/fuzz");
    let mut corpus = work.join("corpus").join(target);
    let is_smoke = binary != target;
    if is_smoke {
        // It starts from the seeds, each time.
        corpus = work.join("smoke").join(target);
        let _ = fs::remove_dir_all(&corpus);
    }
    let log = work.join(format!("{target}.log"));
    let failed = |error| format!("making {}: {error}", tree::shown(&log));
    fs::create_dir_all(&corpus).map_err(failed)?;
    fs::create_dir_all(tree::root().join("fuzz/artifacts").join(target)).map_err(failed)?;
    let mut command = cargo_fuzz(process::command("cargo"), nightly, "run");
    command.args(flags).arg(binary).arg(&corpus);
    command.arg(format!("fuzz/corpus/{target}"));
    command.args(["--", "-dict=fuzz/estreamer.dict", LIMITS[0], LIMITS[1]]);
    command.arg(format!("-max_total_time={seconds}"));
    if is_smoke {
        command.arg("-seed=1");
    }
    command.arg(format!("-artifact_prefix=fuzz/artifacts/{target}/"));
    command
        .env("ESTREAMER_TARGET", target)
        .stdout(Stdio::null());
    command.stderr(fs::File::create(&log).map_err(failed)?);
    let outcome = process::run(&mut command);
    let log = tree::read(&log)?;
    println!("{target:<12} {}", progress(&log));
    let Err(message) = outcome else {
        return Ok(None);
    };
    let lines: Vec<&str> = log.lines().collect();
    println!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
    let found = finding(&log).ok_or(message)?;
    Ok(Some(format!(
        "{target} fails with {found}; the log is target/fuzz/{target}.log. \
         Copy the input to fuzz/corpus/{target}/found-WHAT, and the tests replay it"
    )))
}

/// The fuzzer's last line of progress, such as
/// `#99718 DONE cov: 328 ft: 1523 corp: 309/244Kb exec/s: 7670 rss: 28Mb`.
fn progress(log: &str) -> &str {
    let is_progress =
        |line: &&str| line.starts_with('#') && line[1..].starts_with(|c: char| c.is_ascii_digit());
    let mut lines = log.lines().filter(is_progress);
    lines.next_back().unwrap_or_default()
}

/// The file of the input that failed.
fn finding(log: &str) -> Option<&str> {
    let mut lines = log.lines();
    lines.find_map(|line| Some(line.split_once("Test unit written to ")?.1))
}

/// A finding is an error.
fn conclude(outcomes: Vec<Option<String>>) -> Result {
    let findings: Vec<String> = outcomes.into_iter().flatten().collect();
    match findings.is_empty() {
        true => Ok(()),
        false => Err(findings.join("\n")),
    }
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
    let nightly = programs::nightly()?;
    println!("{nightly}");
    if !programs::works("c++") {
        programs::install(&["g++"])?;
    }
    programs::cargo("fuzz")?;
    Ok(nightly)
}

fn cargo_fuzz(mut command: Command, nightly: &str, task: &str) -> Command {
    // `cargo xtask` names its own toolchain in the environment.
    command.env("RUSTUP_TOOLCHAIN", nightly).env_remove("CARGO");
    command.args(["fuzz", task, "--fuzz-dir", "fuzz"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuzzers_last_line_and_what_it_found_are_read() {
        let log = "INFO: seed corpus: files: 48\n#2 INITED cov: 12\n#9 DONE cov: 328\n###### End of dictionary. ######\n";
        assert_eq!((progress(log), finding(log)), ("#9 DONE cov: 328", None));
        let log = format!("{log}artifact_prefix='a/'; Test unit written to a/crash-1\n");
        assert_eq!(finding(&log), Some("a/crash-1"));
        assert!(conclude(vec![None, Some("a".into())]).is_err());
        assert!(conclude(vec![None]).is_ok());
    }

    #[test]
    fn options_come_in_any_order_and_mistakes_are_refused() {
        let expected = Some((Some("decode"), 5));
        assert_eq!(parse(&["--seconds", "5", "decode"]), expected);
        assert_eq!(parse(&["decode", "--seconds", "5"]), expected);
        assert_eq!(parse(&[]), Some((None, 60)));
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "x"],
            &["a", "b"],
            &["--what"],
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
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

    /// With a cargo that builds nothing, as a fuzzing service calls it.
    #[test]
    fn the_script_for_fuzzing_services_packs_every_target_with_seeds_and_dictionary() {
        let work = std::env::temp_dir().join(format!("estreamer-fuzz-{}", std::process::id()));
        let [src, bin, built, out] = ["src", "bin", "built", "out"].map(|name| work.join(name));
        for folder in [&src, &bin, &out] {
            fs::create_dir_all(folder).unwrap();
        }
        std::os::unix::fs::symlink(tree::root(), src.join("estreamer")).unwrap();
        let cargo = "#!/bin/bash -eu\nhost=$(rustc -vV | sed -n 's/^host: //p')\n\
            mkdir -p \"$CARGO_TARGET_DIR/$host/release\"\n\
            for source in fuzz/fuzz_targets/*.rs; do\n\
            echo \"$*\" > \"$CARGO_TARGET_DIR/$host/release/$(basename \"$source\" .rs)\"\ndone\n";
        let zip = "#!/bin/bash -eu\nls \"${@: -1}\" > \"${@: -2:1}\"\n";
        for (name, script) in [("cargo", cargo), ("zip", zip)] {
            use std::os::unix::fs::PermissionsExt;
            let path = bin.join(name);
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let packed = |arguments: &[&str]| {
            let mut script = Command::new("bash");
            script.arg(tree::root().join(".clusterfuzzlite/build.sh"));
            script.args(arguments).env("PATH", &path);
            script.env("CARGO_TARGET_DIR", &built);
            script.env("SRC", &src).env("OUT", &out);
            assert!(script.status().unwrap().success());
            let entries = fs::read_dir(&out).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect::<std::collections::BTreeSet<String>>()
        };
        let files = |target: &str| {
            ["", ".dict", "_seed_corpus.zip"].map(|ending| format!("{target}{ending}"))
        };
        assert_eq!(packed(&["redact"]), files("redact").into());
        let command = fs::read_to_string(out.join("redact")).unwrap();
        assert!(
            command.starts_with("fuzz build --fuzz-dir fuzz"),
            "{command}"
        );
        assert!(command.ends_with(" redact\n"), "{command}");
        let all = targets().unwrap();
        let expected = all.iter().flat_map(|target| files(target)).collect();
        assert_eq!(packed(&[]), expected);
        for target in all {
            let packed = fs::read_to_string(out.join(format!("{target}_seed_corpus.zip"))).unwrap();
            assert!(packed.lines().count() >= 8, "{target}: {packed}");
        }
        fs::remove_dir_all(work).unwrap();
    }

    #[test]
    fn the_smoke_run_has_targets_that_exist() {
        let known = targets().unwrap();
        assert!(SMOKE.iter().all(|name| known.contains(&name.to_string())));
    }
}
