//! Events on a terminal. Run by `cargo xtask interop`, which installs python3.

use std::process::Command;

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{Ended, Scene};

/// Runs its arguments on a terminal of their own, and prints what they print.
const ON_A_TERMINAL: &str = "import os, pty, sys\n\
    read = lambda fd: os.read(fd, 4096)\n\
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read)))";

#[test]
#[ignore = "needs the python3 program"]
fn control_bytes_reach_a_pipe_as_they_came_and_a_terminal_as_text() {
    let scene = Scene::new(20, Oddities::default(), |builder| builder);
    let mut program = scene.collect("unused", "state");
    // Before each event four bytes say its length: most of them are NUL.
    program.args(["--format", "raw", "--output", "-", "--quiet"]);
    program.args(["--reset-bookmark", "--event", "file", "--stop-after", "2"]);
    let piped = Ended::of(&mut program).success();
    assert!(piped.stdout.contains(&0), "as it came");
    let mut terminal = Command::new("python3");
    terminal.args(["-c", ON_A_TERMINAL]);
    terminal.arg(program.get_program()).args(program.get_args());
    let shown = Ended::of(&mut terminal).success();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("\\u0000\\u0000"), "{text}");
    // The terminal ends its lines itself.
    let steers = |c: char| c.is_control() && c != '\n' && c != '\r';
    assert!(!text.contains(steers), "{text}");
}
