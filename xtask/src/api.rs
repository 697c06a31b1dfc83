//! `cargo xtask api`: compares the public items of the published libraries with the
//! lists in `docs/api`, so that no release breaks its users by accident.

use std::collections::BTreeSet;

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

/// Finds cargo-public-api or installs it. Returns the nightly toolchain that it needs.
fn tool() -> Result<String> {
    programs::cargo("public-api")?;
    programs::nightly()
}

/// The public items of a library with all features, one per line.
fn items(library: &str, nightly: &str) -> Result<String> {
    let mut command = process::command("cargo");
    command.env("RUSTUP_TOOLCHAIN", nightly).env_remove("CARGO");
    command.args(["public-api", "--package", library]);
    command.args(features_of(library)?);
    command.args([
        "--omit",
        "blanket-impls,auto-trait-impls,auto-derived-impls",
    ]);
    command.args(["--target-dir", "target/api"]);
    Ok(process::read(&mut command)? + "\n")
}

/// The features of a library. Those that are built apart add no item.
fn features_of(library: &str) -> Result<Vec<String>> {
    let named = features::of(library)?;
    let names = named.split_once('=').map_or("", |(_, names)| names);
    Ok(match names.is_empty() {
        true => Vec::new(),
        false => {
            let names = names.split(',').filter_map(|name| name.split_once('/'));
            let names: Vec<&str> = names.map(|(_, name)| name).collect();
            vec![format!("--features={}", names.join(","))]
        }
    })
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
