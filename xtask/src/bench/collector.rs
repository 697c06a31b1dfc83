//! One run of the collector with a configuration.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::contender::counted;
use super::scene::{Server, program};
use super::usage::Usage;
use crate::{Result, process};

/// The collector asks whether the run has ended so often.
const POLL: Duration = Duration::from_millis(1);
/// The memory is read once in so many polls.
const POLLS: u32 = 10;
/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(120);
/// The environment variable with a password for whatever needs one.
pub(super) const SECRET: &str = "BENCH_SECRET";

/// The identity of a source in PEM files.
pub(super) const PEM: &str =
    "cert = \"pki/client.pem\"\nkey = \"pki/client.key\"\nca = \"pki/ca.pem\"\n";

/// What is configured.
pub(super) struct Collector<'a> {
    pub(super) server: &'a Server,
    /// The keys at the top.
    pub(super) top: String,
    /// The identity of each source.
    pub(super) identities: Vec<String>,
    /// The URL and the other keys of the output.
    pub(super) output: String,
    /// Events of all sources together, after which it stops.
    pub(super) events: u64,
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) elapsed: Duration,
    /// Seconds of processor time.
    pub(super) processor: f64,
    /// Resident memory at most in KiB.
    pub(super) memory: u64,
}

impl<'a> Collector<'a> {
    /// One source, and a file as output.
    pub(super) fn of(server: &'a Server, events: u64) -> Self {
        Self {
            server,
            top: String::new(),
            identities: vec![PEM.to_owned()],
            output: "url = \"file:events\"\n".to_owned(),
            events,
        }
    }

    /// Runs the program to its end, on empty files.
    pub(super) fn run(&self) -> Result<Taken> {
        self.run_as(&program())
    }

    /// As [`run`](Self::run), with another program.
    pub(super) fn run_as(&self, program: &Path) -> Result<Taken> {
        self.server.clean()?;
        let (configuration, log) = (self.server.file("config.toml"), self.server.file("log"));
        fs::write(&configuration, self.configuration())
            .map_err(|error| format!("{configuration}: {error}"))?;
        let said = File::create(&log).map_err(|error| format!("{log}: {error}"))?;
        let mut command = Command::new(program);
        command
            .args(["collect", "--config", &configuration, "--stop-after"])
            .arg(self.events.to_string())
            .env(SECRET, "estreamer")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said);
        let (before, start) = (Usage::now(self.server.id()), Instant::now());
        let mut child = command
            .spawn()
            .map_err(|error| process::could_not_start(&command, &error))?;
        let (is_well, memory) = watched(&mut child)?;
        let taken = Taken {
            elapsed: start.elapsed(),
            processor: Usage::now(self.server.id()).since(&before).client,
            memory,
        };
        self.server.clean()?;
        let said = fs::read_to_string(&log).unwrap_or_default();
        // The last line is about all sources.
        let of = |line| counted(line, "events").or_else(|| counted(line, "event"));
        match said.lines().rev().find_map(of) {
            Some(events) if events == self.events && is_well => Ok(taken),
            _ => Err(format!(
                "`estreamer collect` did not deliver {} events:\n{said}",
                self.events
            )),
        }
    }

    fn configuration(&self) -> String {
        let mut text = format!("state = \"state\"\n{}\n", self.top);
        for (index, identity) in self.identities.iter().enumerate() {
            text += &format!(
                "[[source]]\nname = \"fmc-{index}\"\nserver = {:?}\nfrom = \"oldest\"\n\
                 request = \"request.json\"\n{identity}\n",
                self.server.address
            );
        }
        text + "[[output]]\n" + &self.output
    }
}

/// Waits for the end. Returns whether it was a good one, and the resident memory at most.
fn watched(child: &mut Child) -> Result<(bool, u64)> {
    let status = format!("/proc/{}/status", child.id());
    let (mut memory, mut polls, start) = (0, 0_u32, Instant::now());
    while start.elapsed() < LIMIT {
        if polls % POLLS == 0 {
            let status = fs::read_to_string(&status).unwrap_or_default();
            memory = high_water_mark(&status).unwrap_or(memory);
        }
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok((status.success(), memory));
        }
        thread::sleep(POLL);
        polls += 1;
    }
    process::wait_at_most(child, Duration::ZERO).map(|status| (status.success(), memory))
}

/// The number in `VmHWM:  1234 kB`.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// So many rounds of runs in turns: of each, the one with the least of what counts.
pub(super) fn best(
    rounds: u32,
    count: usize,
    run: impl Fn(usize) -> Result<Taken>,
    counts: impl Fn(&Taken) -> f64,
) -> Result<Vec<Taken>> {
    let mut best: Vec<Taken> = (0..count).map(&run).collect::<Result<_>>()?;
    for _ in 1..rounds {
        for (index, best) in best.iter_mut().enumerate() {
            let next = run(index)?;
            if counts(&next) < counts(best) {
                *best = next;
            }
        }
    }
    Ok(best)
}

impl Taken {
    pub(super) fn seconds(&self) -> f64 {
        self.elapsed.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_memory_is_read() {
        let status = "Name:\ta\nVmPeak:\t  99 kB\nVmHWM:\t   1234 kB\nVmRSS:\t 12 kB\n";
        assert_eq!(high_water_mark(status), Some(1234));
        assert_eq!(high_water_mark("Name:\ta\n"), None);
    }
}
