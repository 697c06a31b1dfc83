//! `cargo xtask nostd`: the core in a program without std, allocator or C
//! library, and three controls that show that the proof can fail.

use std::path::PathBuf;
use std::process::Command;

use crate::steps::Steps;
use crate::{Result, process, tree};

/// The program.
const PROOF: &str = "tests/nostd";
/// What it does; the firmware does the same.
const CONVERSATION: &str = "tests/firmware/conversation";
/// The same core for C.
const CAPI: &str = "core/capi";
/// Features under which the program must not build, with the compiler's reason.
const CONTROLS: [(&str, &str); 2] = [
    ("std-control", "found duplicate lang item `panic_impl`"),
    ("alloc-control", "no global memory allocator found"),
];

pub(crate) fn run(steps: &mut Steps) -> Result {
    if !cfg!(target_os = "linux") {
        return Err("speaks to the Linux kernel itself; run it on Linux".to_owned());
    }
    steps.run("nostd: clippy", || {
        for package in [PROOF, CONVERSATION, CAPI] {
            process::run(cargo("clippy", package, "").args(["--", "-Dwarnings"]))?;
        }
        Ok(())
    })?;
    steps.run("nostd: controls", || {
        for (feature, reason) in CONTROLS {
            must_not_build(feature, reason)?;
        }
        Ok(())
    })?;
    steps.run("nostd: a failure is seen", || {
        build("fail-control")?;
        let status = process::output(&mut Command::new(program()))?.status;
        match status.code() {
            Some(1) => Ok(()),
            _ => Err(format!(
                "the program that must exit with 1 ended with {status}"
            )),
        }
    })?;
    steps.run("nostd: proof", || {
        build("")?;
        check_symbols()?;
        process::run(&mut Command::new(program()))?;
        println!("runs; nothing undefined, no allocator");
        Ok(())
    })
}

fn cargo(task: &str, package: &str, features: &str) -> Command {
    let mut command = process::cargo();
    command.args([task, "--release", "--locked"]);
    command.arg("--manifest-path");
    command.arg(tree::root().join(package).join("Cargo.toml"));
    command.args(["--target-dir", "target/nostd"]);
    command.arg(format!("--features={features}"));
    command
}

fn build(features: &str) -> Result {
    process::run(&mut cargo("build", PROOF, features))
}

fn must_not_build(feature: &str, reason: &str) -> Result {
    let output = process::output(&mut cargo("build", PROOF, feature))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Err(format!("builds with {feature}, so it proves nothing"));
    }
    if !stderr.contains(reason) {
        return Err(format!(
            "{feature} failed for another reason than \"{reason}\":\n{stderr}"
        ));
    }
    println!("{feature}: refused, \"{reason}\"");
    Ok(())
}

fn check_symbols() -> Result {
    let undefined = nm(&["--undefined-only"])?;
    if !undefined.is_empty() {
        return Err(format!("needs symbols from elsewhere:\n{undefined}"));
    }
    let allocator: Vec<_> = nm(&[])?
        .lines()
        .filter(|line| line.contains("__rust_alloc") || line.contains("__rust_dealloc"))
        .map(str::to_owned)
        .collect();
    if !allocator.is_empty() {
        return Err(format!("contains an allocator:\n{}", allocator.join("\n")));
    }
    Ok(())
}

fn nm(options: &[&str]) -> Result<String> {
    process::read(Command::new("nm").args(options).arg(program()))
        .map_err(|message| format!("{message}; nm is part of binutils"))
}

fn program() -> PathBuf {
    tree::root().join("target/nostd/release/estreamer-nostd")
}
