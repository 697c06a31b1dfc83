//! `cargo xtask package`: packs every crate that is meant to be published, and
//! compiles what was packed.

use crate::steps::Steps;
use crate::{Result, process};

/// The published crates and their folders, each after those it depends on.
const CRATES: [(&str, &str); 7] = [
    ("estreamer-core", "core"),
    ("estreamer-core-capi", "core/capi"),
    ("estreamer-mio", "runtime-mio"),
    ("estreamer", "runtime-std"),
    ("estreamer-simulate", "runtime-std/simulate"),
    ("estreamer-cli", "runtime-std/cli"),
    ("estreamer-capi", "runtime-std/capi"),
];
/// The files that every package must have.
const FILES: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];

pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.run("package", check)
}

/// The same, as one step.
pub(crate) fn check() -> Result {
    for (name, folder) in CRATES {
        check_files(name, folder)?;
    }
    // In one command, because cargo takes the dependencies from the packages.
    let mut command = process::cargo();
    // The tree under test may have changes that are not committed.
    command.args(["package", "--locked", "--allow-dirty"]);
    // Otherwise each package has a folder of its own, with the same dependencies.
    command.env("CARGO_TARGET_DIR", "target/packed");
    command.env("CARGO_PROFILE_DEV_DEBUG", "none");
    for (name, _) in CRATES {
        command.args(["--package", name]);
    }
    process::run(&mut command)
}

/// Checks that the package has its licences and its README.
fn check_files(name: &str, folder: &str) -> Result {
    let mut command = process::cargo();
    command.args(["package", "--list", "--allow-dirty", "--package", name]);
    let list = process::read(&mut command)?;
    let missing = missing(&list);
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the package {name} lacks {}; add the file, or a link to it, to {folder}",
        missing.join(" and ")
    ))
}

/// The files that a list of packed files lacks.
fn missing(list: &str) -> Vec<&'static str> {
    FILES
        .into_iter()
        .filter(|file| !list.lines().any(|line| line == *file))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree;

    #[test]
    fn missing_files_are_named() {
        let list = "Cargo.toml\nLICENSE-MIT\nsrc/lib.rs";
        assert_eq!(missing(list), ["LICENSE-APACHE", "README.md"]);
    }

    #[test]
    fn every_crate_is_packed_or_says_that_it_is_not_published() {
        let packed: Vec<_> = CRATES
            .iter()
            .map(|(_, folder)| tree::root().join(folder).join("Cargo.toml"))
            .collect();
        for path in tree::files().unwrap() {
            if path.ends_with("Cargo.toml") && path != tree::root().join("Cargo.toml") {
                let published = !tree::read(&path).unwrap().contains("\npublish = false\n");
                let listed = packed.contains(&path);
                assert_eq!(published, listed, "{}", tree::shown(&path));
            }
        }
    }
}
