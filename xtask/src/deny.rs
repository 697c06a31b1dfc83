//! What dependencies may be: licences that `deny.toml` allows, from the registry alone,
//! and no pre-releases. cargo-deny checks more with the same file; it takes too long to
//! build for each change.

use crate::{Result, process, tree};

/// Where packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks them.
pub(crate) fn run() -> Result {
    let lock = tree::read(&tree::root().join("Cargo.lock"))?;
    let deny = tree::read(&tree::root().join("deny.toml"))?;
    let mut tree = process::cargo();
    tree.args([
        "tree",
        "--locked",
        "--workspace",
        "--all-features",
        "--target=all",
    ]);
    tree.args([
        "--edges=normal,build",
        "--prefix=none",
        "--no-dedupe",
        "--format={p}|{l}",
    ]);
    let said = process::read(&mut tree)?;
    let mut errors = in_lock(&lock);
    errors.extend(licences(&said, &deny)?);
    errors.sort();
    errors.dedup();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(format!("\n  {}", errors.join("\n  "))),
    }
}

/// What a `Cargo.lock` has that it may not have.
fn in_lock(lock: &str) -> Vec<String> {
    let mut errors = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| value.trim_matches('"'))
        };
        let (name, version) = (value("name = "), value("version = "));
        let package = format!("{} {}", name.unwrap_or("?"), version.unwrap_or("?"));
        // What follows the plus sign says how it was built.
        let number = version.and_then(|version| version.split('+').next());
        if number.is_some_and(|number| number.contains('-')) {
            errors.push(format!("{package} is a pre-release"));
        }
        if let Some(source) = value("source = ").filter(|source| *source != REGISTRY) {
            errors.push(format!("{package} comes from {source}"));
        }
    }
    errors
}

/// The packages whose licence `deny.toml` does not allow.
fn licences(said: &str, deny: &str) -> Result<Vec<String>> {
    let allowed = deny.split_once("\nallow = [").map(|(_, rest)| rest);
    let Some((allowed, _)) = allowed.and_then(|rest| rest.split_once(']')) else {
        return Err("deny.toml has no list of licences".to_owned());
    };
    let allowed: Vec<&str> = allowed.split('"').skip(1).step_by(2).collect();
    let mut errors = Vec::new();
    for line in said.lines().filter(|line| !line.is_empty()) {
        let (package, licence) = line.split_once('|').unwrap_or((line, ""));
        if !is_allowed(licence, &allowed) {
            errors.push(format!(
                "{package}: {licence:?} is not among the licences of deny.toml"
            ));
        }
    }
    Ok(errors)
}

/// Whether a licence expression is satisfied: one of its alternatives, all of whose
/// parts are allowed. AND binds more than OR.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let text = expression.replace('/', " OR ");
    if let Some((before, rest)) = text.split_once('(')
        && let Some((inside, after)) = rest.split_once(')')
    {
        // A group counts as one licence, which is allowed or not.
        let group = match is_allowed(inside, allowed) {
            true => allowed.first().copied().unwrap_or_default(),
            false => "none",
        };
        return is_allowed(&format!("{before}{group}{after}"), allowed);
    }
    let all = |part: &str| {
        part.split(" AND ")
            .all(|name| allowed.contains(&name.trim()))
    };
    text.split(" OR ").any(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pre_releases_and_other_sources_are_found_and_build_metadata_is_none() {
        let lock = format!(
            "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0+spec-1.1\"\nsource = \
             \"{REGISTRY}\"\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0-rc.1\"\n\n[[package]]\n\
             name = \"c\"\nversion = \"1.0.0\"\nsource = \"git+https://x\"\n"
        );
        let errors = [
            "b 2.0.0-rc.1 is a pre-release",
            "c 1.0.0 comes from git+https://x",
        ];
        assert_eq!(in_lock(&lock), errors);
    }

    #[test]
    fn a_licence_is_allowed_when_an_alternative_is() {
        let allowed = [
            "Apache-2.0",
            "MIT",
            "Apache-2.0 WITH LLVM-exception",
            "Unicode-3.0",
        ];
        for (expression, expected) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("(GPL-2.0 OR GPL-3.0) AND Unicode-3.0", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }

    #[test]
    fn a_package_whose_licence_is_not_allowed_is_named() {
        let deny = "\nallow = [\n    \"MIT\",\n]\n";
        let said = "other v1.0.0|MPL-2.0\nfine v1.0.0|MIT\n";
        let errors = licences(said, deny).unwrap();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("other v1.0.0"), "{errors:?}");
    }
}
