//! The `estreamer` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    estreamer_cli::main()
}
