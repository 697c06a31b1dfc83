//! C programs, linked with both libraries.

use std::ffi::OsStr;
use std::process::Command;

use crate::common::{Link, compile, succeed};
use crate::server::{PASSWORD, Server};

/// Compiles these files, links them with each library, and runs the programs.
fn run(sources: &[&str]) {
    run_with(sources, &[""; 0]);
}

fn run_with(sources: &[&str], arguments: &[impl AsRef<OsStr>]) {
    let directory = tempfile::tempdir().unwrap();
    for link in [Link::Static, Link::Shared] {
        let program = compile(directory.path(), sources, link);
        succeed(Command::new(program).args(arguments));
    }
}

#[test]
fn a_session_behaves_as_on_a_microcontroller() {
    run(&[
        "tests/c/conversation_main.c",
        "../../core/capi/c/conversation.c",
    ]);
}

#[test]
fn a_misused_session_returns_a_status() {
    run(&["tests/c/session_misuse.c"]);
}

#[test]
fn two_threads_cannot_be_in_one_session() {
    run(&["tests/c/session_threads.c"]);
}

#[test]
fn a_misused_client_returns_a_status() {
    run(&["tests/c/client_misuse.c"]);
}

#[test]
fn numbers_and_layouts_of_the_abi_are_unchanged() {
    run(&["tests/c/abi.c"]);
}

#[test]
fn a_second_thread_in_a_client_is_refused_and_may_interrupt_the_first() {
    let server = Server::new(1);
    run_with(
        &["tests/c/client_threads.c"],
        &[&server.address(), &server.pkcs12(), PASSWORD],
    );
}

#[test]
fn a_client_takes_an_identity_from_memory_and_joins_an_event_loop() {
    let server = Server::new(1000);
    run_with(&["tests/c/client_settings.c"], &identities(&server, &[]));
}

#[test]
#[ignore = "takes a minute; `cargo xtask interop` runs it"]
fn every_allocation_that_fails_ends_in_a_status() {
    // Each session takes three events, so that none is left over.
    let server = Server::in_bundles(10_000, 3);
    let state = server.path("state").to_string_lossy().into_owned();
    let directory = tempfile::tempdir().unwrap();
    let program = compile(directory.path(), &["tests/c/out_of_memory.c"], Link::Shared);
    succeed(Command::new(program).args(identities(&server, &[&state])));
}

/// The server, its client's identity as PKCS#12, more arguments, and the same as PEM.
pub(crate) fn identities(server: &Server, more: &[&str]) -> Vec<String> {
    let pem = |name: &str| server.path(name).to_string_lossy().into_owned();
    let mut all = vec![server.address(), server.pkcs12(), PASSWORD.to_owned()];
    all.extend(more.iter().map(|&argument| argument.to_owned()));
    all.extend(["pki/client.pem", "pki/client.key", "pki/ca.pem"].map(pem));
    all
}
