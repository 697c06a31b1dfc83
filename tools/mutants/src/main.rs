//! Changes the code of a part in small ways and counts the changes that its tests notice.
//!
//! cargo-mutants lists the changes. It would build the tests again for each; here one build
//! has all of them, and a variable of the environment says which one is on. Run by `cargo xtask
//! mutants PART [K/N]`, in the top folder.

mod attempt;
mod compile;
mod list;
mod parts;
mod place;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::thread;

use attempt::Tests;
use compile::Copy;

/// What went wrong, in words.
type Result<T = (), E = String> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments[..] {
        [part, share] => run(part, share),
        _ => Err("usage: estreamer-mutants PART K/N, or PART missed".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Which of the changes are tried.
enum Share {
    /// Of so many equal shares the one with this number.
    Of(u32, u32),
    /// Those that no test noticed the last time.
    Missed,
}

impl Share {
    fn read(text: &str) -> Option<Self> {
        if text == "missed" {
            return Some(Self::Missed);
        }
        let (share, of) = text.split_once('/')?;
        let (share, of) = (share.parse().ok()?, of.parse().ok()?);
        (share < of).then_some(Self::Of(share, of))
    }
}

fn run(name: &str, share: &str) -> Result {
    let part = parts::named(name).ok_or("the parts are core, delivery, output and tls")?;
    let share = Share::read(share).ok_or("a share is K/N, with K from 0 to N-1, or `missed`")?;
    let top = std::env::current_dir().map_err(|error| error.to_string())?;
    let work = top.join("target/mutants-of");
    let log = work.join(format!("{name}.txt"));
    let last = fs::read_to_string(&log).unwrap_or_default();
    let listed = list::changes(&top, part.package, part.files)?;
    println!("{} changes of {}", listed.len(), part.files);
    let copy = compile::compile(&top, &work.join("tree"), part, listed)?;
    let tests = attempt::build(&copy.root, part)?;
    let mut outcomes = Vec::new();
    let mut chosen = Vec::new();
    for (number, change) in &copy.changes {
        match share {
            Share::Of(share, of) if number % of == share => chosen.push(*number),
            Share::Of(..) => {}
            Share::Missed => match logged(&last, &change.name) {
                Some(MISSED) => chosen.push(*number),
                Some(test) => outcomes.push((*number, Some(test.to_owned()))),
                None => {}
            },
        }
    }
    let mut lost = last.lines().filter_map(|line| line.split_once(BETWEEN));
    if lost.any(|(_, name)| !copy.changes.values().any(|change| change.name == name)) {
        println!("some changes of the last time are no more: the code has changed");
    }
    // The log of the last time stays until all are tried.
    let news = log.with_extension("new");
    let mut file = fs::File::create(&news).map_err(|error| failed(&news, &error))?;
    let mut note = |number: u32, by: Option<&str>| {
        let (by, change) = (by.unwrap_or(MISSED), &copy.changes[&number].name);
        writeln!(file, "{by}{BETWEEN}{change}").map_err(|error| failed(&news, &error))
    };
    for (number, by) in &outcomes {
        note(*number, by.as_deref())?;
    }
    attempt_all(&copy, &tests, chosen, |number, by| {
        note(number, by.as_deref())?;
        outcomes.push((number, by));
        Ok(())
    })?;
    fs::rename(&news, &log).map_err(|error| failed(&log, &error))?;
    report(name, &copy, &outcomes);
    Ok(())
}

/// What the log says of a change that no test noticed.
const MISSED: &str = "not noticed";
/// What stands in the log between the test and the change.
const BETWEEN: &str = " | ";

/// What a log says of a change: the test that noticed it, or `MISSED`.
fn logged<'a>(log: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = log.lines().filter_map(|line| line.split_once(BETWEEN));
    lines.find_map(|(by, change)| (change == name).then_some(by))
}

/// How many changes a processor tries at a time: tests of the whole program mostly wait.
const WORKERS: usize = 2;

/// Tries these changes, some at a time, and tells which test noticed each, if one did.
fn attempt_all(
    copy: &Copy,
    tests: &[Tests],
    chosen: Vec<u32>,
    mut tell: impl FnMut(u32, Option<String>) -> Result,
) -> Result {
    let rest = Mutex::new(chosen.into_iter());
    let (send, outcomes) = std::sync::mpsc::channel();
    let workers = WORKERS * thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for worker in 0..workers {
            let (rest, send) = (&rest, send.clone());
            let temporary = copy.root.join(format!("target/temporary-{worker}"));
            scope.spawn(move || {
                let next = || rest.lock().ok()?.next();
                // What noticed a change most likely notices the next one of the same file.
                let mut last = ("", 0);
                while let Some(number) = next() {
                    let file = copy.changes[&number].file.as_str();
                    let first = if last.0 == file { last.1 } else { 0 };
                    let outcome = notice(tests, first, number, &temporary);
                    last = match &outcome {
                        Ok(Some((turn, _))) => (file, *turn),
                        _ => (file, 0),
                    };
                    let by = outcome.map(|by| by.map(|(_, test)| test));
                    if send.send((number, by)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut outcomes = outcomes.into_iter();
        outcomes.try_for_each(|(number, outcome)| tell(number, outcome?))
    })
}

/// A test that fails with this change, twice: a test with real sockets may fail once for
/// another reason. The tests with the place `first` are run first. Returns the place of those
/// that noticed it, and the name of the test.
fn notice(
    tests: &[Tests],
    first: usize,
    number: u32,
    temporary: &Path,
) -> Result<Option<(usize, String)>> {
    let others = (0..tests.len()).filter(|turn| *turn != first);
    for turn in std::iter::once(first).chain(others) {
        let tests = &tests[turn];
        let Some(test) = tests.fail(number, temporary)? else {
            continue;
        };
        let again = match test == attempt::NEVER_ENDS {
            true => Some(test),
            false => tests.fail(number, temporary)?,
        };
        if let Some(test) = again {
            return Ok(Some((turn, format!("{}, {test}", tests.name))));
        }
    }
    Ok(None)
}

fn report(name: &str, copy: &Copy, outcomes: &[(u32, Option<String>)]) {
    let missed = outcomes.iter().filter(|(_, by)| by.is_none());
    for (number, _) in missed.clone() {
        println!("{}", copy.changes[number].name);
    }
    let (tried, missed) = (outcomes.len(), missed.count());
    println!("| part | changes | do not compile | no place | tried | noticed | share |");
    println!(
        "| {name} | {} | {} | {} | {tried} | {} | {:.1} % |",
        copy.changes.len() + copy.refused + copy.unplaced,
        copy.refused,
        copy.unplaced,
        tried - missed,
        100.0 * (tried - missed) as f64 / tried.max(1) as f64,
    );
}

/// Runs a program to its end and gives what it printed.
fn read(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
