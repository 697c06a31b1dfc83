//! The program `estreamer`: one file per command.

mod capture;
mod catalog;
mod check;
mod collect;
mod convert;
mod demo;
mod doctor;
mod identity;
mod identity_args;
mod migrate;
mod notify;
mod password;
mod pki;
mod remedy;
mod request;
mod request_args;
mod signals;
mod simulate;
mod verification;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use estreamer::failure::{Cause, Failure};
use estreamer::say;

/// Collect fully-qualified events from Cisco Secure Firewall Management Centers, and
/// simulate such a server for tests.
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
    Demo(demo::DemoCommand),
    Collect(Box<collect::CollectCommand>),
    Check(check::CheckCommand),
    Doctor(Box<doctor::DoctorCommand>),
    Request(Box<request::RequestCommand>),
    Identity(identity::IdentityCommand),
    Simulate(simulate::SimulateCommand),
    Pki(pki::PkiCommand),
    Catalog(catalog::CatalogCommand),
    Capture(capture::CaptureCommand),
    Convert(convert::ConvertCommand),
    Migrate(migrate::MigrateCommand),
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let matches = command().try_get_matches();
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout with status 0, a usage error to stderr with status 2. An
            // error of printing cannot be reported.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = match cli.command {
        Command::Demo(demo) => demo.run(),
        Command::Collect(collect) => collect.run(),
        Command::Check(check) => check.run(),
        Command::Doctor(doctor) => return doctor.run(),
        Command::Request(request) => request.run(),
        Command::Identity(identity) => identity.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Pki(pki) => pki.run(),
        Command::Catalog(catalog) => catalog.run(),
        Command::Capture(capture) => capture.run(),
        Command::Convert(convert) => convert.run(),
        Command::Migrate(migrate) => migrate.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Prints a failure and returns its exit status.
fn report(failure: &Failure) -> ExitCode {
    say!("estreamer: {}.", failure.worded(remedy::wording()));
    ExitCode::from(match failure.cause() {
        Cause::Usage => 2,
        _ => 1,
    })
}

/// Returns the command line; manual pages and completions are made of it. Settings of a
/// configuration exclude `--config`.
pub fn command() -> clap::Command {
    let exclude = |command: clap::Command, beside: &'static [&str]| {
        command.mut_args(|argument| {
            let id = argument.get_id().as_str();
            match id == "config" || beside.contains(&id) {
                true => argument,
                false => argument.conflicts_with("config"),
            }
        })
    };
    Cli::command()
        .mut_subcommand("collect", |collect| exclude(collect, &collect::RUN_OPTIONS))
        .mut_subcommand("request", |request| exclude(request, &["source"]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_does_not_contradict_itself() {
        super::command().debug_assert();
    }
}
