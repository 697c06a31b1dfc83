//! The C compiler, and the library that cargo built for these tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The flags for all C programs.
pub(crate) const FLAGS: [&str; 6] = [
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    "-O1",
];

/// The system libraries that the static library needs.
const SYSTEM: [&str; 5] = ["-lgcc_s", "-lpthread", "-ldl", "-lm", "-lc"];

/// How a program is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// libestreamer.a
    Static,
    /// libestreamer.so
    Shared,
}

/// Compiles C files into a program, linked with the library that cargo built for these
/// tests.
pub(crate) fn compile(directory: &Path, sources: &[&str], link: Link) -> PathBuf {
    let program = directory.join(format!("{link:?}"));
    let mut command = compiler(&program, sources);
    match link {
        Link::Static => command.arg(library("libestreamer_capi.a")).args(SYSTEM),
        Link::Shared => shared(&mut command, &library("libestreamer_capi.so")),
    };
    succeed(&mut command);
    program
}

/// The command that compiles C files into `program`, without the library.
pub(crate) fn compiler(program: &Path, sources: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    command.args(FLAGS).arg("-o").arg(program);
    for folder in ["include", "../../core/capi/c", "tests/c"] {
        command.arg("-I").arg(root().join(folder));
    }
    command.args(sources.iter().map(|source| root().join(source)));
    command
}

/// Adds a shared library, which the program finds at its current path.
pub(crate) fn shared<'a>(command: &'a mut Command, library: &Path) -> &'a mut Command {
    let folder = library.parent().expect("a file lies in a folder");
    let path = format!("-Wl,-rpath,{}", folder.display());
    command.arg(library).arg(path).arg("-lpthread")
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}",
        output.status
    );
    output
}

/// A library that cargo built for these tests.
pub(crate) fn library(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a test has a path");
    this.parent().expect("a file lies in a folder").join(name)
}

/// The folder of this package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
