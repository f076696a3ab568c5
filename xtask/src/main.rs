//! The repository's own tools: `cargo xtask check | test | bench | tools`.
//!
//! A clone, Rust and a C compiler are enough to start; what else a command needs it finds, installs or asks for.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool speaks to the person who started it"
)]

mod bench;
mod check;
mod cmd;
mod deny;
mod engines;
mod floors;
mod manifests;
mod report;
mod rules;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks, tests and measurements of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, lints, documentation, floors and the other rules of the house, dependencies.
    Check(check::Options),
    /// Every test, with a PostgreSQL and a Redis of its own.
    Test(test::Options),
    /// One benchmark of `bench/`, with a PostgreSQL that flushes every commit.
    Bench(bench::Options),
    /// The table of external tools.
    Tools,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Check(options) => check::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Tools => {
            print!("{}", tools::table());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}
