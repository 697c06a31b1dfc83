//! What the program is made of: a bill of materials in CycloneDX's JSON, of what
//! cargo says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use super::failed;
use crate::{Result, process, tree};

/// The name of the file in `target/dist`.
pub(super) fn file_name(version: &str) -> String {
    format!("estreamer-{version}.cdx.json")
}

/// Writes it.
pub(super) fn write(version: &str) -> Result {
    let mut command = process::cargo();
    command.args([
        "tree",
        "--locked",
        "--package=estreamer-cli",
        "--edges=normal",
    ]);
    let said = process::read(command.args(["--prefix=depth", "--format={p}|{l}"]))?;
    let lock = tree::read(&tree::root().join("Cargo.lock"))?;
    let path = super::directory().join(file_name(version));
    fs::write(&path, bill(&said, &lock)?).map_err(|error| failed(&path, &error))
}

/// A name and a version.
type Package<'a> = (&'a str, &'a str);

/// The bill of a tree of `DEPTHname vVERSION …|LICENCE` lines.
fn bill(said: &str, lock: &str) -> Result<String> {
    let mut licences: BTreeMap<Package<'_>, &str> = BTreeMap::new();
    let mut needs: BTreeMap<Package<'_>, BTreeSet<Package<'_>>> = BTreeMap::new();
    let mut path: Vec<Package<'_>> = Vec::new();
    for line in said.lines() {
        let (depth, package, licence) = parse(line)
            .ok_or_else(|| format!("cargo tree printed a line of another form: {line}"))?;
        path.truncate(depth);
        if let Some(parent) = path.last() {
            needs.entry(*parent).or_default().insert(package);
        }
        path.push(package);
        licences.insert(package, licence);
    }
    let Some(&program) = path.first() else {
        return Err("cargo tree printed nothing".to_owned());
    };
    let checksums = checksums(lock);
    let component = |package: Package<'_>, kind: &str| {
        let hash = checksums.get(&package).map_or(String::new(), |hash| {
            format!(r#""hashes":[{{"alg":"SHA-256","content":"{hash}"}}],"#)
        });
        let licence = licences
            .get(&package)
            .copied()
            .unwrap_or_default()
            .replace('/', " OR ");
        let (name, version) = package;
        let reference = reference(package);
        format!(
            r#"{{"type":"{kind}","bom-ref":"{reference}","name":"{name}","version":"{version}",{hash}"licenses":[{{"expression":"{licence}"}}],"purl":"{reference}"}}"#
        )
    };
    let libraries = licences.keys().filter(|package| **package != program);
    let libraries: Vec<String> = libraries.map(|&it| component(it, "library")).collect();
    let dependencies = licences.keys().map(|package| {
        let needs = needs.get(package).into_iter().flatten();
        let needs: Vec<String> = needs.map(|&it| format!("{:?}", reference(it))).collect();
        let reference = reference(*package);
        format!(
            r#"{{"ref":"{reference}","dependsOn":[{}]}}"#,
            needs.join(",")
        )
    });
    let dependencies: Vec<String> = dependencies.collect();
    let mut text =
        String::from("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"version\":1,\n");
    let written = writeln!(
        text,
        "\"metadata\":{{\"component\":{}}},\n\"components\":[\n{}\n],\n\"dependencies\":[\n{}\n]}}",
        component(program, "application"),
        libraries.join(",\n"),
        dependencies.join(",\n"),
    );
    written.map_err(|error| error.to_string())?;
    Ok(text)
}

fn reference((name, version): Package<'_>) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// The depth, the package and its licence in a line of `cargo tree`.
fn parse(line: &str) -> Option<(usize, Package<'_>, &str)> {
    let name = line.find(|letter: char| !letter.is_ascii_digit())?;
    let (depth, rest) = line.split_at(name);
    let (package, licence) = rest.split_once('|')?;
    let mut words = package.split(' ');
    let package = (words.next()?, words.next()?.strip_prefix('v')?);
    // A package whose own are listed above carries a mark.
    let licence = licence.strip_suffix(" (*)").unwrap_or(licence);
    Some((depth.parse().ok()?, package, licence))
}

/// The checksums in a `Cargo.lock`.
fn checksums(lock: &str) -> BTreeMap<Package<'_>, &str> {
    let of = |package: &'_ str, key: &str| -> Option<(usize, usize)> {
        let start = package.find(&format!("\n{key} = \""))? + key.len() + 5;
        let length = package[start..].find('"')?;
        Some((start, start + length))
    };
    lock.split("[[package]]")
        .filter_map(|package| {
            let value = |key| of(package, key).map(|(start, end)| &package[start..end]);
            Some(((value("name")?, value("version")?), value("checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_listed_once_with_licence_checksum_and_what_it_needs() {
        let said = "0prog v1.0.0 (/home/me/prog)|MIT\n1a v0.1.0|MIT/Apache-2.0\n2b v2.0.0|ISC\n1b v2.0.0|ISC\n1a v0.1.0|MIT/Apache-2.0 (*)";
        let lock = "[[package]]\nname = \"a\"\nversion = \"0.1.0\"\nchecksum = \"00ff\"\n";
        let bill = bill(said, lock).unwrap();
        assert!(!bill.contains("/home"), "{bill}");
        for (words, times) in [
            (
                r#""name":"a","version":"0.1.0","hashes":[{"alg":"SHA-256","content":"00ff"}],"licenses":[{"expression":"MIT OR Apache-2.0"}]"#,
                1,
            ),
            (
                r#"{"ref":"pkg:cargo/prog@1.0.0","dependsOn":["pkg:cargo/a@0.1.0","pkg:cargo/b@2.0.0"]}"#,
                1,
            ),
            (
                r#"{"ref":"pkg:cargo/a@0.1.0","dependsOn":["pkg:cargo/b@2.0.0"]}"#,
                1,
            ),
            (r#""type":"application""#, 1),
            (r#""type":"library""#, 2),
        ] {
            assert_eq!(bill.matches(words).count(), times, "{words} in {bill}");
        }
    }

    #[test]
    fn a_line_of_another_form_is_an_error() {
        assert!(bill("prog", "").is_err());
        assert!(bill("", "").is_err());
    }
}
