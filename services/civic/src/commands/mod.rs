//! `brisk civic …`: what is done at a terminal, with or without a server beside it.
mod prune_indexes;
mod reconcile;

use std::process::ExitCode;

use brisk::clap::{ArgMatches, Command};
use brisk::{BoxError, Kit};

/// All commands of the service.
pub(crate) fn command() -> Command {
    Command::new("civic")
        .about("Reports, issues and service levels")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(reconcile::command())
        .subcommand(prune_indexes::command())
}

/// Runs the command that was asked for.
pub(crate) async fn run(kit: &Kit, matches: &ArgMatches) -> Result<ExitCode, BoxError> {
    match matches.subcommand() {
        Some((reconcile::NAME, of)) => reconcile::run(kit, of).await,
        Some((prune_indexes::NAME, _)) => prune_indexes::run(kit).await,
        _ => Err("there is no such command; see `brisk civic help`".into()),
    }
}

/// Prints one line for the person at the terminal, or for the program behind the pipe.
#[expect(clippy::print_stdout, reason = "a command answers on standard output")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
