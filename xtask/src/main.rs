//! The project's chores: `cargo xtask TASK`, one file per task.

mod api;
mod architecture;
mod bench;
mod board;
mod chart;
mod ci;
mod circles;
mod coverage;
mod deny;
mod dist;
mod features;
mod firmware;
mod footprint;
mod fuzz;
mod interop;
mod mutants;
mod nostd;
mod package;
mod process;
mod programs;
mod soak;
mod steps;
mod svg;
mod test;
mod tidy;
mod tree;
mod world;

use std::process::ExitCode;

use steps::Steps;

/// What went wrong and what to do about it, in words for a person.
type Result<T = ()> = std::result::Result<T, String>;

const HELP: &str = "\
cargo xtask TASK

  test       formatting, tidiness, clippy, documentation and all tests; needs
             nothing but Rust and a C compiler
  nostd      the core without std, allocator or C library (Linux)
  firmware   a client session on a Cortex-M3 under QEMU, its log through defmt,
             and one in C
  footprint  what that session costs there; --bless rewrites the table
  interop    the tests that need other programs (openssl, strace, python3,
             valgrind …), a nightly toolchain, or minutes; those of the C
             library's install tree, and of the output to Kafka (make)
  fuzz       [TARGET] [--seconds N]: one fuzz target, or all of them in turn,
             60 seconds each (nightly toolchain, cargo-fuzz); --smoke: those of
             the core, 5 seconds each
  coverage   the share of lines that tests and corpora run, of the core, of delivery
             and of all that reads untrusted bytes (cargo-llvm-cov)
  bench      [TOPIC…]: how fast the collector is beside simpler clients, and what
             formats, outputs, sources, distance and sizes cost: measures these
             topics, or all in about ten minutes, writes docs/speed, and draws the
             pictures and tables of docs/speed.md; --draw: only draws; --check: fails
             where the collector is too slow, and writes nothing; --instructions:
             counts those, under valgrind; --kafka: only what the output to Kafka
             costs, with a broker (make, bash, pip)
  soak       [--kills N] [--seed N]: kills the collector N times (2000 if not
             given) at random moments, with cuts, rotations and reloads, and
             proves that every event is there exactly once, in order;
             --minutes N: one collector so long, with three sources, an archive,
             syslog and bulk requests, 15 kills a minute if not given, and a look
             at memory, descriptors and log; --chaos: receivers fail, disks fill up;
             --kafka: with an output to Kafka, too (make, bash)
  header     makes the C library's headers anew
  world      [--seeds FIRST..LAST] [--seconds N]: runs worlds, by default with new
             seeds for 60 s; --seeds SEED tells the story of one; --planted plants
             bugs in a copy, each of which has to be found
  mutants    PART [K/N | missed]: changes the code of a part (core, delivery, output,
             tls) in small ways, and counts the changes that the tests notice; of N
             shares, share K; or those that no test noticed the last time (cargo-
             mutants; a quarter of an hour for a share of a twelfth)
  dist       the C library as an install tree and as an archive, its Python module
             as a wheel (python3), the program as packages (deb, rpm), what it is
             made of, and the checksums of all, in target/dist
  api        compares the public items of the libraries with docs/api (nightly
             toolchain); --bless rewrites the lists
  package    packs every crate that is published, and compiles the packages
  architecture
             draws docs/architecture.svg anew, from what imports what
  deny       licences and origins of dependencies, and no pre-releases (deny.toml)
  tidy       file lengths, stray spaces, unfinished work and links, alone
  ci         what a change must pass, as .ci/run runs it: all of these but
             coverage and header, of fuzz the smoke run, of bench the check, of
             soak one minute with chaos";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut steps = Steps::new();
    let outcome = match arguments[..] {
        ["test"] => test::run(&mut steps).map(|summary| Some(summary.to_string())),
        ["architecture"] => steps.run("architecture", architecture::run).map(|()| None),
        ["tidy"] => steps.run("tidy", tidy::run).map(|()| None),
        ["nostd"] => nostd::run(&mut steps).map(|()| None),
        ["firmware"] => firmware::run(&mut steps).map(|()| None),
        ["footprint"] => footprint::run(&mut steps, false).map(|()| None),
        ["footprint", "--bless"] => footprint::run(&mut steps, true).map(|()| None),
        ["interop"] => interop::run(&mut steps, || Ok(())).map(|()| None),
        ["coverage"] => coverage::run(&mut steps).map(|()| None),
        ["fuzz", "--smoke"] => fuzz::smoke(&mut steps).map(|()| None),
        ["fuzz", ref options @ ..] => match fuzz::parse(options) {
            Some((target, seconds)) => fuzz::run(&mut steps, target, seconds).map(|()| None),
            None => return usage(&arguments),
        },
        ["bench", ref options @ ..] => match bench::Options::parse(options) {
            Some(options) => bench::run(&mut steps, &options).map(|()| None),
            None => return usage(&arguments),
        },
        ["soak", ref options @ ..] => match soak::Options::parse(options) {
            Some(options) => soak::run(&mut steps, &options).map(|()| None),
            None => return usage(&arguments),
        },
        ["world", ref options @ ..] => match world::Options::parse(options) {
            Some(options) => world::run(&mut steps, &options).map(|()| None),
            None => return usage(&arguments),
        },
        ["mutants", part] => mutants::run(&mut steps, part, "0/1").map(|()| None),
        ["mutants", part, shard] => mutants::run(&mut steps, part, shard).map(|()| None),
        ["header"] => steps.run("header", header).map(|()| None),
        ["api"] => api::run(&mut steps, false).map(|()| None),
        ["api", "--bless"] => api::run(&mut steps, true).map(|()| None),
        ["package"] => package::run(&mut steps).map(|()| None),
        ["deny"] => steps.run("deny", deny::run).map(|()| None),
        ["dist"] => dist::run(&mut steps).map(|()| None),
        ["ci"] => ci::run(&mut steps).map(|summary| Some(summary.to_string())),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => return usage(&arguments),
    };
    steps.print();
    match outcome {
        Ok(last_line) => {
            // Tools that judge a run by its closing line read this one.
            if let Some(line) = last_line {
                println!("{line}");
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the arguments, and what is right.
fn usage(arguments: &[&str]) -> ExitCode {
    eprintln!("error: {}", wrong(arguments));
    ExitCode::from(2)
}

/// What is wrong with these arguments.
fn wrong(arguments: &[&str]) -> String {
    let Some((task, options)) = arguments.split_first() else {
        return format!("no task is given\n\n{HELP}");
    };
    match described(task) {
        None => format!("there is no task {task:?}; `cargo xtask help` lists them"),
        Some(lines) if options.is_empty() => format!("{task} needs arguments:\n{lines}"),
        Some(lines) => format!("{task} does not take {options:?}:\n{lines}"),
    }
}

/// What the help says of a task.
fn described(task: &str) -> Option<String> {
    let start = |line: &str| line.starts_with("  ") && !line.starts_with("   ");
    let mut lines = HELP.lines().skip_while(|line| {
        let name = line.split_whitespace().next();
        !(start(line) && name == Some(task))
    });
    let first = lines.next()?;
    let rest = lines.take_while(|line| !start(line));
    let whole: Vec<&str> = std::iter::once(first).chain(rest).collect();
    Some(whole.join("\n"))
}

/// The test that compares the headers writes them if it is told to.
fn header() -> Result {
    process::run(
        process::cargo()
            .args(["test", "--package=estreamer-capi", "--test=capi", "header"])
            .env("ESTREAMER_BLESS", "1"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_argument_is_named_with_what_is_right() {
        for (arguments, part, more) in [
            (&["bogus"][..], "no task \"bogus\"", "cargo xtask help"),
            (
                &["fuzz", "--help"],
                "fuzz does not take [\"--help\"]",
                "[TARGET] [--seconds N]",
            ),
            (&["bench", "x"], "bench does not take", "--instructions"),
            (&["test", "x"], "test does not take", "formatting"),
        ] {
            let text = wrong(arguments);
            assert!(text.contains(part) && text.contains(more), "{text}");
            assert!(!text.contains("nostd"), "only what concerns it: {text}");
        }
        assert!(wrong(&[]).contains(HELP));
    }
}
