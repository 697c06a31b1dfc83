//! `cargo xtask api`: compares the public items of the published libraries with the
//! lists in `docs/api`, so that no release breaks its users by accident.

use std::collections::BTreeSet;
use std::process::Command;

use crate::steps::Steps;
use crate::{Result, features, process, programs, tree};

/// The libraries with a list. The interfaces of the C crates are their headers, which
/// tests compare with the sources.
const LIBRARIES: [&str; 4] = [
    "estreamer-core",
    "estreamer-mio",
    "estreamer",
    "estreamer-simulate",
];

pub(crate) fn run(steps: &mut Steps, bless: bool) -> Result {
    let nightly = steps.run("api: tool", tool)?;
    steps.run("api: documentation", || document(&nightly))?;
    for library in LIBRARIES {
        steps.run(&format!("api: {library}"), || {
            let found = items(library, &nightly)?;
            let path = tree::root().join(format!("docs/api/{library}.txt"));
            if bless {
                std::fs::write(&path, &found)
                    .map_err(|error| format!("{}: {error}", tree::shown(&path)))?;
            }
            compare(library, &tree::read(&path)?, &found)
        })?;
    }
    Ok(())
}

/// Finds cargo-public-api or installs it.
pub(crate) fn program() -> Result {
    programs::cargo("public-api")
}

/// Finds it, and returns the nightly toolchain that it needs.
fn tool() -> Result<String> {
    program()?;
    programs::nightly()
}

fn on(nightly: &str) -> Command {
    let mut command = process::command("cargo");
    command.env("RUSTUP_TOOLCHAIN", nightly).env_remove("CARGO");
    command
}

/// Documents the libraries with all features for programs, in one go: each alone would check
/// the same dependencies again.
fn document(nightly: &str) -> Result {
    let mut command = on(nightly);
    command.env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json");
    command.args(["doc", "--no-deps", "--lib", "--target-dir=target/api"]);
    for library in LIBRARIES {
        command.args(["--package", library]);
        command.arg(features::of(library)?);
    }
    process::run(&mut command)
}

/// The public items of a library with all features, one per line.
fn items(library: &str, nightly: &str) -> Result<String> {
    let file = format!("target/api/doc/{}.json", library.replace('-', "_"));
    let mut command = on(nightly);
    command.args(["public-api", "--rustdoc-json", &file, "--omit"]);
    command.arg("blanket-impls,auto-trait-impls,auto-derived-impls");
    Ok(process::read(&mut command)? + "\n")
}

/// Compares the items with the list.
fn compare(library: &str, listed: &str, found: &str) -> Result {
    let (listed, found): (BTreeSet<_>, BTreeSet<_>) =
        (listed.lines().collect(), found.lines().collect());
    let mut message = String::new();
    for (what, items) in [
        ("gone or changed", listed.difference(&found)),
        ("new", found.difference(&listed)),
    ] {
        for item in items {
            message += &format!("\n  {what}: {item}");
        }
    }
    if message.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the public items of {library} differ from docs/api/{library}.txt:{message}\n\
         Without the items that are gone, a release is incompatible. If the changes are \
         intended, `cargo xtask api --bless` writes the list"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gone_and_new_items_are_named() {
        assert_eq!(compare("x", "a\nb\n", "b\na\n"), Ok(()));
        let message = compare("x", "fn a()\nfn b()\n", "fn a(u8)\nfn b()\n").unwrap_err();
        assert!(
            message.contains("\n  gone or changed: fn a()\n"),
            "{message}"
        );
        assert!(message.contains("\n  new: fn a(u8)\n"), "{message}");
        assert!(message.contains("cargo xtask api --bless"), "{message}");
    }

    #[test]
    fn every_library_has_its_list() {
        for library in LIBRARIES {
            let path = tree::root().join(format!("docs/api/{library}.txt"));
            assert!(
                tree::read(&path).unwrap().lines().count() > 100,
                "{library}"
            );
        }
    }
}
