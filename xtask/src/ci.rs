//! `cargo xtask ci`: what `.ci/run` runs.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::steps::Steps;
use crate::test::{self, Summary};
use crate::{
    Result, api, bench, deny, firmware, footprint, fuzz, interop, nostd, package, process, soak,
    tree, world,
};

/// Everything but what only measures. The first failure ends it, but what runs beside is
/// waited for.
pub(crate) fn run(steps: &mut Steps) -> Result<Summary> {
    let summary = test::run(steps)?;
    let beside = Beside::start()?;
    let with_programs = with_programs(steps);
    let with_compilers = steps.run("builds", || beside.finish());
    with_programs.and(with_compilers)?;
    // Alone, because it measures.
    bench::run(steps, &bench::Options::check())?;
    Ok(summary)
}

/// What mostly waits, for other programs or for its time to pass.
fn with_programs(steps: &mut Steps) -> Result {
    world::check(steps)?;
    soak::check(steps)?;
    interop::run(steps)
}

/// What mostly compiles, each in a folder of its own.
pub(crate) fn builds(steps: &mut Steps) -> Result {
    steps.run("deny", deny::run)?;
    package::run(steps)?;
    api::run(steps, false)?;
    nostd::run(steps)?;
    firmware::run(steps)?;
    footprint::run(steps, false)?;
    fuzz::smoke(steps)
}

/// The builds, in a process of their own. What they print is kept until they are done, so
/// that it does not mix with what others print.
struct Beside {
    child: Child,
    log: PathBuf,
}

impl Beside {
    fn start() -> Result<Self> {
        let log = tree::root().join("target/ci-builds.log");
        let failed = |error: std::io::Error| format!("{}: {error}", tree::shown(&log));
        let file = File::create(&log).map_err(failed)?;
        let both = file.try_clone().map_err(failed)?;
        let this = std::env::current_exe().map_err(failed)?;
        let mut command = process::command(this);
        command.args(["ci", "--builds"]);
        command.stdin(Stdio::null()).stdout(file).stderr(both);
        let child = command.spawn();
        let child = child.map_err(|error| process::could_not_start(&command, &error))?;
        Ok(Self { child, log })
    }

    /// Waits for them, and prints what they printed.
    fn finish(mut self) -> Result {
        let status = self.child.wait();
        print!("{}", tree::read(&self.log)?);
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`cargo xtask ci --builds` ended with {status}")),
            Err(error) => Err(format!("waiting for the builds: {error}")),
        }
    }
}
