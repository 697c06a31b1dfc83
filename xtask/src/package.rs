//! `cargo xtask package`: packs every crate that is meant to be published, and
//! compiles what was packed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::steps::Steps;
use crate::{Result, process, tree};

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
    steps.run("package: files", || {
        CRATES
            .into_iter()
            .try_for_each(|(name, folder)| check_files(name, folder))
    })?;
    steps.run("package: packed", pack)?;
    steps.run("package: compiler", compile)
}

/// Where the packages are unpacked.
fn unpacked() -> PathBuf {
    tree::root().join("target/packed")
}

/// Packs all crates and unpacks them again, each into a folder with its name.
fn pack() -> Result {
    let mut command = process::cargo();
    // The tree under test may have changes that are not committed.
    // What was packed is compiled below.
    command.args(["package", "--locked", "--allow-dirty", "--no-verify"]);
    command.arg("--target-dir").arg(tree::root().join("target"));
    for (name, _) in CRATES {
        command.args(["--package", name]);
    }
    process::run(&mut command)?;
    let to = unpacked();
    if to.exists() {
        fs::remove_dir_all(&to).map_err(|error| failed(&to, &error))?;
    }
    for (name, _) in CRATES {
        let package = format!("target/package/{name}-{}.crate", env!("CARGO_PKG_VERSION"));
        let folder = to.join(name);
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        let mut tar = process::command("tar");
        tar.args(["--strip-components=1", "-xzf", &package, "-C"]);
        process::run(tar.arg(&folder))?;
    }
    Ok(())
}

/// Compiles the unpacked crates up to where machine code would be made. Nothing else of the tree
/// is there, so a file that was not packed is missing. `estreamer-mio` and `estreamer-simulate` are
/// compiled alone as well, with the features that they ask for themselves; other tasks do that
/// with the other crates.
fn compile() -> Result {
    let to = unpacked();
    let root = tree::read(&tree::root().join("Cargo.toml"))?;
    let manifest = to.join("Cargo.toml");
    fs::write(&manifest, workspace(&root)).map_err(|error| failed(&manifest, &error))?;
    let lock = tree::root().join("Cargo.lock");
    fs::copy(&lock, to.join("Cargo.lock")).map_err(|error| failed(&lock, &error))?;
    for packages in [
        "--package=estreamer-mio",
        "--package=estreamer-simulate",
        "--workspace",
    ] {
        let mut command = process::cargo();
        command.args(["check", "--offline", packages]);
        command.arg("--manifest-path").arg(&manifest);
        // Many dependencies are those of the other checks.
        command.arg("--target-dir").arg(tree::root().join("target"));
        process::run(&mut command)?;
    }
    Ok(())
}

/// A workspace of the unpacked crates, which depend on each other, with these profiles.
fn workspace(root: &str) -> String {
    let mut text = "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n".to_owned();
    let mut is_profile = false;
    for line in root.lines() {
        if line.starts_with('[') {
            is_profile = line.starts_with("[profile.");
        }
        if is_profile && !line.starts_with('#') {
            text += &format!("{line}\n");
        }
    }
    text += "[patch.crates-io]\n";
    for (name, _) in CRATES {
        text += &format!("{name} = {{ path = \"{name}\" }}\n");
    }
    text
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", tree::shown(path))
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

    #[test]
    fn the_unpacked_crates_have_the_profiles_and_each_other() {
        let text = workspace(
            "[workspace]\nmembers = [\"core\"]\n\n# Why.\n[profile.dev]\ndebug = 1\n\n[workspace.package]\nversion = \"1\"\n",
        );
        assert!(text.contains("\n[profile.dev]\ndebug = 1\n"), "{text}");
        assert!(text.contains("\nestreamer-core = { path = \"estreamer-core\" }\n"));
        assert!(!text.contains("version"), "{text}");
    }

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
