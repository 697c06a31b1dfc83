//! Programs that a task needs and a machine may lack.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Result, process};

/// Whether the program is there.
pub(crate) fn works(program: &str) -> bool {
    process::output(Command::new(program).arg("--version"))
        .is_ok_and(|output| output.status.success())
}

/// Installs Debian's packages where that is ours to do: as root on Debian.
pub(crate) fn install(packages: &[&str]) -> Result {
    let names = packages.join(" ");
    let is_root = process::read(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    if !is_root || !works("apt-get") {
        return Err(format!(
            "{names} is missing; install it from your system. On Debian, as root: \
             `apt-get install {names}`, or run this as root and it does that"
        ));
    }
    println!("installing {names}");
    let install = ["install", "-y", "--no-install-recommends"];
    for arguments in [&["update"][..], &[&install[..], packages].concat()] {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null());
        let output = process::output(&mut command)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`apt-get {}` failed:\n{said}", arguments.join(" ")));
        }
    }
    Ok(())
}

/// Installs a package of Python into `target/python`, unless that has this module.
pub(crate) fn python(package: &str, module: &str) -> Result {
    if Path::new("target/python").join(module).exists() {
        return Ok(());
    }
    let pip = ["-m", "pip"];
    if process::read(Command::new("python3").args(pip).arg("--version")).is_err() {
        install(&["python3-pip"])?;
    }
    println!("installing {package}");
    let to = ["install", "--quiet", "--target", "target/python", package];
    process::run(Command::new("python3").args(pip).args(to))
}

/// Installs packages of Node.js below a directory, unless something is there.
pub(crate) fn node(directory: &str, packages: &[&str]) -> Result {
    if Path::new(directory).join("node_modules").exists() {
        return Ok(());
    }
    println!("installing {}", packages.join(" "));
    let to = ["install", "--silent", "--prefix", directory];
    process::run(Command::new("npm").args(to).args(packages))
}

/// Installs a subcommand of cargo unless it is there.
pub(crate) fn cargo(subcommand: &str) -> Result {
    if process::read(process::cargo().args([subcommand, "--version"])).is_ok() {
        return Ok(());
    }
    let package = format!("cargo-{subcommand}");
    println!("installing {package}");
    let mut command = process::patient(process::cargo().get_program());
    // It runs for seconds, and is built for minutes if it is optimised.
    process::run(command.args(["install", "--locked", "--debug", &package]))
}

/// The nightly toolchain that is there: fuzzers and sanitizers need compiler flags
/// that stable does not have.
pub(crate) fn nightly() -> Result<String> {
    let installed = process::read(process::command("rustup").args(["toolchain", "list"]))
        .map_err(|message| format!("looking for a nightly toolchain: {message}"))?;
    let names = installed
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| name.starts_with("nightly"))
        .max()
        .map(str::to_owned)
        .ok_or_else(|| {
            "no nightly toolchain is installed, which fuzzers and sanitizers need; \
             `rustup toolchain install nightly --profile minimal` installs one"
                .to_owned()
        })
}
