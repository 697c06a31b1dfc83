//! Runs the commands of the pages in `docs` as they are printed, with the programs there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::common::{root, succeed};
use crate::dist::file;
use crate::server::{PASSWORD, Server};

/// The events that each program on the pages prints.
const EVENTS: usize = 10;

/// A page, the files whose contents it shows (language and name), and how many times a
/// program on it prints the events.
type Page = (&'static str, &'static [(&'static str, &'static str)], usize);

#[test]
#[ignore = "needs cmake, libssl-dev and valgrind; `cargo xtask interop` runs it"]
fn the_page_about_c_runs_as_printed_with_gcc_and_clang() {
    const C: Page = ("c.md", &[("c", "first.c"), ("cmake", "CMakeLists.txt")], 8);
    run(&C, "gcc", "g++");
    run(&C, "clang", "clang++");
}

#[test]
#[ignore = "needs g++, clang, go, javac, JNA and python3; `cargo xtask interop` runs it"]
fn the_pages_about_other_languages_run_as_printed() {
    const CPP: Page = ("cpp.md", &[("cpp", "first.cpp")], 2);
    run(&CPP, "gcc", "g++");
    run(&CPP, "clang", "clang++");
    run(&("go.md", &[("go", "first.go")], 1), "gcc", "g++");
    run(&("java.md", &[("java", "First.java")], 1), "gcc", "g++");
    run(
        &(
            "python.md",
            &[("python", "first.py"), ("python", "loop.py")],
            2,
        ),
        "gcc",
        "g++",
    );
}

/// Runs all commands of a page in one shell, in a directory of its own.
fn run((page, files, times): &Page, cc: &str, cxx: &str) {
    let server = Server::new(1000);
    let expected = server.lines(EVENTS).repeat(*times);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let text = fs::read_to_string(root().join("../../docs").join(page)).unwrap();
    for (index, (language, name)) in files.iter().enumerate() {
        let before = files[..index].iter().filter(|file| file.0 == *language);
        let program = blocks(&text, language).nth(before.count());
        fs::write(path(name), program.expect("a program")).unwrap();
    }
    for end in [".tar.gz", ".whl"] {
        let packed = file(end);
        symlink(
            &packed,
            path(&packed.file_name().unwrap().to_string_lossy()),
        )
        .unwrap();
    }
    symlink(server.pkcs12(), path("client.p12")).unwrap();
    // The compilers by the names on the page.
    fs::create_dir(path("bin")).unwrap();
    for (name, compiler) in [("cc", cc), ("c++", cxx)] {
        symlink(which(compiler), path("bin").join(name)).unwrap();
    }
    let commands: Vec<&str> = blocks(&text, "bash").collect();
    let mut shell = Command::new("sh");
    shell.current_dir(directory.path());
    shell.args(["-e", "-c", &commands.concat()]);
    let others = std::env::var("PATH").unwrap();
    shell.env("PATH", format!("{}:{others}", path("bin").display()));
    shell
        .env("SERVER", server.address())
        .env("PASSWORD", PASSWORD);
    // Go needs a cache directory, and must not use the network.
    shell.env("GOCACHE", cache()).env("GOPROXY", "off");
    let output = succeed(&mut shell);
    let (events, _): (Vec<_>, Vec<_>) = output
        .stdout
        .split_inclusive(|&byte| byte == b'\n')
        .partition(|line| line.starts_with(b"{"));
    assert!(
        events.concat() == expected,
        "{page} with {cc}: other events"
    );
}

/// Kept between runs: to compile Go's own packages takes long.
fn cache() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("go")
}

fn which(program: &str) -> String {
    let mut command = Command::new("sh");
    let output = succeed(command.args(["-c", &format!("command -v {program}")]));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The code blocks in a language.
fn blocks<'a>(page: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("```{language}\n");
    let parts: Vec<&str> = page.split(&start).skip(1).collect();
    parts
        .into_iter()
        .filter_map(|part| Some(part.split_once("```")?.0))
}
