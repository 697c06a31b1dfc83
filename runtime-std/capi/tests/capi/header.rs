//! The header is what the sources say, and the ABI is what it was.

use std::collections::BTreeSet;
use std::process::Command;

use crate::common::{library, root, succeed};

/// The files of the interface, in the header's order.
const SOURCES: [&str; 4] = [
    "../../core/capi/src/layer/status.rs",
    "../../core/capi/src/layer/types.rs",
    "../../core/capi/src/layer/api.rs",
    "src/client.rs",
];

#[test]
fn the_header_is_what_the_sources_say() {
    let path = root().join("include/estreamer.h");
    let made = header();
    if std::env::var_os("ESTREAMER_BLESS").is_some() {
        std::fs::create_dir_all(root().join("include")).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    let first = checked_in.lines().zip(made.lines()).find(|(a, b)| a != b);
    assert!(
        checked_in == made,
        "include/estreamer.h is stale; `cargo xtask header` makes it anew: {first:?}"
    );
}

#[test]
fn the_version_script_names_the_functions_of_the_header_and_no_others() {
    let script = std::fs::read_to_string(root().join("estreamer.map")).unwrap();
    let listed: BTreeSet<_> = words(&script).map(str::to_owned).collect();
    let declared = functions(&header());
    assert_eq!(
        listed, declared,
        "est_ functions, in estreamer.map and declared"
    );
    assert!(declared.len() < 40);
}

#[test]
fn the_library_exports_the_functions_of_the_header_and_nothing_else() {
    let library = library("libestreamer_capi.so");
    let mut nm = Command::new("nm");
    let output = succeed(
        nm.args(["-D", "--defined-only", "--format=posix"])
            .arg(library),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<String> = text
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect();
    assert_eq!(exported, functions(&header()));
}

#[test]
fn the_settings_a_program_begins_with_are_those_of_the_library() {
    use estreamer_capi::layer::est_config;
    let est_config {
        window,
        output,
        ahead,
        probe_after,
        dead_after,
        record_limit,
        pieces,
        record_length,
        reserved: _,
    } = est_config::default();
    let macro_text = format!(
        "{{ {window}, {output}, {ahead}, {probe_after}, {dead_after}, {record_limit}, {pieces}, \
         {record_length}, {{ 0, 0, 0, 0 }} }}"
    );
    let header = header().replace('\\', " ");
    let words: Vec<&str> = header.split_whitespace().collect();
    assert!(words.join(" ").contains(&macro_text), "{macro_text}");
}

/// The header, made anew.
fn header() -> String {
    let config = std::fs::read_to_string(root().join("cbindgen.toml")).unwrap();
    let config = ["MAJOR", "MINOR", "PATCH"]
        .iter()
        .zip(env!("CARGO_PKG_VERSION").split('.'))
        .fold(config, |config, (name, number)| {
            config.replace(&format!("@{name}@"), number)
        });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cbindgen.toml");
    std::fs::write(&path, config).unwrap();
    let config = cbindgen::Config::from_file(path).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root().join(source));
    }
    let mut bytes = Vec::new();
    builder.generate().unwrap().write(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    // One empty line where there are several.
    let mut lines: Vec<&str> = text.trim_start().lines().collect();
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    lines.join("\n") + "\n"
}

/// The functions a header declares.
fn functions(header: &str) -> BTreeSet<String> {
    let code = header.lines().filter(|line| !line.starts_with("//"));
    let declared = code.filter_map(|line| {
        let (before, _) = line.split_once('(')?;
        words(before).last().filter(|_| !line.contains("#define"))
    });
    declared.map(str::to_owned).collect()
}

/// The words that begin as functions do.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("est_"))
}
