//! Starting other programs, with errors that say which one failed.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use crate::{Result, tree};

/// The cargo that runs this program, in the top folder. The tests that it runs wait for
/// servers and clocks more than for a processor.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(cargo);
    if std::env::var_os(TEST_THREADS).is_none() {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        command.env(TEST_THREADS, (3 * processors).to_string());
    }
    command
}

/// The environment variable with the number of tests that run side by side.
const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// A program to be run in the top folder.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(tree::root());
    // `cargo run` describes this package in the environment. Build scripts
    // that watch those variables (ring's does) would run again each time one
    // alternates between `cargo xtask` and plain `cargo`.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// A program to be run in the top folder while others do what is waited for: it gives way to
/// them.
pub(crate) fn patient(program: impl AsRef<OsStr>) -> Command {
    let mut command = command("nice");
    command.args(["-n", "19"]).arg(program);
    command
}

/// Runs to the end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command
        .status()
        .map_err(|error| could_not_start(command, &error))?;
    check(command, status)
}

/// Runs to the end and keeps what it printed, whatever its exit status.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .map_err(|error| could_not_start(command, &error))
}

/// Runs to the end and gives its standard output, trimmed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    check(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Waits for a child that may hang, and ends it when it does.
pub(crate) fn wait_at_most(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if start.elapsed() < limit => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("still running after {limit:?}, ended it"));
            }
            Err(error) => return Err(format!("waiting for a child process: {error}")),
        }
    }
}

fn check(command: &Command, status: ExitStatus) -> Result {
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` ended with {status}", shown(command)))
    }
}

pub(crate) fn could_not_start(command: &Command, error: &std::io::Error) -> String {
    let program = Path::new(command.get_program());
    match error.kind() {
        ErrorKind::NotFound => format!("{} is not installed", program.display()),
        _ => format!("starting {}: {error}", program.display()),
    }
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
