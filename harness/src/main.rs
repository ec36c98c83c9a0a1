//! The `linarite` command: reads the command line and hands over to [`linarite_harness::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    linarite_harness::cli::main()
}
