//! Runs the tests with one change after the other.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
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
    /// The longest time between the ends of two tests, without a change.
    silence: Duration,
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
            silence: Duration::ZERO,
        };
        for word in words.iter().copied() {
            let listed = read(Command::new(&tests.path).args(["--list", word]))?;
            if !listed.contains(": test") {
                return Err(format!("{name} has no test with {word} in its name"));
            }
        }
        let start = Instant::now();
        let temporary = root.join("target/temporary");
        let (outcome, silence) = tests.run(0, &temporary, Duration::from_secs(600))?;
        if outcome != Outcome::Passed {
            return Err(format!("{name} fails without a change: {outcome:?}"));
        }
        tests.silence = silence;
        println!(
            "{name} {words:?} takes {:.1} s, {:.1} s between two tests at most",
            start.elapsed().as_secs_f64(),
            silence.as_secs_f64()
        );
        all.push(tests);
    }
    Ok(all)
}

/// What fails where nothing ends.
pub(crate) const NEVER_ENDS: &str = "it does not end";

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// The name of the first test that failed.
    Failed(String),
    /// No test ended for too long.
    Late,
}

impl Tests {
    /// What fails first with this change, if anything does. A machine that is busy with other
    /// work may be slow for once, so what does not end is tried again, twice as long.
    pub(crate) fn fail(&self, number: u32, temporary: &Path) -> Result<Option<String>> {
        let limit = 3 * self.silence + Duration::from_secs(10);
        let (mut outcome, _) = self.run(number, temporary, limit)?;
        if outcome == Outcome::Late {
            (outcome, _) = self.run(number, temporary, 2 * limit)?;
        }
        Ok(match outcome {
            Outcome::Late => Some(NEVER_ENDS.into()),
            Outcome::Passed => None,
            Outcome::Failed(test) => Some(test),
        })
    }

    /// Runs them until one fails, or none ends for so long. Also returns the longest time in
    /// which none ended.
    fn run(&self, number: u32, temporary: &Path, limit: Duration) -> Result<(Outcome, Duration)> {
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

    /// Reads until a test fails, all have passed, or none ends for too long. A process that is
    /// left over may keep the output open, so the end of it is not waited for.
    fn watch(child: &mut Child, limit: Duration) -> (Outcome, Duration) {
        let (send, lines) = mpsc::channel();
        let stdout = child.stdout.take();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|it| BufReader::new(it).lines());
            lines
                .map_while(|line| line.ok())
                .try_for_each(|line| send.send(line))
        });
        let (mut longest, mut last) = (Duration::ZERO, Instant::now());
        loop {
            let line = lines.recv_timeout(limit.saturating_sub(last.elapsed()));
            if line
                .as_ref()
                .is_ok_and(|line| line.contains("has been running for"))
            {
                continue;
            }
            longest = longest.max(last.elapsed());
            last = Instant::now();
            match line.as_deref() {
                Ok(line) if line.starts_with("test result: ok.") => {
                    return (Outcome::Passed, longest);
                }
                Ok(line) => {
                    if let Some(test) = line.strip_suffix(" ... FAILED") {
                        let test = test.trim_start_matches("test ").to_owned();
                        return (Outcome::Failed(test), longest);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return (Outcome::Late, longest),
                // A binary that ends without a result has crashed.
                Err(RecvTimeoutError::Disconnected) => {
                    return (Outcome::Failed("it crashes".into()), longest);
                }
            }
        }
    }
}

/// Ends a test binary and the programs that it has started; they are a group.
fn end(id: u32) {
    let mut kill = Command::new("kill");
    kill.args(["-KILL", "--", &format!("-{id}")]);
    let _ = kill.stderr(Stdio::null()).status();
}
