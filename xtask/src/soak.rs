//! `cargo xtask soak`: the real program, killed at random moments.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::steps::Steps;
use crate::{Result, process, tree};

/// What was asked for; the program knows what is not said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    kills: Option<u64>,
    seed: Option<u64>,
    /// How long one collector lives with all kills; `None` for many short worlds.
    minutes: Option<u64>,
    /// Whether receivers and disks fail, too.
    chaos: bool,
    /// Whether there is an output to Kafka, which takes minutes to build.
    kafka: bool,
}

impl Options {
    /// Reads `[--kills N] [--seed N] [--minutes N [--chaos] [--kafka]]`.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(&name) = arguments.next() {
            match name {
                "--chaos" => options.chaos = true,
                "--kafka" => options.kafka = true,
                _ => options.number(name, arguments.next()?)?,
            }
        }
        let is_long = options.minutes.is_some();
        (is_long || !options.chaos && !options.kafka).then_some(options)
    }

    fn number(&mut self, name: &str, value: &str) -> Option<()> {
        let number = Some(value.parse().ok()?);
        match name {
            "--kills" => self.kills = number,
            "--seed" => self.seed = number,
            "--minutes" if number > Some(0) => self.minutes = number,
            _ => return None,
        }
        Some(())
    }

    fn arguments(&self) -> Vec<String> {
        let numbers = [
            ("--kills", self.kills),
            ("--seed", self.seed),
            ("--minutes", self.minutes),
        ];
        let mut arguments = Vec::new();
        for (name, number) in numbers {
            arguments.extend(number.map(|number| [name.to_owned(), number.to_string()]));
        }
        let mut arguments = arguments.concat();
        arguments.extend(self.chaos.then(|| "--chaos".to_owned()));
        arguments
    }
}

pub(crate) fn run(steps: &mut Steps, options: &Options) -> Result {
    steps.run("soak: build", || build(options.kafka))?;
    let program = tree::root().join("target/release/soak");
    steps.run("soak", || soak(&program, options))
}

/// One minute with everything, with the program that the tests have built.
pub(crate) fn check() -> Result {
    let options = Options {
        minutes: Some(1),
        chaos: true,
        ..Options::default()
    };
    let program = tree::root().join("target/debug/soak");
    soak(&program, &options)
}

fn build(kafka: bool) -> Result {
    let mut command = process::cargo();
    command.args([
        "build",
        "--release",
        "--package=estreamer-tests",
        "--bin=soak",
        "--bin=estreamer-under-test",
    ]);
    if kafka {
        command.arg("--features=kafka");
    }
    process::run(&mut command)
}

fn soak(program: &Path, options: &Options) -> Result {
    let mut command = match options.chaos && may_mount() {
        // Its disks are its own, and go with it.
        true => {
            let mut command = process::command("unshare");
            command.args(OWN_MOUNTS).arg(program);
            command
        }
        false => process::command(program),
    };
    process::run(command.args(options.arguments()))
}

const OWN_MOUNTS: [&str; 2] = ["--mount", "--map-root-user"];

/// Whether this user may have mounts of their own.
fn may_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(OWN_MOUNTS).arg("true").stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chaos_is_only_for_minutes() {
        let arguments = ["--seed", "7", "--kills", "10", "--minutes", "3", "--chaos"];
        let parsed = Options::parse(&arguments);
        let expected = Options {
            kills: Some(10),
            seed: Some(7),
            minutes: Some(3),
            chaos: true,
            kafka: false,
        };
        assert_eq!(parsed, Some(expected));
        assert_eq!(Options::parse(&[]), Some(Options::default()));
        for wrong in [
            &["--kills"][..],
            &["--kills", "x"],
            &["--deaths", "1"],
            &["--minutes", "0"],
            &["--chaos"],
            &["--kafka"],
        ] {
            assert_eq!(Options::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_program_gets_what_was_said() {
        let said = ["--kills", "10", "--minutes", "3", "--chaos"];
        let options = Options::parse(&said).expect("options");
        assert_eq!(options.arguments(), said);
    }
}
