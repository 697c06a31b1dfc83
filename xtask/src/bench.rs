//! `cargo xtask bench`: the collector beside simpler clients of the same server.
//!
//! Seconds say nothing on their own, so everything is a ratio of runs that took
//! turns on the same machine; docs/speed.md explains the table.

mod contender;
mod formats;
mod instructions;
mod kafka;
mod load;
mod outputs;
mod scene;
mod sink;
mod table;
mod usage;

use std::process::Command;
use std::time::Instant;

use crate::steps::Steps;
use crate::{Result, process, programs};
use contender::Contender;
use scene::Scene;
use table::{Run, Table};
use usage::Usage;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// A missed ratio is a failure.
    check: bool,
    /// Instructions are counted too.
    instructions: bool,
    /// Only the output to Kafka.
    kafka: bool,
}

impl Options {
    /// `--check`, as before a change lands.
    pub(crate) const CHECK: Self = Self {
        check: true,
        instructions: false,
        kafka: false,
    };

    /// Reads `[--check] [--instructions] [--kafka]`.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match *argument {
                "--check" => options.check = true,
                "--instructions" => options.instructions = true,
                "--kafka" => options.kafka = true,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Each client's best run of so many counts …
const ROUNDS: u32 = 5;
/// … and of so many where a check would fail: a disturbed run only ever looks
/// slower, so more of them show what the machine can do when left alone.
const ROUNDS_OF_A_CHECK: u32 = 15;

pub(crate) fn run(steps: &mut Steps, options: &Options) -> Result {
    steps.run("bench: build", build)?;
    let scene = steps.run("bench: server", || {
        if !programs::works("python3") {
            programs::install(&["python3"])?;
        }
        Scene::set()
    })?;
    if options.kafka {
        let program = steps.run("bench: build with Kafka", kafka::build)?;
        return steps.run("bench: Kafka", || kafka::cost(&scene, &program));
    }
    let table = steps.run("bench: runs", || {
        let table = race(&scene, options)?;
        println!("{table}");
        Ok(table)
    })?;
    if !options.check {
        steps.run("bench: formats", || formats::cost(&scene))?;
        steps.run("bench: outputs", || outputs::cost(&scene))?;
    }
    if options.instructions {
        steps.run("bench: instructions", || instructions::count(&scene))?;
    }
    match options.check {
        true => table.check(),
        false => Ok(()),
    }
}

/// The program as users build it, and the drain, in one go.
fn build() -> Result {
    process::run(process::cargo().args([
        "build",
        "--release",
        "--package=estreamer-cli",
        "--bin=estreamer",
        "--package=estreamer-mio",
        "--example=drain",
    ]))
}

/// All in turn, round after round, so that a busy minute hits them alike.
fn race(scene: &Scene, options: &Options) -> Result<Table> {
    let mut table = Table::default();
    loop {
        for contender in Contender::ALL {
            let run = once(scene, contender)?;
            println!("{:<22} {:>9.0} events/s", contender.name(), run.rate());
            table.add(contender, run);
        }
        table.rounds += 1;
        let again = options.check && table.check().is_err() && table.rounds < ROUNDS_OF_A_CHECK;
        if table.rounds >= ROUNDS && !again {
            return Ok(table);
        }
    }
}

/// The whole process, from its start to its end, on empty files.
fn once(scene: &Scene, contender: Contender) -> Result<Run> {
    let server = contender.server(scene);
    server.clean()?;
    let arguments = contender.arguments(server, contender.events());
    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    let (before, start) = (Usage::now(server.id()), Instant::now());
    let output = process::output(&mut command)?;
    let elapsed = start.elapsed();
    let usage = Usage::now(server.id()).since(&before);
    contender.judge(contender.events(), &output)?;
    server.clean()?;
    Ok(Run {
        events: contender.events(),
        elapsed,
        usage,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let both = Options {
            check: true,
            instructions: true,
            kafka: false,
        };
        let parsed = Options::parse(&["--instructions", "--check"]);
        assert_eq!(parsed, Some(both));
        assert_eq!(Options::parse(&[]), Some(Options::default()));
        assert_eq!(Options::parse(&["--chekc"]), None);
    }
}
