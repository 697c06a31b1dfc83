//! Tests of the install tree of `cargo xtask dist`: examples, memory errors, cost.
//! `cargo xtask interop` makes the tree and runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::c::identities;
pub(crate) use crate::common::Link;
use crate::common::{FLAGS, compiler, root, shared, succeed};
use crate::dist::{prefix, python};
use crate::server::{PASSWORD, Server};

/// Enough to detect lost, duplicated and truncated events.
const EVENTS: usize = 100_000;

#[test]
#[ignore = "needs pkg-config and libssl-dev; `cargo xtask interop` runs it"]
fn the_examples_collect_what_the_rust_client_collects() {
    let server = Server::new(EVENTS as u64);
    let expected = server.lines(EVENTS);
    let count = EVENTS.to_string();
    for link in [Link::Static, Link::Shared] {
        let blocking = example("blocking", link, &["estreamer"]);
        let mut command = run(&blocking);
        command.args([&server.address(), &server.pkcs12(), PASSWORD, &count]);
        check(&mut command, &expected);

        let epoll = example("epoll", link, &["estreamer", "libssl", "libcrypto"]);
        let mut command = run(&epoll);
        command.args([
            "127.0.0.1",
            &server.port(),
            &server.pkcs12(),
            PASSWORD,
            &count,
        ]);
        check(&mut command, &expected);
    }
    for script in ["collect.py", "collect_asyncio.py"] {
        let mut python = python(&examples().join(script));
        python.args([&server.address(), &server.pkcs12(), PASSWORD, &count]);
        check(&mut python, &expected);
    }
}

#[test]
#[ignore = "needs pkg-config and python3; `cargo xtask interop` runs it"]
fn an_example_resumes_after_a_restart() {
    let server = Server::new(3000);
    let expected = server.lines(3000);
    let state = server.path("state");
    let blocking = example("blocking", Link::Shared, &["estreamer"]);
    let mut all = Vec::new();
    for (mut command, count) in [
        (run(&blocking), "1234"),
        (python(&examples().join("collect.py")), "1766"),
    ] {
        command.args([&server.address(), &server.pkcs12(), PASSWORD, count]);
        all.extend(succeed(command.arg(&state)).stdout);
    }
    assert!(all == expected, "both use the same bookmark");
}

#[test]
#[ignore = "needs mandoc; `cargo xtask interop` runs it"]
fn the_page_of_the_manual_is_well_formed() {
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-T", "lint", "-W", "warning"]);
    succeed(mandoc.arg(prefix().join("share/man/man3/estreamer.3")));
}

#[test]
#[ignore = "needs python3; `cargo xtask interop` runs it"]
fn the_python_module_takes_its_settings_and_waits_without_work() {
    let server = Server::new(1000);
    let mut python = python(&root().join("tests/python/module.py"));
    succeed(python.args(identities(&server, &[])));
}

#[test]
#[ignore = "needs g++; `cargo xtask interop` runs it"]
fn the_headers_compile_in_every_language_version() {
    let include = prefix().join("include");
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("header.c");
    std::fs::write(&source, USE_IN_BOTH).unwrap();
    for (compiler, language, standards) in [
        ("cc", "c", ["c99", "c11", "gnu17"]),
        ("c++", "c++", ["c++11", "c++17", "c++20"]),
    ] {
        for standard in standards {
            let mut command = Command::new(compiler);
            command.args(["-x", language, &format!("-std={standard}"), "-fsyntax-only"]);
            command.args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
            succeed(command.arg("-I").arg(&include).arg(&source));
        }
    }
}

/// Uses the macros, so that they are compiled.
const USE_IN_BOTH: &str = "#include <estreamer.h>\n\
    int main(void) {\n\
    est_config config = EST_CONFIG_DEFAULT;\n\
    est_client_config client = EST_CLIENT_CONFIG_DEFAULT;\n\
    unsigned char memory[EST_SESSION_MEMORY(64, 128)];\n\
    (void)config; (void)client; (void)memory;\n\
    return EST_VERSION < EST_VERSION_NUMBER(0, 1, 0) || EST_VERSION_TEXT[0] == 0;\n}\n";

#[test]
#[ignore = "needs valgrind and libssl-dev; `cargo xtask interop` runs it"]
fn valgrind_finds_no_error_and_no_leak_in_the_first_layer() {
    for sources in FIRST_LAYER {
        let directory = tempfile::tempdir().unwrap();
        let program = build(directory.path(), sources);
        succeed(valgrind(&[]).arg(program));
    }
    let server = Server::new(2000);
    let epoll = example("epoll", Link::Shared, &["estreamer", "libssl", "libcrypto"]);
    let mut command = valgrind(&[]);
    command.arg(&epoll.path);
    command.args([
        "127.0.0.1",
        &server.port(),
        &server.pkcs12(),
        PASSWORD,
        "2000",
    ]);
    check(library_path(&mut command), &server.lines(2000));
}

#[test]
#[ignore = "needs valgrind; `cargo xtask interop` runs it"]
fn valgrind_finds_only_known_reports_in_the_second_layer() {
    let known = format!(
        "--suppressions={}",
        prefix().join("share/estreamer/valgrind.supp").display()
    );
    let server = Server::new(2000);
    let blocking = example("blocking", Link::Shared, &["estreamer"]);
    let mut command = valgrind(&[&known]);
    command.arg(&blocking.path);
    command.args([&server.address(), &server.pkcs12(), PASSWORD, "2000"]);
    command.arg(server.path("state"));
    check(library_path(&mut command), &server.lines(2000));

    let directory = tempfile::tempdir().unwrap();
    let program = build(directory.path(), &["tests/c/client_misuse.c"]);
    succeed(valgrind(&[&known]).arg(program));
    let server = Server::new(1);
    let program = build(directory.path(), &["tests/c/client_threads.c"]);
    let mut command = valgrind(&[&known]);
    command.arg(program);
    succeed(command.args([&server.address(), &server.pkcs12(), PASSWORD]));
    let server = Server::new(100);
    let program = build(directory.path(), &["tests/c/client_settings.c"]);
    let mut command = valgrind(&[&known]);
    succeed(command.arg(program).args(identities(&server, &[])));
}

#[test]
#[ignore = "needs strace; `cargo xtask interop` runs it"]
fn a_closed_connection_cannot_raise_a_signal() {
    let server = Server::new(2000);
    let blocking = example("blocking", Link::Shared, &["estreamer"]);
    let log = server.path("strace");
    let mut command = Command::new("strace");
    // All system calls that the library writes to a socket with.
    command.args(["-f", "-e", "trace=writev,sendto,sendmsg", "-o"]);
    command.arg(&log).arg(&blocking.path);
    command.args([&server.address(), &server.pkcs12(), PASSWORD, "2000"]);
    succeed(library_path(&mut command));
    let log = std::fs::read_to_string(log).unwrap();
    let calls = log.lines().filter(|line| line.contains('('));
    let (quiet, loud): (Vec<_>, Vec<_>) = calls.partition(|line| line.contains("MSG_NOSIGNAL"));
    assert!(loud.is_empty(), "{loud:?}");
    assert!(
        !quiet.is_empty(),
        "request, nulls and error message were sent"
    );
}

#[test]
#[ignore = "needs a library made for it; `cargo xtask interop` runs it"]
fn the_first_layer_passes_the_sanitizers() {
    for sources in FIRST_LAYER {
        succeed(&mut sanitized(tempfile::tempdir().unwrap().path(), sources));
    }
}

#[test]
#[ignore = "needs a library made for it; `cargo xtask interop` runs it"]
fn the_second_layer_passes_the_sanitizers() {
    let directory = tempfile::tempdir().unwrap();
    succeed(&mut sanitized(
        directory.path(),
        &["tests/c/client_misuse.c"],
    ));
    let server = Server::new(100);
    let mut command = sanitized(directory.path(), &["tests/c/client_settings.c"]);
    succeed(command.args(identities(&server, &[])));
}

#[test]
#[ignore = "needs a library made for it; `cargo xtask interop` runs it"]
fn the_sanitizers_watch_inside_the_library() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = sanitized(directory.path(), &["tests/c/freed_too_early.c"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("heap-use-after-free"), "{said}");
    let place = said
        .lines()
        .find(|line| line.trim_start().starts_with("#0"));
    assert!(place.unwrap().contains("estreamer_core_capi"), "{said}");
}

/// A test in C and the library it calls, both under sanitizers.
fn sanitized(directory: &Path, sources: &[&str]) -> Command {
    let program = directory.join("program");
    let mut command = compiler(&program, sources);
    command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    let library = project().join("target/sanitized/lib/libestreamer_capi.so");
    succeed(shared(command.arg("-g"), &library));
    // A failed allocation must return null, as without a sanitizer.
    let mut command = Command::new(program);
    command.env("ASAN_OPTIONS", "allocator_may_return_null=1");
    command
}

/// The test programs of the first layer.
const FIRST_LAYER: [&[&str]; 3] = [
    &[
        "tests/c/conversation_main.c",
        "../../core/capi/c/conversation.c",
    ],
    &["tests/c/session_misuse.c"],
    &["tests/c/session_threads.c"],
];

#[test]
#[ignore = "needs valgrind; `cargo xtask interop` runs it"]
fn an_event_costs_at_most_sixty_instructions_more_than_in_rust() {
    let directory = tempfile::tempdir().unwrap();
    let through = build(directory.path(), &["../../core/capi/c/through.c"]);
    let direct = project().join("target/release/examples/direct");
    let cost = |program: &Path| {
        // The difference removes the cost of the start.
        let [few, many] = ["100", "300"].map(|bundles| instructions(program, bundles));
        (many - few) as f64 / 20_000.0
    };
    let (through, direct) = (cost(&through), cost(&direct));
    println!("{through:.1} instructions per event, in Rust {direct:.1}");
    assert!(through - direct <= 60.0, "{through:.1} - {direct:.1}");
}

fn instructions(program: &Path, bundles: &str) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let output = succeed(library_path(command.arg(program).arg(bundles)));
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("callgrind tells no number: {said}"))
}

/// An example program and its directory.
pub(crate) struct Example {
    pub(crate) path: PathBuf,
    _directory: tempfile::TempDir,
}

/// Where the examples are.
fn examples() -> PathBuf {
    prefix().join("share/estreamer/examples")
}

/// Compiles an example with the command in its first lines.
pub(crate) fn example(name: &str, link: Link, packages: &[&str]) -> Example {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let mut packages = packages.to_vec();
    if link == Link::Static {
        packages[0] = "estreamer-static";
    }
    let mut command = Command::new("cc");
    command.args(FLAGS).arg("-o").arg(&path);
    command.arg(examples().join(format!("{name}.c")));
    command.args(pkg_config(&packages));
    succeed(&mut command);
    let needs = succeed(Command::new("readelf").arg("-d").arg(&path)).stdout;
    let needs = String::from_utf8_lossy(&needs).into_owned();
    assert_eq!(needs.contains("[libestreamer.so.0]"), link == Link::Shared);
    Example {
        path,
        _directory: directory,
    }
}

/// Compiles a test in C against the shared library of the tree.
fn build(directory: &Path, sources: &[&str]) -> PathBuf {
    let program = directory.join("program");
    let mut command = compiler(&program, sources);
    succeed(shared(&mut command, &prefix().join("lib/libestreamer.so")));
    program
}

fn pkg_config(packages: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
    let output = succeed(command.args(["--cflags", "--libs"]).args(packages));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Runs a command that must succeed and print these events and their number.
#[track_caller]
fn check(command: &mut Command, expected: &[u8]) {
    let output = succeed(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.stdout == expected, "other events; {said}");
    let count = expected.iter().filter(|&&byte| byte == b'\n').count();
    assert!(said.contains(&format!("{count} events")), "{said}");
}

fn run(example: &Example) -> Command {
    let mut command = Command::new(&example.path);
    library_path(&mut command);
    command
}

fn valgrind(options: &[&str]) -> Command {
    let mut command = Command::new("valgrind");
    command.args([
        "--error-exitcode=9",
        "--leak-check=full",
        "--fair-sched=yes",
    ]);
    command.args(options);
    command
}

pub(crate) fn library_path(command: &mut Command) -> &mut Command {
    command.env("LD_LIBRARY_PATH", prefix().join("lib"))
}

fn project() -> PathBuf {
    root().join("../..")
}
