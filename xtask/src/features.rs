//! The cargo features that tests are built with: all of the workspace but those that need
//! more than Rust and a C compiler.

use crate::{Result, tree};

/// The features that are left out, and the task that builds them: the client of Kafka needs
/// make, bash and OpenSSL, and takes minutes. See `cargo xtask interop`.
const APART: [&str; 2] = ["kafka", "kafka-tls"];

/// The packages with features, and where they are.
const PACKAGES: [(&str, &str); 4] = [
    ("estreamer-core", "core"),
    ("estreamer-mio", "runtime-mio"),
    ("estreamer", "runtime-std"),
    ("estreamer-core-capi", "core/capi"),
];

/// All packages but the C library, with their features. `defmt` takes part: derived
/// `Format` links on a host as long as nothing logs.
pub(crate) fn but_c() -> Result<Vec<String>> {
    let mut arguments = ["--workspace", "--exclude", "estreamer-capi"]
        .map(str::to_owned)
        .to_vec();
    arguments.push(named(|_| true)?);
    Ok(arguments)
}

/// The C library: `defmt` does not link in a shared library.
pub(crate) fn c() -> Vec<String> {
    vec!["--package=estreamer-capi".into()]
}

/// All packages, for what does not link.
pub(crate) fn all() -> Result<Vec<String>> {
    Ok(vec!["--workspace".into(), named(|_| true)?])
}

/// The features of one package, as an argument of cargo.
pub(crate) fn of(package: &str) -> Result<String> {
    named(|other| other == package)
}

/// What `but_c` has, and the output to Kafka with its tests.
pub(crate) fn with_kafka() -> Result<Vec<String>> {
    let mut arguments = but_c()?;
    arguments.push("--features=estreamer-tests/kafka".into());
    Ok(arguments)
}

fn named(is_wanted: impl Fn(&str) -> bool) -> Result<String> {
    let mut features = Vec::new();
    for (package, folder) in PACKAGES {
        if is_wanted(package) {
            let manifest = tree::read(&tree::root().join(folder).join("Cargo.toml"))?;
            let named = in_manifest(&manifest).filter(|name| !APART.contains(name));
            features.extend(named.map(|name| format!("{package}/{name}")));
        }
    }
    Ok(format!("--features={}", features.join(",")))
}

/// The names in a manifest's `[features]`, without `default`.
pub(crate) fn in_manifest(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "default" && !name.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_those_of_their_table_only() {
        let manifest = "[package]\nname = \"x\"\n[features]\ndefault = [\"a\"]\n# why = x\na = []\nb = [\"a\"]\n[dependencies]\nc = \"1\"\n";
        assert_eq!(in_manifest(manifest).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn every_feature_takes_part_but_those_that_need_more_than_a_c_compiler() {
        let all = named(|_| true).unwrap();
        for manifest in tree::files().unwrap() {
            let text = match manifest.ends_with("Cargo.toml") {
                true => tree::read(&manifest).unwrap(),
                false => continue,
            };
            if text.contains("\n[workspace]") || text.starts_with("[workspace]") {
                continue;
            }
            let name = text.split_once("\nname = \"").unwrap().1;
            let (name, _) = name.split_once('"').unwrap();
            for feature in in_manifest(&text) {
                let named = all.contains(&format!("{name}/{feature}"));
                assert_eq!(named, !APART.contains(&feature), "{name}/{feature}");
            }
        }
    }
}
