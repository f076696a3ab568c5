//! `brisk catalog …`: what is done at a terminal, with or without a server beside it.
mod import;
mod seed;

use std::process::ExitCode;

use brisk::clap::{Arg, ArgMatches, Command};
use brisk::{BoxError, Kit};
use brisk_core::TenantId;

/// All commands of the service.
pub(crate) fn command() -> Command {
    Command::new("catalog")
        .about("Authors, books and reviews")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(import::command())
        .subcommand(seed::command())
}

/// Runs the command that was asked for.
pub(crate) async fn run(kit: &Kit, matches: &ArgMatches) -> Result<ExitCode, BoxError> {
    match matches.subcommand() {
        Some((import::NAME, of)) => import::run(kit, of).await,
        Some((seed::NAME, of)) => seed::run(kit, of).await,
        _ => Err("there is no such command; see `brisk catalog help`".into()),
    }
}

fn tenant_arg() -> Arg {
    Arg::new("tenant")
        .long("tenant")
        .required(true)
        .value_name("TENANT")
        .help("The tenant, by slug or number")
}

/// The tenant that was named.
async fn tenant(kit: &Kit, matches: &ArgMatches) -> Result<TenantId, BoxError> {
    let named: &String = matches.get_one("tenant").ok_or("the tenant is missing")?;
    // A slug is never a number.
    let found = match named.parse() {
        Ok(id) => kit.tenants.get(TenantId(id)).await?,
        Err(_) => kit.tenants.by_slug(named).await?,
    };
    let found =
        found.ok_or_else(|| format!("there is no tenant `{named}`; see: brisk tenant list"))?;
    Ok(found.id)
}

/// Prints one line for the person at the terminal, or for the program behind the pipe.
#[expect(clippy::print_stdout, reason = "a command answers on standard output")]
fn say(line: &str) {
    println!("{line}");
}
