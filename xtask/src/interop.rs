//! `cargo xtask interop`: both ends and the program against `openssl`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::steps::Steps;
use crate::{Result, process};

/// Tests that need `openssl` are ignored unless asked for; here they are.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.run("interop: openssl", openssl)?;
    // The library's tests are one binary; the program's are modules of another.
    steps.run("interop: TLS library", || tests("openssl", &[]))?;
    steps.run("interop: program", || tests("e2e", &["_openssl::"]))
}

fn tests(binary: &str, filter: &[&str]) -> Result {
    // As `cargo xtask test` builds them, so that nothing is built again.
    process::run(
        process::cargo()
            .args(["test", "--workspace", "--all-features", "--test", binary])
            .args(["--", "--ignored"])
            .args(filter),
    )
}

/// Finds the program, or installs it where that is ours to do.
fn openssl() -> Result {
    if version().is_err() {
        install()?;
    }
    let version = version()?;
    println!("{version}");
    match major(&version) {
        Some(major) if major >= 3 => Ok(()),
        _ => Err(format!(
            "{version} is too old; install OpenSSL 3.0 or newer"
        )),
    }
}

fn version() -> Result<String> {
    process::read(Command::new("openssl").arg("version"))
}

/// `OpenSSL 3.0.19 27 Jan 2026` has 3.
fn major(version: &str) -> Option<u32> {
    let number = version.strip_prefix("OpenSSL ")?.split('.').next()?;
    number.parse().ok()
}

fn install() -> Result {
    let is_root = process::read(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    if !is_root || !Path::new("/etc/debian_version").exists() {
        return Err(
            "openssl is not installed; install it from your system. On Debian, as root: \
             `apt-get install openssl`, or run this as root and it does that"
                .to_owned(),
        );
    }
    println!("installing openssl");
    let apt = |arguments: &[&str]| {
        process::run(
            process::command("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(Stdio::null()),
        )
    };
    apt(&["update", "--quiet"])?;
    apt(&[
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "openssl",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("OpenSSL 3.0.19 27 Jan 2026 (Library: …)"), Some(3));
        assert_eq!(major("OpenSSL 1.1.1w  11 Sep 2023"), Some(1));
        assert_eq!(major("LibreSSL 4.0.0"), None);
    }
}
