//! The README's own words, typed as a newcomer types them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use estreamer_tests::{Ended, Running, estreamer, json_lines, program};

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
    let mut pages: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .unwrap()
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
    for line in commands(&text).filter(|line| !line.starts_with("cargo ")) {
        let mut command = Command::new("sh");
        command.current_dir(here.path()).env("PATH", &path);
        match line.strip_suffix(" &") {
            // A server prints its address when it is ready.
            Some(line) => {
                command.args(["-c", &format!("exec {line}")]);
                background.push(Running::start_to_first_line(&mut command).0);
            }
            None => {
                let ended = Ended::of(command.args(["-c", line]));
                let said = &ended.stderr;
                assert!(ended.status.success(), "{}: {line}: {said}", page.display());
            }
        }
    }
    for mut server in background {
        assert!(server.is_running(), "the server serves on");
    }
    here
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in [
        "demo", "collect", "check", "request", "simulate", "pki", "catalog", "capture", "doctor",
        "identity", "migrate", "convert",
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
    fs::copy(program(), bin.join("estreamer")).unwrap();
    let path = std::env::var("PATH").unwrap();
    format!("{}:{path}", bin.display())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
