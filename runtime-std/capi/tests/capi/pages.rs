//! Builds and runs the programs in `docs` with the commands given there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{root, succeed};
use crate::install::prefix;
use crate::server::{PASSWORD, Server};

const EVENTS: usize = 300;
/// The command in docs/java.md.
const JAVA: &str = "java -cp /usr/share/java/jna.jar:. First";

#[test]
#[ignore = "needs pkg-config, g++, go, javac, JNA and python3; `cargo xtask interop` runs it"]
fn the_programs_on_the_pages_print_every_event() {
    let server = Server::new(EVENTS as u64);
    let expected = server.lines(EVENTS);
    for (page, language, file, programs) in [
        ("c.md", "c", "first.c", &["./first", "./first-static"][..]),
        ("cpp.md", "cpp", "first.cpp", &["./first-cpp"]),
        ("go.md", "go", "first.go", &["./first-go"]),
        ("java.md", "java", "First.java", &[JAVA]),
        ("python.md", "python", "first.py", &["python3 first.py"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(root().join("../../docs").join(page)).unwrap();
        let code = block(&text, language).expect("a program");
        fs::write(directory.path().join(file), code).unwrap();
        for line in block(&text, "bash").unwrap_or_default().lines() {
            succeed(&mut shell(directory.path(), line));
        }
        for program in programs {
            let arguments = [&server.address(), &server.pkcs12(), PASSWORD].join(" ");
            let line = format!("{program} {arguments} {EVENTS}");
            let output = succeed(&mut shell(directory.path(), &line));
            assert!(output.stdout == expected, "{page}: {program}");
        }
    }
}

/// A shell command in a directory, with the library installed.
fn shell(directory: &Path, line: &str) -> Command {
    let lib = prefix().canonicalize().unwrap().join("lib");
    let mut command = Command::new("sh");
    command.current_dir(directory).args(["-c", line]);
    command.env("PKG_CONFIG_PATH", lib.join("pkgconfig"));
    command.env("LD_LIBRARY_PATH", lib);
    command.env("PYTHONPATH", root().join("python"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    // Go needs a cache directory, and must not use the network.
    command.env("GOCACHE", directory.join("cache"));
    command.env("GOPROXY", "off");
    command
}

/// The first code block in a language.
fn block(page: &str, language: &str) -> Option<String> {
    let start = format!("```{language}\n");
    let (_, rest) = page.split_once(&start)?;
    let (block, _) = rest.split_once("```")?;
    Some(block.to_owned())
}
