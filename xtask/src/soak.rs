//! `cargo xtask soak`: the real program, killed at random moments.

use crate::steps::Steps;
use crate::{Result, process, tree};

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    kills: u64,
    seed: u64,
}

impl Options {
    /// Reads `[--kills N] [--seed N]`.
    pub(crate) fn parse(arguments: &[&str]) -> Option<Self> {
        let mut options = Self {
            kills: 2000,
            seed: 1,
        };
        for pair in arguments.chunks(2) {
            match *pair {
                ["--kills", number] => options.kills = number.parse().ok()?,
                ["--seed", number] => options.seed = number.parse().ok()?,
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
        let target = tree::root().join("target/release/soak");
        process::run(process::command(target).args([
            "--kills",
            &options.kills.to_string(),
            "--seed",
            &options.seed.to_string(),
        ]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_pairs() {
        let parsed = Options::parse(&["--seed", "7", "--kills", "10"]);
        assert_eq!(parsed, Some(Options { kills: 10, seed: 7 }));
        assert!(Options::parse(&[]).is_some_and(|options| options.kills == 2000));
        for wrong in [&["--kills"][..], &["--kills", "x"], &["--deaths", "1"]] {
            assert_eq!(Options::parse(wrong), None, "{wrong:?}");
        }
    }
}
