//! `cargo xtask mutants`: changes the code in small ways, all in one build, and counts the
//! changes that the tests notice. A package of its own does it (`tools/mutants`), because the
//! chores should not compile what reads Rust.

use crate::steps::Steps;
use crate::{Result, process, programs};

const TOOL: [&str; 2] = [
    "--manifest-path=tools/mutants/Cargo.toml",
    "--target-dir=target/mutants-of/tool",
];

/// Lints and tests the tool.
pub(crate) fn check() -> Result {
    let clippy = ["clippy", "--locked", "--all-targets"];
    let deny = ["--", "-Dwarnings"];
    process::run(process::cargo().args(clippy).args(TOOL).args(deny))?;
    process::run(
        process::cargo()
            .args(["test", "--quiet", "--locked"])
            .args(TOOL),
    )
}

/// Tries the changes of a part: of `N` equal shares the one with number `K`, from 0 on, for
/// `K/N`; those that no test noticed the last time, for `missed`.
pub(crate) fn run(steps: &mut Steps, part: &str, share: &str) -> Result {
    steps.run("mutants: program", || programs::cargo("mutants"))?;
    steps.run("mutants: tool", check)?;
    steps.run(&format!("mutants: {part} {share}"), || {
        let mut tool = process::cargo();
        tool.args(["run", "--quiet", "--locked"]).args(TOOL);
        process::run(tool.args(["--", part, share]))
    })
}
