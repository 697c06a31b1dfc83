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
mod log;
mod migrate;
mod notify;
mod password;
mod pki;
mod printable;
mod progress;
mod remedy;
mod request;
mod request_args;
mod service;
mod signals;
mod simulate;
mod status;
mod verification;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing::error;

use estreamer::failure::{Cause, Failure};

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
    Status(status::StatusCommand),
    Check(check::CheckCommand),
    Doctor(Box<doctor::DoctorCommand>),
    Request(Box<request::RequestCommand>),
    Identity(identity::IdentityCommand),
    Simulate(simulate::SimulateCommand),
    Pki(pki::PkiCommand),
    Catalog(catalog::CatalogCommand),
    Capture(capture::CaptureCommand),
    Convert(convert::ConvertCommand),
    Verify(verify::VerifyCommand),
    Migrate(migrate::MigrateCommand),
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    // A service may get a reload signal at any time, also before its arguments are read.
    let signals = signals::remember_for_collect();
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
    if !matches!(cli.command, Command::Demo(_) | Command::Collect(_)) {
        log::plain();
    }
    let result = match cli.command {
        Command::Demo(demo) => demo.run(),
        Command::Collect(collect) => signals.and_then(|signals| collect.run(signals)),
        Command::Status(status) => return status.run(),
        Command::Check(check) => check.run(),
        Command::Doctor(doctor) => return doctor.run(),
        Command::Request(request) => request.run(),
        Command::Identity(identity) => identity.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Pki(pki) => pki.run(),
        Command::Catalog(catalog) => catalog.run(),
        Command::Capture(capture) => capture.run(),
        Command::Convert(convert) => convert.run(),
        Command::Verify(verify) => return verify.run(),
        Command::Migrate(migrate) => migrate.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Tells a failure and returns its exit status.
fn report(failure: &Failure) -> ExitCode {
    // If the command failed before it started its log.
    log::plain();
    let text = format!("{}.", failure.worded(remedy::wording()));
    match failure.cause() {
        // Each mistake of a configuration is a line.
        Cause::Usage => {
            text.lines().for_each(|line| error!("{line}"));
            ExitCode::from(2)
        }
        _ => {
            error!("{text}");
            ExitCode::from(1)
        }
    }
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
        .mut_subcommand("doctor", |doctor| exclude(doctor, &doctor::DOCTOR_OPTIONS))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_does_not_contradict_itself() {
        super::command().debug_assert();
    }
}
