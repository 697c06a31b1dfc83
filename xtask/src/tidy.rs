//! What neither rustfmt nor clippy looks at: lengths of files, stray spaces,
//! unfinished work, links between documents, circles of imports, and whether the pictures
//! are true.

use std::path::Path;

use crate::{Result, architecture, bench, circles, tree};

/// A longer file has to be split by meaning.
const LINES: usize = 500;

/// Libraries, which do not know the options of the program.
const LIBRARIES: [&str; 3] = ["core/src/", "runtime-mio/src/", "runtime-std/src/"];

/// Marks of unfinished work. Spelt in two halves, for this file is read too.
const UNFINISHED: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

pub(crate) fn run() -> Result {
    let mut errors = Vec::new();
    for path in tree::files()? {
        let name = tree::shown(&path);
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !matches!(
            extension,
            Some("rs" | "toml" | "md" | "h" | "c" | "py" | "x")
        ) {
            continue;
        }
        let text = tree::read(&path)?;
        errors.extend(stray_spaces(&text).map(|line| format!("{name}:{line}: trailing space")));
        let lines = text.lines().count();
        if lines > LINES && matches!(extension, Some("rs" | "h" | "c" | "py")) {
            errors.push(format!("{name}: {lines} lines — split it by meaning"));
        }
        match extension {
            Some("rs") => {
                errors.extend(unfinished(&text).map(|(line, mark)| {
                    format!("{name}:{line}: {mark} — finish it or file an issue")
                }));
                if LIBRARIES.iter().any(|library| name.starts_with(library)) {
                    errors.extend(options(&text).map(|line| {
                        format!("{name}:{line}: an option of the program, in a library")
                    }));
                }
            }
            Some("md") => {
                let folder = path.parent().unwrap_or(tree::root());
                errors.extend(
                    links(&text)
                        .filter(|(_, link)| leads_nowhere(folder, link))
                        .map(|(line, link)| format!("{name}:{line}: no such file: {link}")),
                );
            }
            _ => {}
        }
    }
    errors.extend(circles::find()?);
    errors.extend(bench::stale()?);
    if errors.is_empty() {
        errors.extend(architecture::is_stale()?);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(format!("\n  {}", errors.join("\n  ")))
    }
}

fn stray_spaces(text: &str) -> impl Iterator<Item = usize> {
    numbered(text)
        .filter(|(_, line)| line.ends_with([' ', '\t']))
        .map(|(number, _)| number)
}

fn unfinished(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    numbered(text).flat_map(|(number, line)| {
        UNFINISHED
            .into_iter()
            .filter(|mark| line.contains(mark))
            .map(move |mark| (number, mark))
    })
}

/// Lines with an option such as `--state`.
fn options(text: &str) -> impl Iterator<Item = usize> {
    let is_option = |rest: &str| rest.starts_with(|next: char| next.is_ascii_lowercase());
    numbered(text)
        .filter(move |(_, line)| line.split("--").skip(1).any(is_option))
        .map(|(number, _)| number)
}

/// The targets of `[text](target)` outside code blocks.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    numbered(text)
        .filter(move |(_, line)| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            !in_code && !fence
        })
        .flat_map(|(number, line)| {
            line.split("](")
                .skip(1)
                .filter_map(move |rest| Some((number, rest.split_once(')')?.0)))
        })
}

/// Whether a link names a file of this project that is not there.
fn leads_nowhere(folder: &Path, link: &str) -> bool {
    let file = link.split('#').next().unwrap_or_default();
    let elsewhere = file.contains("://") || file.starts_with("mailto:");
    !elsewhere && !file.is_empty() && !folder.join(file).exists()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_spaces_are_found_by_line() {
        let lines: Vec<_> = stray_spaces("a\nb \n\nc\t\n").collect();
        assert_eq!(lines, [2, 4]);
    }

    #[test]
    fn unfinished_work_is_found_wherever_it_stands_in_a_line() {
        let text = format!("fn f() {{\n    {}) // later\n}}\n", UNFINISHED[2]);
        let marks: Vec<_> = unfinished(&text).collect();
        assert_eq!(marks, [(2, UNFINISHED[2])]);
    }

    #[test]
    fn options_are_found_wherever_they_stand() {
        let text = "// ---- a - -b x--\n\"name it with --state\"\n1 - -1\n`--from`";
        assert_eq!(options(text).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn links_in_code_blocks_are_not_links() {
        let text = "[a](b.md) [c](d.md#e)\n```\n[f](g.md)\n```\n[h](https://i)\n";
        let links: Vec<_> = links(text).collect();
        assert_eq!(links, [(1, "b.md"), (1, "d.md#e"), (5, "https://i")]);
    }

    #[test]
    fn only_links_to_missing_files_lead_nowhere() {
        let root = tree::root();
        assert!(leads_nowhere(root, "no/such/file.md"));
        for link in ["Cargo.toml", "Cargo.toml#x", "#x", "https://x", "mailto:x"] {
            assert!(!leads_nowhere(root, link), "{link}");
        }
    }
}
