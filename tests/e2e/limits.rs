//! The system gives no further thread. Run by `cargo xtask interop`, which
//! installs strace.

use std::process::Command;

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{Ended, Scene};

#[test]
#[ignore = "needs the strace program"]
fn a_limit_on_threads_is_one_sentence_at_every_start_of_one() {
    let scene = Scene::new(100, Oddities::default(), |builder| builder);
    let mut refused = 0;
    loop {
        let mut program = scene.collect("out", &format!("state{refused}"));
        program.args(["--output", "-", "--stop-after", "100"]);
        let inject = format!("inject=clone3:error=EAGAIN:when={}+", refused + 1);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=clone3", "-e", &inject, "-o"]);
        command.arg(scene.path("trace"));
        command.arg(program.get_program()).args(program.get_args());
        command.env("RUST_BACKTRACE", "1");
        let ended = Ended::of(&mut command);
        let trace = std::fs::read_to_string(scene.path("trace")).unwrap();
        if !trace.contains("INJECTED") {
            break;
        }
        // Only the status can be missing without harm.
        let is_status = ended.stderr.contains("\"status socket\"");
        let status = if is_status { 0 } else { 1 };
        assert_eq!(ended.status.code(), Some(status), "{}", ended.stderr);
        for words in ["cannot start the thread", "imit on threads"] {
            assert!(ended.stderr.contains(words), "{}", ended.stderr);
        }
        refused += 1;
    }
    // Signals, status, dispatcher, committer, resolver, and one for each output.
    assert!(refused >= 6, "{refused}");
}
