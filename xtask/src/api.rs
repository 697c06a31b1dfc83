//! `cargo xtask api`: compares the public items of the published libraries with the
//! lists in `docs/api`, so that no release breaks its users by accident.

use std::collections::BTreeSet;

use crate::steps::Steps;
use crate::{Result, features, process, programs, tree};

/// A package of its own lists the items: the chores should not compile what reads them.
const TOOL: [&str; 2] = [
    "--manifest-path=tools/public-items/Cargo.toml",
    "--target-dir=target/public-items",
];

/// The libraries with a list. The interfaces of the C crates are their headers, which
/// tests compare with the sources.
const LIBRARIES: [&str; 4] = [
    "estreamer-core",
    "estreamer-mio",
    "estreamer",
    "estreamer-simulate",
];

pub(crate) fn run(steps: &mut Steps, bless: bool) -> Result {
    steps.run("api: documentation", prepare)?;
    for library in LIBRARIES {
        steps.run(&format!("api: {library}"), || {
            let found = items(library)?;
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

/// Builds the tool and documents the libraries.
pub(crate) fn prepare() -> Result {
    let mut tool = process::patient(process::cargo().get_program());
    process::run(tool.args(["build", "--quiet", "--locked"]).args(TOOL))?;
    document(&programs::nightly()?)
}

/// Documents the libraries with all features for programs, in one go: each alone would check
/// the same dependencies again.
fn document(nightly: &str) -> Result {
    let mut command = process::patient("cargo");
    command.env("RUSTUP_TOOLCHAIN", nightly).env_remove("CARGO");
    command.env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json");
    command.args(["doc", "--no-deps", "--lib", "--target-dir=target/api"]);
    for library in LIBRARIES {
        command.args(["--package", library]);
        command.arg(features::of(library)?);
    }
    process::run(&mut command)
}

/// The public items of a library with all features, one per line.
fn items(library: &str) -> Result<String> {
    let file = format!("target/api/doc/{}.json", library.replace('-', "_"));
    let mut tool = process::command("target/public-items/debug/estreamer-public-items");
    Ok(process::read(tool.arg(&file))? + "\n")
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
