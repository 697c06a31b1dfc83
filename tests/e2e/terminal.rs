//! Events, the log and the progress line on a terminal. Run by `cargo xtask interop`, which installs python3.

use std::process::Command;

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{Ended, Scene, message};

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

/// What a terminal shows of a collector that runs for a second, with this before its
/// command line in a shell.
fn shown(scene: &Scene, shell: &str) -> String {
    let mut program = scene.collect("unused", "state");
    program.args(["--output", "-", "--reset-bookmark", "--stop-when-idle", "1"]);
    let mut terminal = Command::new("python3");
    terminal.args(["-c", ON_A_TERMINAL, "sh", "-c", shell, "sh"]);
    terminal.arg(program.get_program()).args(program.get_args());
    String::from_utf8(Ended::of(&mut terminal).success().stdout).unwrap()
}

#[test]
#[ignore = "needs the python3 program"]
fn the_progress_line_gives_way_to_the_log_and_is_gone_at_the_end() {
    let scene = Scene::new(20, Oddities::default(), |builder| builder);
    let elsewhere = format!("exec \"$@\" > {}", scene.path("events").display());
    let text = shown(&scene, &elsewhere);
    assert!(
        text.contains("20 events accepted, 20 received, 0 in flight, "),
        "{text}"
    );
    // Redrawn five times a second at most: 1 s, with the first and the last.
    let redrawn = text.matches(" events accepted, ").count();
    assert!((2..=20).contains(&redrawn), "{redrawn}: {text}");
    let mut logged = 0;
    for line in text.lines() {
        // What stands before it on its line was erased.
        let last = line.rsplit("\x1b[2K").next().unwrap_or_default();
        let line = last.trim_start_matches(['\r', ' ']);
        if line.contains(" INFO ") {
            assert_ne!(
                message(line),
                line,
                "a log line begins with its time: {line:?}"
            );
            logged += 1;
        }
    }
    assert_eq!(logged, 5, "{text}");
    let (_, end) = text.rsplit_once("\x1b[2K").unwrap();
    assert_eq!(end.trim(), "", "{text}");
}

#[test]
#[ignore = "needs the python3 program"]
fn where_the_terminal_shows_the_events_there_is_no_progress_line() {
    let scene = Scene::new(20, Oddities::default(), |builder| builder);
    for shell in ["exec \"$@\"", "exec \"$@\" > /dev/tty"] {
        let text = shown(&scene, shell);
        assert!(!text.contains(" accepted, "), "{text}");
        assert!(text.contains("20 events, "), "{text}");
    }
    let text = shown(
        &scene,
        &format!("exec \"$@\" --quiet > {}", scene.path("events").display()),
    );
    assert_eq!(text, "");
}
