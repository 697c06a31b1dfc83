//! The headers match the sources, and the ABI has not changed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{library, root, succeed};

/// A header, and the source files of its interface.
struct Header {
    /// Relative to this package.
    package: &'static str,
    name: &'static str,
    /// Relative to `package`, in the order of the header.
    sources: &'static [&'static str],
}

const CORE: Header = Header {
    package: "../../core/capi",
    name: "estreamer_core.h",
    sources: &["src/status.rs", "src/types.rs", "src/api.rs"],
};
const CLIENT: Header = Header {
    package: ".",
    name: "estreamer.h",
    sources: &[
        "src/settings.rs",
        "src/setters.rs",
        "src/client.rs",
        "src/step.rs",
    ],
};

#[test]
fn the_headers_are_what_the_sources_say() {
    for header in [CORE, CLIENT] {
        let path = header.folder().join("include").join(header.name);
        let generated = header.generate();
        if std::env::var_os("ESTREAMER_BLESS").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        let lines = checked_in.lines().zip(generated.lines());
        let first = { lines }.find(|(a, b)| a != b);
        assert!(
            checked_in == generated,
            "{} is stale; `cargo xtask header` generates it: {first:?}",
            header.name
        );
    }
}

#[test]
fn the_version_script_lists_the_functions_of_the_headers_and_no_others() {
    let script = std::fs::read_to_string(root().join("estreamer.map")).unwrap();
    let listed: BTreeSet<_> = words(&script).map(str::to_owned).collect();
    let declared = declared();
    assert_eq!(listed, declared, "est_ functions in estreamer.map");
    assert_eq!(declared.len(), 38);
}

#[test]
fn the_page_of_the_manual_names_the_functions_of_the_headers_and_no_others() {
    let page = std::fs::read_to_string(root().join("man/estreamer.3")).unwrap();
    let synopsis = page.split_once(".Sh DESCRIPTION").unwrap().0;
    let lines = synopsis
        .lines()
        .filter_map(|line| line.strip_prefix(".Fn "));
    let named: BTreeSet<_> = lines
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect();
    assert_eq!(named, declared());
}

#[test]
fn the_library_exports_the_functions_of_the_headers_and_nothing_else() {
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
    assert_eq!(exported, declared());
}

#[test]
fn the_defaults_of_the_header_are_those_of_the_library() {
    use estreamer_core_capi::est_config;
    let est_config {
        window,
        output,
        ahead,
        probe_after,
        dead_after,
        record_limit,
        pieces,
        record_length,
        prepaid,
        reserved: _,
    } = est_config::default();
    let macro_text = format!(
        "{{ {window}, {output}, {ahead}, {probe_after}, {dead_after}, {record_limit}, {pieces}, \
         {record_length}, {prepaid}, {{ 0, 0, 0 }} }}"
    );
    let header = CORE.generate().replace('\\', " ");
    let words: Vec<&str> = header.split_whitespace().collect();
    assert!(words.join(" ").contains(&macro_text), "{macro_text}");
}

impl Header {
    fn folder(&self) -> PathBuf {
        root().join(self.package)
    }

    /// The header as cbindgen writes it.
    fn generate(&self) -> String {
        let config = std::fs::read_to_string(self.folder().join("cbindgen.toml")).unwrap();
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
        for source in self.sources {
            builder = builder.with_src(self.folder().join(source));
        }
        let mut bytes = Vec::new();
        builder.generate().unwrap().write(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        // One empty line instead of several.
        let mut lines: Vec<&str> = text.trim_start().lines().collect();
        lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
        lines.join("\n") + "\n"
    }
}

/// The functions that both headers declare.
pub(crate) fn declared() -> BTreeSet<String> {
    let headers = [CORE.generate(), CLIENT.generate()];
    headers.iter().flat_map(|text| functions(text)).collect()
}

/// The functions that a header declares.
fn functions(header: &str) -> BTreeSet<String> {
    let code = header.lines().filter(|line| !line.starts_with("//"));
    let declared = code.filter_map(|line| {
        let (before, _) = line.split_once('(')?;
        words(before).last().filter(|_| !line.contains("#define"))
    });
    declared.map(str::to_owned).collect()
}

/// The words with the prefix of the functions.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("est_"))
}
