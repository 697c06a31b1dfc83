//! Running programs, never for longer than a test may take.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use estreamer_simulate::{Served, Simulator};

/// A test that waits longer than this has failed. Long, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until something is so.
///
/// # Panics
/// When it does not become so.
#[track_caller]
pub fn wait_until(mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The path of the `estreamer` program, which cargo builds before these tests.
///
/// # Panics
/// When this is no test.
pub fn program() -> PathBuf {
    // A test lies in TARGET/PROFILE/deps, the program in TARGET/PROFILE.
    let this = std::env::current_exe().expect("a test has a path");
    let mut folders = this.ancestors().skip(1);
    let profile = folders.find(|folder| !folder.ends_with("deps"));
    let profile = profile.expect("a test lies in a profile");
    let name = format!("estreamer-under-test{}", std::env::consts::EXE_SUFFIX);
    profile.join(name)
}

/// Copies the program. Another process does it: while this one has the copy open, a child that
/// another test starts would have it open as well, and nothing can be started that is open for
/// writing.
///
/// # Panics
/// When it cannot be copied.
pub fn copy_program(to: &Path) {
    let copied = Command::new("cp").arg(program()).arg(to).status();
    assert!(copied.expect("cp is there").success());
}

/// A command that runs `estreamer` with these arguments.
pub fn estreamer(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The same command, as the machine runs it after another start: with another boot
/// id mounted over the system's.
pub fn after_reboot(command: Command) -> Command {
    let mut rebooted = Command::new("unshare");
    let script = "id=$(mktemp) && echo another > \"$id\" && \
                  mount --bind \"$id\" /proc/sys/kernel/random/boot_id && rm \"$id\" && exec \"$@\"";
    rebooted
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    rebooted
}

/// A program under way; it is killed when this is dropped.
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<()>>,
    said: Arc<Mutex<Vec<u8>>>,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it printed to standard output, without a line waited for before.
    pub stdout: Vec<u8>,
    /// Everything it said.
    pub stderr: String,
}

impl Running {
    /// Starts a command and reads along.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let (mut running, stdout) = Self::spawn(command);
        running.stdout = stdout.map(read_along);
        running
    }

    /// Starts a command and waits for the first line it prints.
    ///
    /// # Panics
    /// When it cannot be started, or ends without a line.
    pub fn start_to_first_line(command: &mut Command) -> (Self, String) {
        let (mut running, stdout) = Self::spawn(command);
        let mut stdout = stdout.map(BufReader::new);
        let mut line = String::new();
        if let Some(stdout) = &mut stdout {
            stdout.read_line(&mut line).expect("a line of text");
        }
        running.stdout = stdout.map(read_along);
        match line.pop() {
            Some(_) => (running, line),
            None => panic!("no line: {}", running.wait().stderr),
        }
    }

    fn spawn(command: &mut Command) -> (Self, Option<ChildStdout>) {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Arc::<Mutex<Vec<u8>>>::default();
        let stderr = child.stderr.take().map(|pipe| listen(pipe, said.clone()));
        let stdout = child.stdout.take();
        let running = Self {
            child,
            stdout: None,
            stderr,
            said,
        };
        (running, stdout)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that was ever resident, KiB; `None` when it has ended.
    pub fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// What it has said on standard error so far.
    ///
    /// # Panics
    /// When the thread that listens did.
    pub fn said(&self) -> String {
        let said = self.said.lock().expect("a listener without panic");
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Sends a signal by name, with the system's own `kill`.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "{name} cannot be sent");
    }

    /// Runs a collector until this is so, or it has ended by itself; then stops it in
    /// order.
    ///
    /// # Panics
    /// When it cannot be started, or neither happens.
    #[track_caller]
    pub fn until(command: &mut Command, mut so: impl FnMut() -> bool) -> Ended {
        let mut running = Self::start(command);
        wait_until(|| !running.is_running() || so());
        running.stop()
    }

    /// Runs a collector until it has everything that these servers have for it.
    ///
    /// # Panics
    /// As [`until`](Self::until).
    #[track_caller]
    pub fn until_served(command: &mut Command, servers: &[&Simulator]) -> Ended {
        let before = servers.iter().map(|server| server.connections().len());
        let before: Vec<usize> = before.collect();
        let is_served = |(server, &before): (&&Simulator, &usize)| {
            let connections = server.connections();
            connections[before..].last().is_some_and(Served::is_done)
        };
        Self::until(command, || servers.iter().zip(&before).all(is_served))
    }

    /// Stops it in order, unless it has ended, and waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn stop(mut self) -> Ended {
        if self.is_running() {
            self.signal("TERM");
        }
        self.wait()
    }

    /// Kills it and waits until it is gone. Returns whether it was alive.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(mut self) -> bool {
        // It may have ended by itself.
        let _ = self.child.kill();
        let status = self.child.wait().expect("a child can be waited for");
        status.signal() == Some(9)
    }

    /// Waits until it has said this on standard error.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        let start = Instant::now();
        while !self.said().contains(words) {
            assert!(
                start.elapsed() < PATIENCE,
                "no {words:?} in {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None if start.elapsed() > PATIENCE => {
                    let _ = self.child.kill();
                    panic!("still running after {PATIENCE:?}: {}", self.said());
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let stdout = self.stdout.take().map(JoinHandle::join);
        if let Some(listener) = self.stderr.take() {
            // What it said is in any case what was heard.
            let _ = listener.join();
        }
        Ended {
            status,
            stdout: stdout.and_then(Result::ok).unwrap_or_default(),
            stderr: self.said(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started or does not end.
    pub fn of(command: &mut Command) -> Self {
        Running::start(command).wait()
    }

    /// The same, checked for success.
    ///
    /// # Panics
    /// When it failed.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        self
    }

    /// How often a program that was started with `ESTREAMER_TEST_ALLOCATIONS`
    /// allocated.
    ///
    /// # Panics
    /// When it does not say so.
    #[track_caller]
    pub fn allocations(&self) -> u64 {
        let mut lines = self.stderr.lines();
        let count = lines.find_map(|line| line.strip_prefix("allocations: "));
        let count = count.expect("the count of allocations");
        count.parse().expect("a number")
    }

    /// Checks that it failed with this status and one clear sentence that holds
    /// these words, and neither panicked nor printed data.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn failure(&self, status: i32, words: &[&str]) {
        assert_eq!(self.status.code(), Some(status), "{}", self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in: {}",
                self.stderr
            );
        }
        for word in ["panicked", "backtrace", "RUST_"] {
            assert!(!self.stderr.contains(word), "{}", self.stderr);
        }
        assert!(self.stdout.is_empty(), "stdout is for data");
    }
}

fn read_along(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is what there is.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

fn listen(mut pipe: impl Read + Send + 'static, said: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut some) {
            if let Ok(mut said) = said.lock() {
                said.extend_from_slice(&some[..count]);
            }
        }
    })
}

/// What a line of a log says, without the time and the level before it.
pub fn message(line: &str) -> &str {
    let mut words = line.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some(time), Some("ERROR" | "WARN" | "INFO" | "DEBUG"), Some(message))
            if time.ends_with('Z') =>
        {
            message
        }
        _ => line.trim_start_matches("estreamer: "),
    }
}

/// The warnings and errors in a log, each without its time and level.
pub fn warnings(said: &str) -> Vec<&str> {
    let is_warning = |line: &&str| matches!(line.split(' ').nth(1), Some("WARN" | "ERROR"));
    said.lines().filter(is_warning).map(message).collect()
}

/// What a collector's summary counts before these words.
///
/// # Panics
/// When it does not.
#[track_caller]
pub fn counted(said: &str, words: &str) -> u64 {
    let summary = said.lines().last().unwrap_or_default();
    let summary = message(summary);
    let mut parts = summary.split(", ");
    let part = parts.find(|part| part.contains(words));
    let digits = part.and_then(|part| part.trim_start_matches("up to ").split(' ').next());
    let Some(count) = digits.and_then(|digits| digits.parse().ok()) else {
        panic!("no {words:?} in {said}");
    };
    count
}
