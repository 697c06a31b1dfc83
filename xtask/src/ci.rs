//! `cargo xtask ci`: what `.ci/run` runs.
//!
//! Tests wait for servers and clocks as much as for a processor. Beside them, and at the
//! lowest priority, everything is installed and built that has nothing to wait for. What
//! measures runs alone, at the end.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::steps::Steps;
use crate::test::{self, Summary};
use crate::{
    Result, api, bench, deny, firmware, footprint, fuzz, interop, nostd, package, process, soak,
    tree, world,
};

/// Everything but what only measures; the first failure ends it.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    let beside = Beside::start()?;
    let summary = test::run(steps)?;
    steps.run("worlds and soak: one minute each", || {
        thread::scope(|scope| {
            let worlds = scope.spawn(world::check);
            let soak = soak::check();
            worlds.join().map_err(|_| "the worlds panicked")??;
            soak
        })
    })?;
    steps.run("beside: interop --prepare", || beside.wait())?;
    interop::test(steps)?;
    steps.run("beside: builds", || beside.wait())?;
    bench::run(steps, &bench::Options::check())?;
    fuzz::smoke(steps)?;
    Ok(summary)
}

/// What is built beside the tests, and needs nothing of them.
pub(crate) fn builds(steps: &mut Steps) -> Result {
    steps.run("deny", deny::run)?;
    steps.run("bench: build", bench::build)?;
    api::run(steps, false)?;
    package::run(steps)?;
    nostd::run(steps)?;
    firmware::run(steps)?;
    footprint::run(steps, false)?;
    fuzz::build_smoke(steps)
}

/// The tasks that run beside the tests, one after the other.
const TASKS: [&[&str]; 2] = [&["interop", "--prepare"], &["builds"]];

/// Tasks of this program, at the lowest priority. Dropping it ends the one that runs.
struct Beside {
    /// What each has printed, or why it failed.
    ended: Receiver<Result<String>>,
    /// The number of the process that runs now.
    process: Arc<AtomicU32>,
}

impl Beside {
    fn start() -> Result<Self> {
        let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let (ends, ended) = mpsc::channel();
        let process = Arc::new(AtomicU32::new(0));
        let number = process.clone();
        thread::spawn(move || {
            for task in TASKS {
                if ends.send(run_task(&program, task, &number)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { ended, process })
    }

    /// Waits for the next task, and prints what that has printed.
    fn wait(&self) -> Result {
        let printed = self.ended.recv().map_err(|_| "no task is left")??;
        println!("{printed}");
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let number = self.process.load(Ordering::Relaxed);
        if number != 0 {
            let _ = process::command("kill").arg(number.to_string()).status();
        }
    }
}

fn run_task(program: &Path, task: &[&str], number: &AtomicU32) -> Result<String> {
    let log = tree::root().join(format!("target/ci-{}.log", task[0]));
    let failed = |error| format!("{}: {error}", tree::shown(&log));
    let out = File::create(&log).map_err(failed)?;
    let err = out.try_clone().map_err(failed)?;
    let mut command = process::command("nice");
    command.args(["-n", "19"]).arg(program).args(task);
    let mut child = command
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|error| process::could_not_start(&command, &error))?;
    number.store(child.id(), Ordering::Relaxed);
    let status = child.wait().map_err(|error| error.to_string())?;
    number.store(0, Ordering::Relaxed);
    let printed = String::from_utf8_lossy(&fs::read(&log).map_err(failed)?).into_owned();
    match status.success() {
        true => Ok(printed),
        false => Err(format!("{printed}\n{} failed", task.join(" "))),
    }
}
