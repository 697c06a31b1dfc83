//! Finds the remedies in the source that name something the program has to accept.

use std::fs;
use std::path::{Path, PathBuf};

use estreamer::config::read::keys::TABLES;

/// A remedy in the source.
pub(super) struct Remedy {
    pub(super) file: String,
    /// The text between its placeholders.
    pub(super) parts: Vec<String>,
}

/// Where remedies are worded.
const FOLDERS: [&str; 3] = [
    "runtime-mio/src/tls",
    "runtime-std/src",
    "runtime-std/cli/src",
];

/// Texts that are no remedies: documents that are written or shown, and help.
const NO_REMEDIES: [&str; 4] = ["/tests/", "/tests.rs", "/migrate", "/fuzzing/"];

/// The beginnings of remedies for situations that are not shown here: that nothing in a
/// record tells what its length counts, which the simulator does not show (the options are
/// run in `of_servers`), and that an archive has an open file (`verify` runs that).
const UNSHOWN: [&str; 2] = [
    "If events start with extra bytes",
    "note     {path} is open",
];

/// The first words of a remedy that tells to change a setting.
const VERBS: [&str; 12] = [
    "Add", "Remove", "Set", "Name", "Use", "Write", "Keep", "Move", "Correct", "Leave", "Record",
    "Bind",
];

/// Returns every literal that tells to use an option, a key or a command.
pub(super) fn remedies() -> Vec<Remedy> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in FOLDERS {
        for path in sources(&root.join(folder)) {
            let shown = path.strip_prefix(&root).unwrap().display().to_string();
            if NO_REMEDIES.iter().any(|no| shown.contains(no)) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let wanted = |literal: &String| {
                names_something(literal) && !UNSHOWN.iter().any(|no| literal.starts_with(no))
            };
            for literal in literals(text).filter(wanted) {
                let parts = parts(&literal);
                let file = shown.clone();
                found.push(Remedy { file, parts });
            }
        }
    }
    assert!(found.len() > 40, "the source is read: {}", found.len());
    found
}

/// Whether a text tells to use what the program has to accept.
fn names_something(text: &str) -> bool {
    let is_help = text.starts_with("Example:") || text.starts_with("Exit status");
    if is_help || text.starts_with("#") || !text.contains(' ') {
        return false;
    }
    let option = text.split("--").skip(1);
    let option = option
        .clone()
        .any(|rest| rest.starts_with(|next: char| next.is_ascii_lowercase()));
    // What openssl does is tested with openssl, in `identity_openssl`.
    let command = text.contains("`estreamer ");
    let mut tables = TABLES
        .iter()
        .flat_map(|table| table.keys.iter().chain(table.former));
    let key = tables.any(|key| {
        let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let tells = VERBS.iter().any(|verb| text.contains(verb));
        match key.contains('_') {
            true => tells && words.any(|word| word == *key),
            false => text.contains(&format!("{key} = ")),
        }
    });
    let verb = text
        .split(' ')
        .next()
        .is_some_and(|word| VERBS.contains(&word));
    let plain = ["state", "bind", "pkcs12", "cert", "server"];
    let plain = verb
        && plain
            .iter()
            .any(|key| text.split(' ').any(|word| word == *key));
    option || command || key || plain
}

/// Splits a format string at its placeholders.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('{' | '}', Some(next)) if *next == c => {
                rest.next();
                parts.last_mut().unwrap().push(c);
            }
            ('{', Some(next)) if *next == '}' || next.is_ascii_alphabetic() || *next == ':' => {
                while rest.next().is_some_and(|c| c != '}') {}
                parts.push(String::new());
            }
            _ => parts.last_mut().unwrap().push(c),
        }
    }
    let words = |part: String| part.split_whitespace().collect::<Vec<_>>().join(" ");
    parts
        .into_iter()
        .map(words)
        .filter(|part| part.len() > 2)
        .collect()
}

/// The string literals outside comments, with their escapes resolved.
fn literals(text: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let tail = &rest[at..];
        if let Some(comment) = tail.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if tail.starts_with("'\"'") || tail.starts_with("'/'") {
            rest = &tail[3..];
        } else if let Some(text) = tail.strip_prefix('"') {
            let (literal, after) = literal(text);
            found.push(literal);
            rest = after;
        } else {
            rest = &tail[1..];
        }
    }
    found.into_iter()
}

/// Reads a literal after its first quote. Returns it and what follows.
fn literal(text: &str) -> (String, &str) {
    let mut read = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (read, &text[at + 1..]),
            '\\' => match characters.next() {
                Some((_, '\n')) => {
                    while characters.next_if(|(_, c)| c.is_whitespace()).is_some() {}
                }
                Some((_, 'n')) => read.push('\n'),
                Some((_, other)) => read.push(other),
                None => {}
            },
            c => read.push(c),
        }
    }
    (read, "")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn literals_are_read_with_their_escapes_and_split_at_placeholders() {
    let source =
        "// \"no\"\nf(\"a \\\n    b\", '\"', \"c \\\"d\\\"\") // \"no\"\n\"e {x} {{ f }}\"";
    let read: Vec<String> = literals(source).collect();
    assert_eq!(read, ["a b", "c \"d\"", "e {x} {{ f }}"]);
    assert_eq!(parts("set e = {x:?} or {{ f }}"), ["set e =", "or { f }"]);
    for (text, names) in [
        ("Name it with --ca FILE", true),
        ("Add server = \"HOST\"", true),
        ("Remove insecure_no_verify", true),
        ("see `estreamer capture decode`", true),
        ("Check the path", false),
        ("the transform_of it", false),
    ] {
        assert_eq!(names_something(text), names, "{text}");
    }
}
