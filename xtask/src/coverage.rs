//! `cargo xtask coverage`: the lines that tests and corpora run, of the core and
//! of what reads other people's bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::Steps;
use crate::{Result, apt, process, tree};

/// The core has to have this many lines in a hundred.
const CORE: f64 = 95.0;

/// What is counted: a name, and the files it stands for.
const PARTS: [(&str, &[&str]); 5] = [
    ("core", &["core/src/"]),
    (
        "batches",
        &["runtime-mio/src/batch.rs", "runtime-mio/src/arena.rs"],
    ),
    (
        "identity",
        &[
            "runtime-mio/src/tls/facts.rs",
            "runtime-mio/src/tls/identity.rs",
            "runtime-mio/src/tls/inspect.rs",
            "runtime-mio/src/tls/key.rs",
            "runtime-mio/src/tls/pem.rs",
            "runtime-mio/src/tls/pkcs12/",
            "runtime-mio/src/tls/rules.rs",
            "runtime-mio/src/tls/text.rs",
        ],
    ),
    (
        "delivery",
        &[
            "runtime-std/src/delivery/bookmark/",
            "runtime-std/src/delivery/dedup/",
            "runtime-std/src/delivery/pipeline/steps.rs",
            "runtime-std/src/digest.rs",
            "runtime-std/src/output/file.rs",
        ],
    ),
    (
        "readers",
        &["runtime-std/src/capture/", "runtime-std/src/format/"],
    ),
];

/// Runs the tests of the libraries with counters compiled in, the corpora among
/// them, and prints what share of the lines ran.
pub(crate) fn run(steps: &mut Steps) -> Result {
    let llvm = steps.run("coverage: programs", Llvm::find)?;
    let binaries = steps.run("coverage: build", build)?;
    steps.run("coverage: tests", || test(&binaries))?;
    let lines = steps.run("coverage: report", || llvm.lines(&binaries))?;
    let mut short = None;
    println!("\n{:>7} {:>7} {:>7}", "lines", "run", "share");
    for (name, files) in PARTS {
        let mut all = Count::default();
        for (file, lines) in &lines {
            if files.iter().any(|prefix| file.starts_with(prefix)) {
                let count = Count::of(lines);
                println!("{count}  {file}{}", missed(lines));
                all.add(&count);
            }
        }
        println!("{all}  {name} in all\n");
        if name == "core" && all.share() < CORE {
            short = Some(all.share());
        }
    }
    match short {
        None => Ok(()),
        Some(share) => Err(format!(
            "{share:.1} % of the core's lines were run, at least {CORE} % have to be; \
             write tests for what the lines named above do"
        )),
    }
}

/// Lines of a file that can run, and whether they did.
type Lines = BTreeMap<usize, bool>;

#[derive(Default)]
struct Count {
    lines: usize,
    run: usize,
}

impl Count {
    fn of(lines: &Lines) -> Self {
        Self {
            lines: lines.len(),
            run: lines.values().filter(|run| **run).count(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.run += other.run;
    }

    fn share(&self) -> f64 {
        100.0 * self.run as f64 / self.lines.max(1) as f64
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>7} {:>7} {:>5.1} %",
            self.lines,
            self.run,
            self.share()
        )
    }
}

/// The first lines that did not run, for whoever looks for them.
fn missed(lines: &Lines) -> String {
    let missed: Vec<String> = lines
        .iter()
        .filter(|(_, run)| !**run)
        .map(|(line, _)| line.to_string())
        .collect();
    match missed.len() {
        0 => String::new(),
        1..=12 => format!("  (not {})", missed.join(", ")),
        _ => format!("  (not {}, …)", missed[..12].join(", ")),
    }
}

fn cargo_test() -> Command {
    let mut command = process::cargo();
    command.args(["test", "--lib", "--tests"]);
    command.args(["-p=estreamer-core", "-p=estreamer-mio", "-p=estreamer"]);
    // Everything but what only derives for microcontrollers.
    command.args(["--features", "estreamer/fuzzing"]);
    command.args(["--target-dir", "target/coverage"]);
    command.env("RUSTFLAGS", "-Cinstrument-coverage");
    command.env("LLVM_PROFILE_FILE", profiles().join("%m-%p.profraw"));
    command
}

fn profiles() -> PathBuf {
    tree::root().join("target/coverage/profiles")
}

/// Builds the tests and returns their binaries.
fn build() -> Result<Vec<PathBuf>> {
    let said = process::read(cargo_test().args(["--no-run", "--message-format=json"]))?;
    let binaries: Vec<PathBuf> = said.lines().filter_map(executable).collect();
    match binaries.is_empty() {
        true => Err("cargo built no test".to_owned()),
        false => Ok(binaries),
    }
}

/// The path in a line of cargo's messages such as `{…,"executable":"/x",…}`.
fn executable(line: &str) -> Option<PathBuf> {
    let (_, rest) = line.split_once("\"executable\":\"")?;
    Some(rest.split('"').next()?.into())
}

fn test(binaries: &[PathBuf]) -> Result {
    let folder = profiles();
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("emptying profiles: {error}"))?;
    }
    println!("{} test binaries", binaries.len());
    process::run(cargo_test().arg("--quiet"))
}

/// LLVM's programs that read what this compiler's programs count.
struct Llvm {
    profdata: String,
    cov: String,
}

impl Llvm {
    /// Of the version the compiler is made with: others refuse its profiles.
    fn find() -> Result<Self> {
        let said = process::read(process::command("rustc").arg("-vV"))?;
        let major = said
            .lines()
            .find_map(|line| line.strip_prefix("LLVM version: "))
            .and_then(|version| version.split('.').next())
            .ok_or("rustc does not say which LLVM it is made with")?;
        let llvm = Self {
            profdata: format!("llvm-profdata-{major}"),
            cov: format!("llvm-cov-{major}"),
        };
        if !apt::works(&llvm.cov) {
            apt::install(&[&format!("llvm-{major}")])?;
        }
        println!("{}", llvm.cov);
        Ok(llvm)
    }

    /// The lines of every file, without those of its unit tests.
    fn lines(&self, binaries: &[PathBuf]) -> Result<BTreeMap<String, Lines>> {
        let merged = profiles().join("merged.profdata");
        process::run(
            process::command(&self.profdata)
                .args(["merge", "--sparse", "-o"])
                .arg(&merged)
                .args(raw_profiles()?),
        )?;
        let mut command = process::command(&self.cov);
        command.args(["export", "--format=lcov", "--instr-profile"]);
        command.arg(&merged);
        for binary in binaries {
            command.arg("--object").arg(binary);
        }
        let mut files = lcov(&process::read(&mut command)?);
        for (file, lines) in &mut files {
            let text = tree::read(&tree::root().join(file))?;
            lines.retain(|&line, _| line < tests_begin(&text));
        }
        files.retain(|file, _| !file.contains("/fuzzing/") && !file.contains("/tests"));
        Ok(files)
    }
}

fn raw_profiles() -> Result<Vec<PathBuf>> {
    let folder = profiles();
    let entries = fs::read_dir(&folder)
        .map_err(|error| format!("reading {}: {error}", tree::shown(&folder)))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths
        .filter(|path| path.extension().is_some_and(|e| e == "profraw"))
        .collect())
}

/// Reads an lcov report: for each file of the project `SF:path`, then lines
/// `DA:line,count`.
fn lcov(report: &str) -> BTreeMap<String, Lines> {
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    let mut current = None;
    for record in report.lines() {
        if let Some(path) = record.strip_prefix("SF:") {
            let inside = Path::new(path).strip_prefix(tree::root()).ok();
            let name = inside.filter(|path| path.extension().is_some_and(|e| e == "rs"));
            current = name.map(|path| path.display().to_string());
        } else if let (Some(file), Some(line)) = (&current, record.strip_prefix("DA:"))
            && let Some((line, count)) = line.split_once(',')
            && let Ok(line) = line.parse()
        {
            let run = files
                .entry(file.clone())
                .or_default()
                .entry(line)
                .or_default();
            *run |= count != "0";
        }
    }
    files
}

/// The line on which a file's unit tests begin.
fn tests_begin(text: &str) -> usize {
    let mut lines = text.lines().zip(text.lines().skip(1));
    let begin =
        lines.position(|(one, next)| one == "#[cfg(test)]" && next.starts_with("mod tests"));
    begin.map_or(usize::MAX, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ran_if_any_binary_ran_it() {
        let file = tree::root().join("core/src/error.rs");
        let report = format!(
            "SF:{0}\nDA:1,0\nDA:2,5\nend_of_record\nSF:/elsewhere.rs\nDA:9,1\nSF:{0}\nDA:1,7\nDA:3,0\n",
            file.display()
        );
        let files = lcov(&report);
        let lines = Lines::from([(1, true), (2, true), (3, false)]);
        assert_eq!(
            files,
            BTreeMap::from([("core/src/error.rs".into(), lines.clone())])
        );
        assert_eq!(missed(&lines), "  (not 3)");
        assert_eq!(Count::of(&lines).share().round(), 67.0);
    }

    #[test]
    fn unit_tests_are_not_counted() {
        let text = "fn a() {}\n#[cfg(test)]\nuse b;\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(tests_begin(text), 5);
        assert_eq!(tests_begin("fn a() {}\n"), usize::MAX);
    }

    #[test]
    fn binaries_are_found_in_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","executable":"/t/deps/a-1","fresh":true}"#;
        assert_eq!(executable(line), Some("/t/deps/a-1".into()));
        assert_eq!(executable(r#"{"executable":null}"#), None);
    }
}
