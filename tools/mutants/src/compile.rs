//! A copy of the tree with all changes in it that compile.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::list::Change;
use crate::parts::Part;
use crate::place::{self, Placed};
use crate::{Result, failed, read};

/// What a library needs to know which change is on.
const SWITCH: &str = "
extern crate std as std_of_switches;
/// Whether this change is on.
#[doc(hidden)]
pub fn switched(number: u32) -> bool {
    use std_of_switches::{env, sync::OnceLock};
    static ON: OnceLock<u32> = OnceLock::new();
    let on = || env::var(\"ESTREAMER_CHANGE\").ok()?.parse().ok();
    *ON.get_or_init(|| on().unwrap_or(0)) == number
}
";

/// How often the compiler is asked; it names the errors of one kind at a time.
const ROUNDS: usize = 40;

/// The copy, and what can be switched on in it.
pub(crate) struct Copy {
    pub(crate) root: PathBuf,
    /// By number, from 1 on.
    pub(crate) changes: BTreeMap<u32, Change>,
    /// How many do not compile, and how many have no place in an expression.
    pub(crate) refused: usize,
    pub(crate) unplaced: usize,
}

/// Copies the tree, writes the changes into it, and takes out those that do not compile.
pub(crate) fn compile(from: &Path, root: &Path, part: &Part, listed: Vec<Change>) -> Result<Copy> {
    copy_tree(from, root)?;
    let mut changes: BTreeMap<u32, Change> = (1..).zip(listed).collect();
    let count = changes.len();
    let mut unplaced = 0;
    // Whoever goes on working on the tree does not disturb this.
    let mut sources = BTreeMap::new();
    let files = changes.values().map(|change| change.file.as_str());
    for file in files.chain([part.library]) {
        let path = root.join(file);
        let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        sources.insert(file.to_owned(), text);
    }
    for round in 0..ROUNDS {
        let placed = write(&sources, root, part, &changes)?;
        let numbers: BTreeSet<u32> = placed.values().flatten().map(|it| it.number).collect();
        if round == 0 {
            unplaced = count - numbers.len();
        }
        changes.retain(|number, _| numbers.contains(number));
        let wrong = check(root, part, &placed)?;
        println!(
            "round {round}: {} changes, {} do not compile",
            changes.len(),
            wrong.len()
        );
        if wrong.is_empty() {
            let refused = count - unplaced - changes.len();
            return Ok(Copy {
                root: root.to_owned(),
                changes,
                refused,
                unplaced,
            });
        }
        changes.retain(|number, _| !wrong.contains(number));
    }
    Err(format!("it does not compile after {ROUNDS} rounds"))
}

/// Every file of the last commit and of the folder, as git knows them.
fn copy_tree(from: &Path, to: &Path) -> Result {
    let mut list = Command::new("git");
    list.current_dir(from).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    for name in read(&mut list)?.split('\0').filter(|name| !name.is_empty()) {
        let (source, target) = (from.join(name), to.join(name));
        let Ok(kind) = fs::symlink_metadata(&source) else {
            continue;
        };
        let folder = target.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        if kind.is_symlink() {
            let _ = fs::remove_file(&target);
            let link = fs::read_link(&source).map_err(|error| failed(&source, &error))?;
            std::os::unix::fs::symlink(link, &target).map_err(|error| failed(&target, &error))?;
            continue;
        }
        let bytes = fs::read(&source).map_err(|error| failed(&source, &error))?;
        put(&target, &bytes)?;
        fs::set_permissions(&target, kind.permissions())
            .map_err(|error| failed(&target, &error))?;
    }
    Ok(())
}

/// Writes a file that is different: the time of one that is not stays, and what is made of it.
fn put(path: &Path, bytes: &[u8]) -> Result {
    match fs::read(path) {
        Ok(there) if there == bytes => Ok(()),
        _ => fs::write(path, bytes).map_err(|error| failed(path, &error)),
    }
}

/// Writes the changes into the files, which were like this; where they are, by file.
fn write(
    sources: &BTreeMap<String, String>,
    root: &Path,
    part: &Part,
    changes: &BTreeMap<u32, Change>,
) -> Result<BTreeMap<String, Vec<Placed>>> {
    let mut by_file: BTreeMap<&str, Vec<(u32, &Change)>> = BTreeMap::new();
    for (number, change) in changes {
        by_file
            .entry(&change.file)
            .or_default()
            .push((*number, change));
    }
    let mut placed = BTreeMap::new();
    for (file, text) in sources {
        let changes = by_file.remove(file.as_str()).unwrap_or_default();
        let mut rewritten =
            place::rewrite(text, &changes).map_err(|error| format!("{file}: {error}"))?;
        if file == part.library {
            rewritten.text += SWITCH;
        }
        put(&root.join(file), rewritten.text.as_bytes())?;
        placed.insert(file.to_owned(), rewritten.placed);
    }
    Ok(placed)
}

/// What cargo prints of each package and target.
#[derive(Deserialize)]
pub(crate) struct Message {
    pub(crate) message: Option<Diagnostic>,
    pub(crate) executable: Option<PathBuf>,
    pub(crate) target: Option<Target>,
    pub(crate) profile: Option<Profile>,
    pub(crate) manifest_path: Option<PathBuf>,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Profile {
    pub(crate) test: bool,
}

#[derive(Deserialize)]
pub(crate) struct Diagnostic {
    level: String,
    rendered: Option<String>,
    spans: Vec<Range>,
}

#[derive(Deserialize)]
struct Range {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

/// Asks the compiler for the numbers of the changes that do not compile.
fn check(
    root: &Path,
    part: &Part,
    placed: &BTreeMap<String, Vec<Placed>>,
) -> Result<BTreeSet<u32>> {
    let mut command = cargo(root, "check");
    command.args(
        part.tests
            .iter()
            .filter(|argument| argument.starts_with("--features")),
    );
    command.arg(format!("--package={}", part.package));
    if part.package != "estreamer-tests" && part.tests.len() > 2 {
        // Features of other packages are named, too.
        command.arg("--package=estreamer-tests");
    }
    command.args(["--lib", "--message-format=json"]);
    let output = command
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let mut wrong = BTreeSet::new();
    let mut said = String::new();
    for message in messages(&output.stdout) {
        let Some(diagnostic) = message.message.filter(|it| it.level == "error") else {
            continue;
        };
        said += diagnostic.rendered.as_deref().unwrap_or_default();
        wrong.extend(blamed(&diagnostic, placed));
    }
    match wrong.is_empty() && !output.status.success() {
        true => Err(format!(
            "no change explains these errors:\n{said}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )),
        false => Ok(wrong),
    }
}

/// The changes whose copies an error names; without one, those of the narrowest place.
fn blamed(diagnostic: &Diagnostic, placed: &BTreeMap<String, Vec<Placed>>) -> Vec<u32> {
    for is_primary in [true, false] {
        for span in diagnostic
            .spans
            .iter()
            .filter(|span| span.is_primary == is_primary)
        {
            let Some(placed) = placed.get(&span.file_name) else {
                continue;
            };
            let inside = |range: &std::ops::Range<usize>| {
                range.start <= span.byte_start && span.byte_end <= range.end
            };
            let copies = placed.iter().filter(|placed| inside(&placed.copy));
            let copies: Vec<u32> = copies.map(|placed| placed.number).collect();
            if !copies.is_empty() {
                return copies;
            }
            let around = placed.iter().filter(|placed| inside(&placed.whole));
            if let Some(narrowest) = around.map(|placed| placed.whole.len()).min() {
                let of = placed
                    .iter()
                    .filter(|it| inside(&it.whole) && it.whole.len() == narrowest);
                return of.map(|placed| placed.number).collect();
            }
        }
    }
    Vec::new()
}

/// What cargo printed, message by message.
pub(crate) fn messages(stdout: &[u8]) -> impl Iterator<Item = Message> {
    let lines = stdout.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok())
}

/// Cargo in the copy.
pub(crate) fn cargo(root: &Path, task: &str) -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let name_in_text = name.to_string_lossy();
        if name_in_text.starts_with("CARGO_PKG_") || name_in_text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    // Warnings of copies would hide the errors.
    command
        .current_dir(root)
        .env("RUSTFLAGS", "-Awarnings")
        .arg(task)
        .arg("--profile=mutants");
    command
}
