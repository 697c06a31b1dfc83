//! The `estreamer` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    estreamer::cli::main()
}
