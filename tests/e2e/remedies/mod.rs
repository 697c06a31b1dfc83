//! Every remedy that names an option, a key or a command is executed: a situation makes the
//! program print it, the remedy is applied as it is written, and the program accepts it.
//! `inventory` finds such remedies in the source, so that a new one needs a case here.

mod inventory;
mod of_configurations;
mod of_options;
mod of_servers;

use std::process::Command;
use std::thread;

use estreamer_tests::{Ended, Pki, estreamer};

/// What the program has printed in all situations.
pub(super) struct Printed(String);

impl Printed {
    /// Runs a command that fails or warns, and keeps what it printed.
    #[track_caller]
    pub(super) fn by(&mut self, command: &mut Command) -> String {
        let ended = Ended::of(command);
        let text = String::from_utf8_lossy(&ended.stdout).into_owned() + &ended.stderr;
        assert!(!text.contains("panicked"), "{text}");
        // A report breaks its lines between words.
        self.0 += &text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.0.push('\n');
        text
    }

    /// As [`by`](Self::by), for a command that is refused with these words.
    #[track_caller]
    pub(super) fn refused(&mut self, command: &mut Command, words: &str) -> String {
        let text = self.by(command);
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(words), "no {words:?} in {text}");
        text
    }
}

/// Checks that the command line is accepted: it may fail, but not be refused as wrong.
#[track_caller]
pub(super) fn accepted(command: &mut Command) {
    let ended = Ended::of(command);
    assert_ne!(ended.status.code(), Some(2), "{}", ended.stderr);
}

/// `estreamer check` of a text in a file beside the PKI.
pub(super) fn check(pki: &Pki, text: &str) -> Command {
    let config = pki.write("c.toml", text);
    let mut command = estreamer(&["check", &config]);
    command.env_remove("STATE_DIRECTORY");
    command.env_remove("CREDENTIALS_DIRECTORY");
    command
}

/// A file of the certificates that other programs made.
pub(super) fn fixture(name: &str) -> String {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../runtime-mio/src/tls/fixtures"
    );
    format!("{folder}/{name}")
}

/// What makes the program print its remedies. Some wait for servers, so they are made side by
/// side.
const SITUATIONS: [fn(&mut Printed); 7] = [
    of_configurations::run,
    of_options::run,
    of_servers::certificates,
    of_servers::requests,
    of_servers::round_trips,
    of_servers::records,
    of_servers::bookmarks,
];

#[test]
fn every_remedy_that_names_something_is_printed_somewhere_and_accepted() {
    let printed: String = thread::scope(|scope| {
        let all = SITUATIONS.map(|situation| {
            scope.spawn(move || {
                let mut printed = Printed(String::new());
                situation(&mut printed);
                printed.0
            })
        });
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let missing: Vec<String> = inventory::remedies()
        .into_iter()
        .filter(|remedy| !remedy.parts.iter().all(|part| printed.contains(part)))
        .map(|remedy| format!("{}: {:?}", remedy.file, remedy.parts))
        .collect();
    assert!(missing.is_empty(), "no case for\n{}", missing.join("\n"));
}
