//! Files of a crate that import each other in a circle, and folders that do.
//!
//! It looks at the text alone: paths that begin with `crate::` or `super::`,
//! outside comments and unit tests. A file may use what the module above it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::{Result, tree};

/// A module, from the top of its crate.
pub(crate) type Module = Vec<String>;

/// What each module imports.
pub(crate) type Imports = BTreeMap<String, BTreeSet<String>>;

/// A line for each circle.
pub(crate) fn find() -> Result<Vec<String>> {
    let mut errors = Vec::new();
    for (root, files) in crates()? {
        let modules = imports(&files);
        let folders = folders(&modules);
        let root = tree::shown(&root);
        for graph in [modules, folders] {
            for circle in circles(graph) {
                errors.push(format!("{root}: a circle of imports: {circle}"));
            }
        }
    }
    Ok(errors)
}

/// The modules of each crate, by the folder of its `lib.rs` or `main.rs`.
pub(crate) fn crates() -> Result<BTreeMap<PathBuf, BTreeMap<Module, String>>> {
    let mut files = tree::files()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let is_root = |path: &PathBuf| path.ends_with("lib.rs") || path.ends_with("main.rs");
    let roots = files.iter().filter(|path| is_root(path));
    let roots: BTreeSet<PathBuf> = roots
        .filter_map(|path| Some(path.parent()?.into()))
        .collect();
    let mut crates: BTreeMap<PathBuf, BTreeMap<Module, String>> = BTreeMap::new();
    for path in files {
        // A crate may lie in a folder of another: the nearest one counts.
        let Some(root) = path.ancestors().find(|folder| roots.contains(*folder)) else {
            continue;
        };
        if let Some(module) = module(path.strip_prefix(root).unwrap_or(&path)) {
            let modules = crates.entry(root.to_owned()).or_default();
            modules.insert(module, tree::read(&path)?);
        }
    }
    Ok(crates)
}

/// The module of a file; `None` for unit tests.
fn module(path: &Path) -> Option<Module> {
    let mut module: Module = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module.iter().any(|part| part == "tests") {
        return None;
    }
    if matches!(
        module.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        module.pop();
    }
    Some(module)
}

/// What each file imports of the others, but for the modules above it.
pub(crate) fn imports(files: &BTreeMap<Module, String>) -> Imports {
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

/// What the folders at the top of a crate import of each other; a file there counts
/// as a folder.
pub(crate) fn folders(modules: &Imports) -> Imports {
    let top = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut folders = Imports::new();
    for (module, targets) in modules {
        for target in targets {
            let (from, to) = (top(module), top(target));
            if from != to && !from.is_empty() {
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
