//! The README's own words, typed as a newcomer types them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use estreamer_tests::{Ended, Running, copy_program, estreamer, json_lines};

#[test]
fn it_begins_with_the_two_set_up_commands_and_names_no_other() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let cargo: Vec<&str> = commands(&readme)
        .filter(|line| line.starts_with("cargo "))
        .collect();
    assert_eq!(cargo, ["cargo run --release -- demo", "cargo xtask test"]);
    assert_eq!(
        json_lines(&Ended::of(&mut estreamer(&["demo"])).success().stdout).len(),
        1000
    );
}

#[test]
fn its_commands_and_those_of_every_page_do_what_they_say() {
    let here = run_page(&root().join("README.md"));
    let events = fs::read(here.path().join("events.ndjson")).unwrap();
    assert_eq!(json_lines(&events).len(), 1000);
    let folders = ["docs", "docs/formats"].map(|folder| fs::read_dir(root().join(folder)));
    let entries = folders.into_iter().flat_map(Result::unwrap);
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages.push(root().join("runtime-std/cli/README.md"));
    for page in pages {
        run_page(&page);
    }
}

/// Types every command of a page into a shell, in one empty directory, and
/// returns that. A command that ends with `&` serves until the page ends.
fn run_page(page: &Path) -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    let path = with_estreamer(here.path());
    let text = fs::read_to_string(page).unwrap();
    let mut background = Vec::new();
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        command.current_dir(here.path()).env("PATH", &path);
        command.env_remove("STATE_DIRECTORY");
        command.args(["-c", script]);
        command
    };
    let page = page.display();
    for typed in typed(&text) {
        match typed {
            Typed::Command(line) => match line.strip_suffix(" &") {
                // A server prints its address when it is ready.
                Some(line) => {
                    let mut server = shell(&format!("exec {line}"));
                    background.push(Running::start_to_first_line(&mut server).0);
                }
                None => {
                    let ended = Ended::of(&mut shell(line));
                    let said = &ended.stderr;
                    assert!(ended.status.success(), "{page}: {line}: {said}");
                }
            },
            Typed::Shown(line, shown) => {
                let ended = Ended::of(&mut shell(&format!("exec 2>&1\n{line}")));
                let printed = String::from_utf8_lossy(&ended.stdout);
                assert!(is_shown(&shown, &printed), "{page}: {line}:\n{printed}");
            }
        }
    }
    for mut server in background {
        assert!(server.is_running(), "the server serves on");
    }
    here
}

/// What a page has its reader type.
#[derive(Debug, PartialEq)]
enum Typed<'p> {
    /// A line of an `sh` block; it succeeds.
    Command(&'p str),
    /// A line after `$ ` in a `console` block, and what the page shows below it.
    Shown(&'p str, String),
}

/// Everything that is typed, in order.
fn typed(markdown: &str) -> Vec<Typed<'_>> {
    let mut block = None;
    let mut all = Vec::new();
    for line in markdown.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = (block.is_none() && !language.is_empty()).then_some(language);
            continue;
        }
        match block {
            Some("sh") if !line.is_empty() && !line.starts_with("cargo ") => {
                all.push(Typed::Command(line));
            }
            Some("console") => match (line.strip_prefix("$ "), all.last_mut()) {
                (Some(line), _) => all.push(Typed::Shown(line, String::new())),
                (None, Some(Typed::Shown(_, shown))) => *shown += &format!("{line}\n"),
                (None, _) => panic!("no command before {line:?}"),
            },
            _ => {}
        }
    }
    all
}

/// Whether a page shows what was printed. The page may break lines elsewhere, and writes
/// `…` for what is not always the same.
fn is_shown(shown: &str, printed: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (shown, printed) = (words(shown), words(printed));
    let mut parts = shown.split('…').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_a_page_shows_is_compared_word_by_word() {
    let page = "```sh\na\n```\n```console\n$ b\nx\n y\n$ c\n```\n```text\n$ d\n```\n";
    let expected = [
        Typed::Command("a"),
        Typed::Shown("b", "x\n y\n".into()),
        Typed::Shown("c", String::new()),
    ];
    assert_eq!(typed(page), expected);
    for (shown, printed, same) in [
        ("a b\n  c", "a b c\n", true),
        ("a b", "a b c", false),
        ("a b c", "a b", false),
        ("", "a", false),
        ("a … d", "a b c d", true),
        ("a … d", "a b c d e", false),
        ("a … c … e", "a b c d e", true),
    ] {
        assert_eq!(is_shown(shown, printed), same, "{shown} {printed}");
    }
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in [
        "demo", "collect", "check", "request", "simulate", "pki", "catalog", "capture", "doctor",
        "identity", "migrate", "status", "verify", "convert",
    ] {
        let help = Ended::of(&mut estreamer(&[command, "--help"])).success();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains("Example:\n"), "{help}");
        assert!(
            help.contains(&format!("\n  estreamer {command} ")),
            "{help}"
        );
    }
}

/// The lines of all `sh` blocks.
fn commands(markdown: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    markdown.lines().filter(move |line| {
        if line.starts_with("```") {
            inside = *line == "```sh";
            return false;
        }
        inside && !line.is_empty()
    })
}

/// A search path on which `estreamer` is the program under test.
fn with_estreamer(directory: &Path) -> String {
    let bin = directory.join("bin");
    fs::create_dir(&bin).unwrap();
    copy_program(&bin.join("estreamer"));
    let path = std::env::var("PATH").unwrap();
    format!("{}:{path}", bin.display())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
