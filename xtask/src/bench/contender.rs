//! The clients: how each is started, and how it says that it has everything.

use std::process::Output;

use super::load::{EVENTS, EVENTS_OF_PYTHON, Load};
use super::scene::{Server, program};
use crate::{Result, tree};

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Contender {
    /// The program: a file, a bookmark, duplicates removed.
    Collector,
    /// The program without a file and a bookmark: lines to nowhere.
    Discard,
    /// The program with both, from a server that leaves Nagle's algorithm on.
    Nagle,
    /// A loop over the TLS library that throws all away.
    Drain,
    /// The same, and a second thread writes all bytes.
    WritingDrain,
    /// What one would write in an afternoon.
    Python,
}

impl Contender {
    pub(super) const ALL: [Self; 6] = [
        Self::Collector,
        Self::Discard,
        Self::Drain,
        Self::WritingDrain,
        Self::Nagle,
        Self::Python,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::Discard => "collector without a file",
            Self::Nagle => "collector, Nagle on",
            Self::Drain => "bare drain",
            Self::WritingDrain => "drain that writes",
            Self::Python => "Python client",
        }
    }

    /// Its server.
    pub(super) fn load(self) -> Load {
        let mut load = Load::default();
        if self == Self::Nagle {
            load.more = ["--chaos", "nagle"].map(String::from).into();
        }
        load
    }

    /// Events it reads in a run.
    pub(super) const fn events(self) -> u64 {
        match self {
            Self::Python => EVENTS_OF_PYTHON,
            _ => EVENTS,
        }
    }

    /// The program and its arguments, to read so many events into empty files.
    pub(super) fn arguments(self, server: &Server, events: u64) -> Vec<String> {
        let file = |name: &str| server.file(name);
        let in_tree = |name: &str| tree::root().join(name).to_string_lossy().into_owned();
        let (certificate, key, ca) = (
            file("pki/client.pem"),
            file("pki/client.key"),
            file("pki/ca.pem"),
        );
        let (address, request) = (server.address.clone(), file("request.json"));
        match self {
            Self::Collector | Self::Discard | Self::Nagle => {
                let mut arguments = vec![program().to_string_lossy().into_owned()];
                let options = [
                    ("--server", address),
                    ("--cert", certificate),
                    ("--key", key),
                    ("--ca", ca),
                    ("--request", request),
                    ("--from", "oldest".to_owned()),
                    ("--stop-after", events.to_string()),
                ];
                let (state, events) = (file("state"), format!("file:{}", file("events")));
                let delivered = match self {
                    Self::Discard => vec![("--output", "stdout:".to_owned())],
                    _ => vec![("--state", state), ("--output", events)],
                };
                arguments.push("collect".to_owned());
                for (option, value) in options.into_iter().chain(delivered) {
                    arguments.extend([option.to_owned(), value]);
                }
                arguments
            }
            Self::Drain | Self::WritingDrain => {
                let drain = in_tree("target/release/examples/drain");
                let bundles = (events / server.bundle).to_string();
                let mut arguments = vec![drain, address, certificate, key, request, bundles];
                arguments.extend((self == Self::WritingDrain).then(|| file("events")));
                arguments
            }
            Self::Python => vec![
                "python3".to_owned(),
                // Leaves no compiled module in the source tree.
                "-B".to_owned(),
                in_tree("tests/python/json_client.py"),
                address,
                certificate,
                key,
                ca,
                request,
                events.to_string(),
                file("events"),
            ],
        }
    }

    /// Whether it ended well and got so many events, in full bundles.
    pub(super) fn judge(self, bundle: u64, events: u64, output: &Output) -> Result {
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let got = match self {
            Self::Drain | Self::WritingDrain => counted(&said, "bundles").map(|n| n * bundle),
            _ => counted(&said, "events"),
        };
        match got {
            Some(got) if got == events && output.status.success() => Ok(()),
            _ => Err(format!(
                "{}: {}, and not {events} events:\n{said}",
                self.name(),
                output.status
            )),
        }
    }
}

/// The first number before a word: 7 in `requested events … 7 events, 2 bundles`.
pub(super) fn counted(said: &str, what: &str) -> Option<u64> {
    let words: Vec<_> = said.split_whitespace().collect();
    words
        .windows(2)
        .filter(|pair| pair[1].trim_end_matches(',') == what)
        .find_map(|pair| pair[0].parse().ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    const SUMMARY: &str = "2026-01-31T12:00:00Z INFO a: requested events from the oldest on\n\
                           2026-01-31T12:00:05Z INFO 1000000 events, 949.5 MiB, 4.71 s, 212134 \
                           events/s on average, 10000 bundles, 10000 nulls\n";

    fn output(status: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            status: ExitStatus::from_raw(status),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    #[test]
    fn the_number_before_a_word_is_found() {
        assert_eq!(counted(SUMMARY, "events"), Some(1_000_000));
        assert_eq!(counted(SUMMARY, "bundles"), Some(10_000));
        assert_eq!(counted(SUMMARY, "nulls"), Some(10_000));
        assert_eq!(counted(SUMMARY, "errors"), None);
        assert_eq!(counted("many events", "events"), None);
    }

    #[test]
    fn only_who_got_everything_and_ended_well_counts() {
        let judge = |contender: Contender, output| contender.judge(100, 1_000_000, &output).is_ok();
        assert!(judge(Contender::Collector, output(0, "", SUMMARY)));
        assert!(!judge(Contender::Collector, output(256, "", SUMMARY)));
        assert!(!judge(Contender::Collector, output(0, "", "")));
        let drained = "10000 bundles, 1018735329 bytes\n";
        assert!(judge(Contender::Drain, output(0, drained, "")));
        assert!(!judge(
            Contender::Drain,
            output(0, "9999 bundles, 1 bytes\n", "")
        ));
        assert!(judge(Contender::Python, output(0, "1000000 events\n", "")));
        assert!(!judge(Contender::Python, output(0, "999999 events\n", "")));
    }

    #[test]
    fn everybody_reads_whole_bundles() {
        for contender in Contender::ALL {
            assert_eq!(
                contender.events() % contender.load().bundle,
                0,
                "{}",
                contender.name()
            );
        }
    }
}
