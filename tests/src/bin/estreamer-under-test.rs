//! The `estreamer` program, built with these tests so that it is never stale.

use std::process::ExitCode;

fn main() -> ExitCode {
    estreamer::cli::main()
}
