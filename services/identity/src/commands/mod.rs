//! `brisk identity …`: what is done at a terminal, with or without a server beside it.
mod admin;

use std::process::ExitCode;

use brisk::BoxError;
use brisk::clap::{ArgMatches, Command};

use crate::state::IdentityState;

/// All commands of the service.
pub(crate) fn command() -> Command {
    Command::new("identity")
        .about("Tenants, people and sign-in")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(admin::command())
}

/// Runs the command that was asked for.
pub(crate) async fn run(state: &IdentityState, matches: &ArgMatches) -> Result<ExitCode, BoxError> {
    match matches.subcommand() {
        Some((admin::NAME, of)) => admin::run(state, of).await,
        _ => Err("there is no such command; see `brisk identity help`".into()),
    }
}

/// Prints one line for the person at the terminal, or for the program behind the pipe.
#[expect(clippy::print_stdout, reason = "a command answers on standard output")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
