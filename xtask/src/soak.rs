//! `cargo xtask soak`: the real program, killed at random moments.

use crate::steps::Steps;
use crate::{Result, process, tree};

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    kills: u64,
    seed: u64,
    /// How long one collector lives with all kills; `None` for many short worlds.
    minutes: Option<u64>,
}

impl Options {
    /// Reads `[--kills N] [--seed N] [--minutes N]`.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self {
            kills: 2000,
            seed: 1,
            minutes: None,
        };
        for pair in arguments.chunks(2) {
            match *pair {
                ["--kills", number] => options.kills = number.parse().ok()?,
                ["--seed", number] => options.seed = number.parse().ok()?,
                ["--minutes", number] => options.minutes = Some(number.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }
}

pub(crate) fn run(steps: &mut Steps, options: &Options) -> Result {
    steps.run("soak: build", || {
        process::run(process::cargo().args([
            "build",
            "--release",
            "--package=estreamer-tests",
            "--bins",
        ]))
    })?;
    steps.run("soak", || {
        let mut soak = process::command(tree::root().join("target/release/soak"));
        soak.args(["--kills", &options.kills.to_string()]);
        soak.args(["--seed", &options.seed.to_string()]);
        if let Some(minutes) = options.minutes {
            soak.args(["--minutes", &minutes.to_string()]);
        }
        process::run(&mut soak)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_pairs() {
        let parsed = Options::parse(&["--seed", "7", "--kills", "10", "--minutes", "3"]);
        let expected = Options {
            kills: 10,
            seed: 7,
            minutes: Some(3),
        };
        assert_eq!(parsed, Some(expected));
        assert!(Options::parse(&[]).is_some_and(|options| options.kills == 2000));
        for wrong in [&["--kills"][..], &["--kills", "x"], &["--deaths", "1"]] {
            assert_eq!(Options::parse(wrong), None, "{wrong:?}");
        }
    }
}
