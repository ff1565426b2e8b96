//! The `tollgate` program: parse the arguments, do what they say, exit.

use std::process::ExitCode;

use clap::Parser as _;
use tollgate::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
