//! Files of the product that import each other in a circle, and folders that do.
//!
//! It looks at the text alone: paths that begin with `crate::` or `super::`,
//! outside comments and tests. A file may use what the module above it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{Result, tree};

/// The crates that are looked at.
const CRATES: [&str; 7] = [
    "core/src",
    "core/capi/src",
    "runtime-mio/src",
    "runtime-std/src",
    "runtime-std/capi/src",
    "runtime-std/cli/src",
    "runtime-std/simulate/src",
];

/// Folders of runtime-std that do not import each other in a circle.
const FOLDERS: [&str; 7] = [
    "capture", "collect", "config", "delivery", "doctor", "format", "output",
];

/// A module, from the top of its crate.
type Module = Vec<String>;

/// What each module imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// A line for each circle.
pub(crate) fn find() -> Result<Vec<String>> {
    let mut errors = Vec::new();
    for source in CRATES {
        let folder = tree::root().join(source);
        let mut files = BTreeMap::new();
        for path in tree::files()? {
            if let Ok(inside) = path.strip_prefix(&folder)
                && let Some(module) = module(inside)
            {
                files.insert(module, tree::read(&path)?);
            }
        }
        let modules = imports(&files);
        let folders = match source {
            "runtime-std/src" => folders(&modules),
            _ => Imports::new(),
        };
        for graph in [modules, folders] {
            let circles = circles(graph).into_iter();
            errors.extend(circles.map(|circle| format!("{source}: a circle of imports: {circle}")));
        }
    }
    Ok(errors)
}

/// The module of a file; `None` for tests and what is not Rust.
fn module(path: &Path) -> Option<Module> {
    let mut module: Module = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if path.extension()? != "rs" || module.iter().any(|part| part == "tests") {
        return None;
    }
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    Some(module)
}

/// What each file imports of the others, but for the modules above it.
fn imports(files: &BTreeMap<Module, String>) -> Imports {
    let mut imports = Imports::new();
    for (module, text) in files {
        let mut found = BTreeSet::new();
        for mut target in paths(module, &code(text)) {
            while !files.contains_key(&target) {
                target.pop();
            }
            if !module.starts_with(&target) {
                found.insert(target.join("::"));
            }
        }
        imports.insert(module.join("::"), found);
    }
    imports
}

/// What the folders import of each other.
fn folders(modules: &Imports) -> Imports {
    let top = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut folders = Imports::new();
    for (module, targets) in modules {
        for target in targets {
            let (from, to) = (top(module), top(target));
            let counts = |folder: &str| FOLDERS.contains(&folder);
            if from != to && counts(&from) && counts(&to) {
                folders.entry(from).or_default().insert(to);
            }
        }
    }
    folders
}

/// The text without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next();
    let lines = text.unwrap_or_default().lines();
    let lines = lines.map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path in the text that begins with `crate` or `super`, from the top of the
/// crate.
fn paths(module: &Module, text: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in text.match_indices(root) {
            let before = text[..at].chars().next_back();
            if !before.is_some_and(|before| before.is_alphanumeric() || ":_".contains(before)) {
                let above = &module[..module.len().saturating_sub(1)];
                let from = if root == "crate::" { &[] } else { above };
                path(from.to_vec(), &text[at + root.len()..], &mut found);
            }
        }
    }
    found
}

/// Reads what follows `from`, lists in braces too; returns what it left.
fn path<'t>(mut from: Module, mut text: &'t str, found: &mut Vec<Module>) -> &'t str {
    loop {
        text = text.trim_start();
        if let Some(mut list) = text.strip_prefix('{') {
            loop {
                list = path(from.clone(), list, found).trim_start();
                match list.strip_prefix(',') {
                    Some(rest) => list = rest,
                    None => return list.strip_prefix('}').unwrap_or(list),
                }
            }
        }
        let end = text.find(|character: char| !character.is_alphanumeric() && character != '_');
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        match name {
            "super" => drop(from.pop()),
            "" => {}
            name => from.push(name.into()),
        }
        match rest.strip_prefix("::") {
            Some(rest) => text = rest,
            None => {
                found.push(from);
                // Another name that it is given.
                let other = rest.trim_start().strip_prefix("as ");
                let other = other.and_then(|rest| rest.find([',', '}', ';']).map(|at| &rest[at..]));
                return other.unwrap_or(rest);
            }
        }
    }
}

/// The circles of a graph, one for each import that closes one.
fn circles(mut graph: Imports) -> Vec<String> {
    let mut circles = Vec::new();
    loop {
        // What imports nothing that is left is in no circle.
        loop {
            let left: BTreeSet<String> = graph.keys().cloned().collect();
            graph.retain(|_, targets| {
                targets.retain(|target| left.contains(target));
                !targets.is_empty()
            });
            if graph.len() == left.len() {
                break;
            }
        }
        let Some(first) = graph.keys().next() else {
            return circles;
        };
        let mut walk = vec![first.clone()];
        loop {
            let last = &walk[walk.len() - 1];
            let Some(next) = graph[last].first().cloned() else {
                return circles;
            };
            if let Some(begin) = walk.iter().position(|module| *module == next) {
                let last = last.clone();
                let circle = [&walk[begin..], std::slice::from_ref(&next)].concat();
                circles.push(circle.join(" -> "));
                graph.entry(last).or_default().remove(&next);
                break;
            }
            walk.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Imports {
        let files = files
            .iter()
            .map(|(path, text)| (module(Path::new(path)).unwrap(), text.to_string()));
        imports(&files.collect())
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;"),
            (
                "a.rs",
                "use crate::b::{self, B as C, d::{E, F}, G};\nuse crate::c::X;",
            ),
            ("b.rs", "fn f() -> super::a::A {}"),
            (
                "c.rs",
                "// use crate::a::A;\n#[cfg(test)]\nmod tests { use crate::a::A; }",
            ),
        ];
        let imports = of(&files);
        let expected = ["b", "c"].map(String::from);
        assert_eq!(imports["a"], BTreeSet::from(expected));
        assert_eq!(circles(imports), ["a -> b -> a"]);
    }

    #[test]
    fn a_module_may_use_what_is_above_it_and_that_uses_it() {
        let files = [
            ("a/mod.rs", "mod b;\nuse b::B;\nuse self::b::C;"),
            ("a/b.rs", "use super::{A, c::C};\nuse crate::a::A;"),
            ("a/c.rs", "use super::super::d::D;"),
            ("lib.rs", ""),
            ("d.rs", "use std::fmt;"),
        ];
        let imports = of(&files);
        assert_eq!(imports["a::b"], BTreeSet::from(["a::c".into()]));
        assert_eq!(imports["a::c"], BTreeSet::from(["d".into()]));
        assert!(circles(imports).is_empty());
    }

    #[test]
    fn folders_are_a_circle_although_no_two_of_their_files_are() {
        let files = [
            ("lib.rs", ""),
            ("config/a.rs", "use crate::output::a::A;"),
            ("config/b.rs", ""),
            ("output/a.rs", ""),
            ("output/b.rs", "use crate::config::b::B;"),
            ("other/a.rs", "use crate::config::b::B;"),
        ];
        let imports = of(&files);
        let folders = folders(&imports);
        assert!(circles(imports).is_empty());
        assert_eq!(circles(folders), ["config -> output -> config"]);
    }

    #[test]
    fn a_circle_of_three_is_found_beside_one_of_two() {
        let files = [
            ("lib.rs", ""),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::c::C;\nuse crate::d::D;"),
            ("c.rs", "use crate::a::A;"),
            ("d.rs", "use crate::b::B;"),
        ];
        let found = circles(of(&files));
        assert_eq!(found, ["a -> b -> c -> a", "b -> d -> b"]);
    }
}
