//! The command line: one file per command.

mod capture;
mod catalog;
mod collect;
mod collection;
mod demo;
mod doctor;
mod from;
mod identity;
mod identity_args;
mod password;
mod pki;
mod signals;
mod simulate;
mod verification;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// Collect fully-qualified events from Cisco Secure Firewall Management Centers,
/// and be such a server for tests.
#[derive(Parser)]
#[command(
    name = "estreamer",
    bin_name = "estreamer",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Collect(Box<collect::Collect>),
    Doctor(Box<doctor::Doctor>),
    Identity(identity::Identity),
    Simulate(simulate::Simulate),
    Pki(pki::Pki),
    Catalog(catalog::Catalogue),
    Capture(capture::Capture),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and ends well, usage errors end with 2; if
            // even that cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = match cli.command {
        Command::Demo(demo) => demo.run(),
        Command::Collect(collect) => collect.run(),
        Command::Doctor(doctor) => return doctor.run(),
        Command::Identity(identity) => identity.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Pki(pki) => pki.run(),
        Command::Catalog(catalog) => catalog.run(),
        Command::Capture(capture) => capture.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
