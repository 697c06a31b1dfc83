//! C programs, linked with both libraries.

use std::process::Command;

use crate::common::{Link, compile, succeed};
use crate::server::{PASSWORD, Server};

/// Compiles these files, links them with each library, and runs the programs.
fn run(sources: &[&str]) {
    run_with(sources, &[]);
}

fn run_with(sources: &[&str], arguments: &[&str]) {
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
#[ignore = "takes a minute; `cargo xtask interop` runs it"]
fn every_allocation_that_fails_ends_in_a_status() {
    let server = Server::new(100_000);
    let state = server.path("state");
    run_with(
        &["tests/c/out_of_memory.c"],
        &[
            &server.address(),
            &server.pkcs12(),
            PASSWORD,
            &state.to_string_lossy(),
        ],
    );
}
