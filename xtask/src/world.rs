//! `cargo xtask world`: worlds from seeds, and whether they find bugs.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::steps::Steps;
use crate::{Result, process, tree};

/// How long new seeds are run if nothing else is said.
const SECONDS: u64 = 60;
/// A planted bug has to be found in this time.
const FOUND_WITHIN: u64 = 120;
/// More seeds than are run in that time.
const MANY: u64 = 100_000_000;

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `FIRST..LAST`, or one seed; `None` for new ones.
    seeds: Option<String>,
    seconds: Option<u64>,
    /// Whether bugs are planted, instead.
    planted: bool,
}

impl Options {
    /// Reads `[--seeds FIRST..LAST | --seeds SEED] [--seconds N]`, or `--planted`.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self {
            seeds: None,
            seconds: None,
            planted: arguments == ["--planted"],
        };
        if options.planted {
            return Some(options);
        }
        for pair in arguments.chunks(2) {
            match *pair {
                ["--seeds", seeds] => options.seeds = Some(seeds.to_owned()),
                ["--seconds", number] => options.seconds = Some(number.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }
}

pub(crate) fn run(steps: &mut Steps, options: &Options) -> Result {
    if options.planted {
        return planted(steps);
    }
    steps.run("world: build", || build(&mut process::cargo(), "release"))?;
    let world = tree::root().join("target/release/world");
    steps.run("world", || worlds(world, options))
}

/// New seeds for a minute, with the program that the tests have built. What they find may be
/// older than the last change.
pub(crate) fn check() -> Result {
    let options = Options {
        seeds: None,
        seconds: Some(SECONDS),
        planted: false,
    };
    worlds(tree::root().join("target/debug/world"), &options)
}

/// Keeps glibc from giving memory back after each world, which takes nearly half of the time.
const KEEP_MEMORY: [(&str, &str); 3] = [
    ("MALLOC_MMAP_THRESHOLD_", "1000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "1000000000"),
    ("MALLOC_TOP_PAD_", "67108864"),
];

fn worlds(world: PathBuf, options: &Options) -> Result {
    let mut command = process::command(world);
    command.envs(KEEP_MEMORY);
    match &options.seeds {
        Some(seeds) => command.arg(seeds),
        None => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let first = now.map_or(0, |now| now.as_secs()) * 100_000;
            command.arg(format!("{first}..{}", first + MANY))
        }
    };
    let seconds = match (&options.seeds, options.seconds) {
        (None, None) => Some(SECONDS),
        (_, seconds) => seconds,
    };
    if let Some(seconds) = seconds {
        command.args(["--seconds", &seconds.to_string()]);
    }
    process::run(&mut command)
}

fn build(cargo: &mut Command, profile: &str) -> Result {
    process::run(cargo.args([
        "build",
        "--profile",
        profile,
        "--quiet",
        "--package=estreamer-tests",
        "--bin=world",
    ]))
}

/// Plants one bug after the other in a copy of the last commit: each has to be found by a
/// world, and its seed has to find it again.
fn planted(steps: &mut Steps) -> Result {
    let root = tree::root();
    let folder = root.join("tests/world/planted");
    let copy = root.join("target/planted/tree");
    let mut patches: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map_err(|error| format!("{}: {error}", tree::shown(&folder)))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    patches.sort();
    let git = |arguments: &[&str]| {
        let mut git = process::command("git");
        git.arg("-C").arg(&copy).args(arguments);
        git
    };
    if !copy.exists() {
        let mut add = process::command("git");
        add.args(["worktree", "add", "--quiet", "--detach"])
            .arg(&copy);
        process::run(&mut add)?;
    }
    let head = process::read(process::command("git").args(["rev-parse", "HEAD"]))?;
    steps.run("world: build", || build(&mut process::cargo(), "release"))?;
    let mut table = String::from("| planted | found after | by |\n|---|---:|---|\n");
    let mut missed = Vec::new();
    for patch in &patches {
        let name = patch
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        steps.run(&format!("planted: {name}"), || {
            process::run(&mut git(&[
                "checkout", "--quiet", "--force", "--detach", &head,
            ]))?;
            process::run(git(&["apply"]).arg(patch))?;
            let mut cargo = process::cargo();
            cargo
                .current_dir(&copy)
                .env("CARGO_TARGET_DIR", root.join("target/planted/target"));
            build(&mut cargo, "planted")?;
            match row(&name) {
                Ok(row) => table += &row,
                Err(why) => missed.push(why),
            }
            Ok(())
        })?;
    }
    println!("{table}");
    let mut remove = process::command("git");
    process::run(remove.args(["worktree", "remove", "--force"]).arg(&copy))?;
    match missed.is_empty() {
        true => Ok(()),
        false => Err(missed.join("\n")),
    }
}

/// Runs worlds until one fails, that one again, and that one without the bug.
fn row(name: &str) -> Result<String> {
    let world = tree::root().join("target/planted/target/planted/world");
    let began = Instant::now();
    let mut all = process::command(&world);
    all.envs(KEEP_MEMORY).args([
        format!("0..{MANY}"),
        "--seconds".into(),
        FOUND_WITHIN.to_string(),
    ]);
    let said = String::from_utf8_lossy(&process::output(&mut all)?.stdout).into_owned();
    let took = began.elapsed().as_secs_f64();
    let failure = said.lines().find(|line| line.starts_with("seed "));
    let failure = failure.ok_or(format!("{name}: not found in {FOUND_WITHIN} s"))?;
    let seed = failure.split(' ').nth(1).unwrap_or_default();
    let again = process::output(process::command(&world).arg(seed))?;
    let again = String::from_utf8_lossy(&again.stdout).into_owned();
    if !again.lines().any(|line| line == failure) {
        return Err(format!("{name}: seed {seed} does not fail again as it did"));
    }
    let sound = tree::root().join("target/release/world");
    if !process::output(process::command(&sound).arg(seed))?
        .status
        .success()
    {
        return Err(format!("{name}: seed {seed} fails without the bug as well"));
    }
    let failure = failure.replace('|', "\\|");
    Ok(format!("| {name} | {took:.1} s | {failure} |\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_pairs_or_are_one_word() {
        let parse = |line: &str| Options::parse(&line.split_whitespace().collect::<Vec<_>>());
        assert!(parse("--planted").is_some_and(|options| options.planted));
        let options = parse("--seeds 3..9 --seconds 7").unwrap();
        assert_eq!(options.seeds.as_deref(), Some("3..9"));
        assert_eq!(options.seconds, Some(7));
        assert_eq!(parse("--seconds"), None);
        assert_eq!(parse("--planted --seconds 7"), None);
    }

    #[test]
    fn every_planted_bug_still_fits_the_code() {
        let folder = tree::root().join("tests/world/planted");
        let mut patches = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let patch = std::fs::read_to_string(&path).unwrap();
            let file = patch.lines().find_map(|line| line.strip_prefix("--- a/"));
            let code = std::fs::read_to_string(tree::root().join(file.unwrap())).unwrap();
            for hunk in patch.split("\n@@ ").skip(1) {
                let lines = hunk.lines().skip(1);
                let before = lines.filter_map(|line| line.strip_prefix([' ', '-']));
                let before: Vec<&str> = before.collect();
                let shown = path.display();
                assert!(code.contains(&before.join("\n")), "{shown} does not fit");
            }
            patches += 1;
        }
        assert_eq!(patches, 12);
    }
}
