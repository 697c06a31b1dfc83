//! Runs the tests with one change after the other.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::compile::{cargo, messages};
use crate::parts::{Part, Run};
use crate::{Result, failed, read};

/// Tests of one binary.
pub(crate) struct Tests {
    pub(crate) name: &'static str,
    words: &'static [&'static str],
    path: PathBuf,
    folder: PathBuf,
    /// How long they take without a change.
    takes: Duration,
}

/// Builds the tests, and runs all once without a change.
pub(crate) fn build(root: &Path, part: &Part) -> Result<Vec<Tests>> {
    let mut command = cargo(root, "test");
    command
        .args(part.tests)
        .args(["--no-run", "--message-format=json"]);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests do not compile".into());
    }
    let mut built = HashMap::new();
    for message in messages(&output.stdout) {
        let is_test = message.profile.is_some_and(|profile| profile.test);
        if let (true, Some(path), Some(target), Some(manifest)) = (
            is_test,
            message.executable,
            message.target,
            message.manifest_path,
        ) {
            built.insert(target.name, (path, manifest));
        }
    }
    let mut all = Vec::new();
    for Run(name, words) in part.runs {
        let (path, manifest) = built
            .get(*name)
            .ok_or(format!("there are no tests {name}"))?;
        let mut tests = Tests {
            name,
            words,
            path: path.clone(),
            folder: manifest.parent().unwrap_or(root).to_owned(),
            takes: Duration::from_secs(600),
        };
        for word in words.iter().copied() {
            let listed = read(Command::new(&tests.path).args(["--list", word]))?;
            if !listed.contains(": test") {
                return Err(format!("{name} has no test with {word} in its name"));
            }
        }
        let start = Instant::now();
        if let Some(failure) = tests.fail(0, &root.join("target/temporary"))? {
            return Err(format!("{name} fails without a change: {failure}"));
        }
        tests.takes = start.elapsed();
        println!("{name} {words:?} takes {:.1} s", tests.takes.as_secs_f64());
        all.push(tests);
    }
    Ok(all)
}

/// What fails where nothing ends.
pub(crate) const NEVER_ENDS: &str = "it does not end";

/// What came of a run.
enum Outcome {
    Passed,
    /// The name of the first test that failed.
    Failed(String),
    Late,
}

impl Tests {
    /// What fails first with this change, if anything does. A machine that is busy with other
    /// work may be slow for once, so what does not end is tried again, twice as long.
    pub(crate) fn fail(&self, number: u32, temporary: &Path) -> Result<Option<String>> {
        let limit = 3 * self.takes + Duration::from_secs(10);
        match self.run(number, temporary, limit)? {
            Outcome::Late => match self.run(number, temporary, 2 * limit)? {
                Outcome::Late => Ok(Some(NEVER_ENDS.into())),
                Outcome::Passed => Ok(None),
                Outcome::Failed(test) => Ok(Some(test)),
            },
            Outcome::Passed => Ok(None),
            Outcome::Failed(test) => Ok(Some(test)),
        }
    }

    fn run(&self, number: u32, temporary: &Path, limit: Duration) -> Result<Outcome> {
        fs::create_dir_all(temporary).map_err(|error| failed(temporary, &error))?;
        let mut command = Command::new(&self.path);
        command.current_dir(&self.folder).args(self.words);
        command
            .env("ESTREAMER_CHANGE", number.to_string())
            .env("TMPDIR", temporary);
        // Most of them wait.
        command.env("RUST_TEST_THREADS", "4");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command
            .process_group(0)
            .spawn()
            .map_err(|error| failed(&self.path, &error))?;
        let outcome = Self::watch(&mut child, limit);
        end(child.id());
        let _ = child.wait();
        let _ = fs::remove_dir_all(temporary);
        Ok(outcome)
    }

    /// Reads until a test fails, all have passed, or it takes too long.
    fn watch(child: &mut Child, limit: Duration) -> Outcome {
        let (id, stdout) = (child.id(), child.stdout.take());
        let (is_over, is_late) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                let start = Instant::now();
                while !is_over.load(Ordering::Relaxed) {
                    if start.elapsed() > limit {
                        is_late.store(true, Ordering::Relaxed);
                        return end(id);
                    }
                    thread::park_timeout(Duration::from_millis(100));
                }
            });
            // A binary that ends without a result has crashed.
            let mut outcome = Outcome::Failed("it crashes".into());
            let lines = stdout.into_iter().flat_map(|it| BufReader::new(it).lines());
            for line in lines.map_while(|line| line.ok()) {
                if let Some(test) = line.strip_suffix(" ... FAILED") {
                    outcome = Outcome::Failed(test.trim_start_matches("test ").to_owned());
                    break;
                }
                if line.starts_with("test result: ok.") {
                    outcome = Outcome::Passed;
                }
            }
            is_over.store(true, Ordering::Relaxed);
            match is_late.load(Ordering::Relaxed) {
                true => Outcome::Late,
                false => outcome,
            }
        })
    }
}

/// Ends a test binary and the programs that it has started; they are a group.
fn end(id: u32) {
    let mut kill = Command::new("kill");
    kill.args(["-KILL", "--", &format!("-{id}")]);
    let _ = kill.stderr(Stdio::null()).status();
}
