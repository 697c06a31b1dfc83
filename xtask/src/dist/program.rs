//! The program as packages: the tree that they install, then one file per form.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{copy, failed, sbom};
use crate::{Result, features, process, tree};

/// Builds the program.
pub(super) fn build() -> Result {
    process::run(process::cargo().args([
        "build",
        "--release",
        "--locked",
        "--package=estreamer-cli",
    ]))
}

/// Where man pages and completions are until they are packed.
fn pages_directory() -> PathBuf {
    super::directory().join("pages")
}

/// Writes them with the example that knows the command line. It is built as
/// `cargo xtask test` builds it, so that nothing is built again.
pub(super) fn pages() -> Result {
    process::run(
        process::cargo()
            .args(["build", "--locked", "--example=pages"])
            .args(features::but_c()?),
    )?;
    let example = tree::root().join("target/debug/examples/pages");
    process::run(process::command(example).arg(pages_directory()))
}

/// Where the two forms of packages differ.
pub(super) struct Layout {
    /// The folder of the tree in `target/dist`.
    pub(super) name: &'static str,
    /// Where zsh looks for completions that packages bring.
    pub(super) zsh: &'static str,
}

/// Lays out what a package installs; returns the tree.
pub(super) fn lay_out(layout: &Layout, version: &str) -> Result<PathBuf> {
    let root = super::directory().join(layout.name);
    if root.exists() {
        fs::remove_dir_all(&root).map_err(|error| failed(&root, &error))?;
    }
    let packaging = tree::root().join("packaging");
    let pages = pages_directory();
    let doc = "usr/share/doc/estreamer";
    let program = tree::root().join("target/release/estreamer");
    let bill = super::directory().join(sbom::file_name(version));
    for (from, to, mode) in [
        (program, "usr/bin/estreamer".to_owned(), 0o755),
        (
            packaging.join("estreamer.service"),
            "usr/lib/systemd/system/estreamer.service".to_owned(),
            0o644,
        ),
        (
            packaging.join("estreamer.sysusers"),
            "usr/lib/sysusers.d/estreamer.conf".to_owned(),
            0o644,
        ),
        (
            packaging.join("estreamer.toml"),
            "etc/estreamer/estreamer.toml".to_owned(),
            0o640,
        ),
        (
            tree::root().join("docs/estreamer.toml"),
            format!("{doc}/estreamer.toml"),
            0o644,
        ),
        (
            tree::root().join("docs/status.schema.json"),
            format!("{doc}/status.schema.json"),
            0o644,
        ),
        (
            packaging.join("prometheus/estreamer.rules.yml"),
            format!("{doc}/prometheus/estreamer.rules.yml"),
            0o644,
        ),
        (
            packaging.join("prometheus/estreamer.test.yml"),
            format!("{doc}/prometheus/estreamer.test.yml"),
            0o644,
        ),
        (
            packaging.join("grafana/estreamer.json"),
            format!("{doc}/grafana/estreamer.json"),
            0o644,
        ),
        (bill, format!("{doc}/sbom.cdx.json"), 0o644),
        (
            pages.join("bash/estreamer.bash"),
            "usr/share/bash-completion/completions/estreamer".to_owned(),
            0o644,
        ),
        (
            pages.join("zsh/_estreamer"),
            format!("{}/_estreamer", layout.zsh),
            0o644,
        ),
        (
            pages.join("fish/estreamer.fish"),
            "usr/share/fish/vendor_completions.d/estreamer.fish".to_owned(),
            0o644,
        ),
    ] {
        install(&from, &root.join(to), mode)?;
    }
    manual(&pages.join("man"), &root.join("usr/share/man/man1"))?;
    process::run(process::command("strip").arg(root.join("usr/bin/estreamer")))?;
    // The identities beside the configuration are root's alone.
    permit(&root.join("etc/estreamer"), 0o750)?;
    Ok(root)
}

/// Copies a file with these permissions; folders are made.
pub(super) fn install(from: &Path, to: &Path, mode: u32) -> Result {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    copy(from, to)?;
    permit(to, mode)
}

pub(super) fn permit(path: &Path, mode: u32) -> Result {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| failed(path, &error))
}

/// Every page of the manual, compressed as packages have them.
fn manual(from: &Path, to: &Path) -> Result {
    let pages = fs::read_dir(from).map_err(|error| failed(from, &error))?;
    for page in pages {
        let page = page.map_err(|error| failed(from, &error))?;
        let copy = to.join(page.file_name());
        install(&page.path(), &copy, 0o644)?;
        compress(&copy)?;
    }
    Ok(())
}

/// Replaces a file by its compressed form, which does not depend on the time.
pub(super) fn compress(path: &Path) -> Result {
    process::run(process::command("gzip").args(["-9", "--no-name"]).arg(path))
}

/// Fills in a file of `packaging/`: each name, between at signs, has its value.
pub(super) fn fill(name: &str, values: &[(&str, &str)]) -> Result<String> {
    let mut text = tree::read(&tree::root().join("packaging").join(name))?;
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    Ok(text)
}

/// Seconds since 1970 that files and changelogs carry: `SOURCE_DATE_EPOCH`, or that
/// of the last commit, so that the same sources give the same packages.
pub(super) fn epoch() -> String {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let commit = || process::read(process::command("git").args(["log", "-1", "--format=%ct"])).ok();
    given.or_else(commit).unwrap_or_else(|| "0".to_owned())
}

/// Who made the packages: `DEBFULLNAME` and `DEBEMAIL`, as Debian's tools take them.
pub(super) fn maintainer() -> String {
    let name = std::env::var("DEBFULLNAME").unwrap_or_else(|_| "The estreamer contributors".into());
    let address = std::env::var("DEBEMAIL").unwrap_or_else(|_| "estreamer@example.org".into());
    format!("{name} <{address}>")
}
