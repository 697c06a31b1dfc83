//! `cargo xtask dist`: the C library as an install tree and as an archive, its Python
//! module as a wheel, and the program as packages, with what it is made of and the
//! checksums of all.

mod deb;
mod library;
mod program;
mod rpm;
mod sbom;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};

use crate::steps::Steps;
use crate::{Result, process, tree};

pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.run("dist: empty directory", empty)?;
    let version = version(&tree::read(&tree::root().join("Cargo.toml"))?)?;
    let system = steps.run("dist: static library", library::build)?;
    steps.run("dist: library for firmware", library::build_core)?;
    steps.run("dist: install tree", || library::lay_out(&version, &system))?;
    steps.run("dist: archive", || library::archive(&version))?;
    steps.run("dist: wheel", || wheel::pack(&version))?;
    steps.run("dist: program", program::build)?;
    steps.run("dist: pages", program::pages)?;
    steps.run("dist: bill of materials", || sbom::write(&version))?;
    steps.run("dist: deb", || deb::pack(&version))?;
    steps.run("dist: rpm", || rpm::pack(&version))?;
    steps.run("dist: checksums", checksums)
}

/// Where everything is that is released.
fn directory() -> PathBuf {
    tree::root().join("target/dist")
}

/// Files of an earlier version would be released, too.
fn empty() -> Result {
    let directory = directory();
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|error| failed(&directory, &error))?;
    }
    fs::create_dir_all(&directory).map_err(|error| failed(&directory, &error))
}

/// The SHA-256 of every file that is released, for `sha256sum --check`.
fn checksums() -> Result {
    let directory = directory();
    let entries = fs::read_dir(&directory).map_err(|error| failed(&directory, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(&directory, &error))?;
        if entry.path().is_file() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    let mut command = process::command("sha256sum");
    let sums = process::read(command.current_dir(&directory).args(&names))?;
    let path = directory.join("SHA256SUMS");
    fs::write(&path, format!("{sums}\n")).map_err(|error| failed(&path, &error))?;
    println!("{sums}");
    Ok(())
}

/// The version in the workspace's manifest.
fn version(manifest: &str) -> Result<String> {
    let mut lines = manifest.lines();
    let line = lines.find_map(|line| line.strip_prefix("version = \""));
    match line.and_then(|rest| rest.strip_suffix('"')) {
        Some(version) => Ok(version.to_owned()),
        None => Err("Cargo.toml names no version".to_owned()),
    }
}

fn copy(from: &Path, to: &Path) -> Result {
    fs::copy(from, to).map_err(|error| failed(from, &error))?;
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", tree::shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_workspace() {
        let manifest = tree::read(&tree::root().join("Cargo.toml")).unwrap();
        assert_eq!(version(&manifest).unwrap(), env!("CARGO_PKG_VERSION"));
    }
}
