//! The `brisk` program: settings, services, console, commands and a shutdown in good order.
//!
//! It holds no rules of its own. What it owns is the command line, the list of services that this build has, and the
//! connection between what one part states as a trait and another part can answer.

mod caches;
mod cli;
mod keys;
mod new;
mod serve;
mod services;
mod tenants;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use brisk::App;
use brisk::config::{ConfigFile, Environment, LoadOptions, Settings};
use clap::{ArgMatches, FromArgMatches as _};

use crate::cli::{Cli, Command, ConfigCommand, KeyCommand, TenantCommand};

/// Answers are made of many short texts; this one gives and takes them back faster than the system's, for SQLite too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where settings are read from when no file is named.
const SETTINGS_FILE: &str = "brisk.toml";

fn main() -> ExitCode {
    let began = Instant::now();
    // Once without settings, only to learn which commands the services have.
    let commands = services::add(App::new(Settings::load(LoadOptions::default()))).commands();
    let matches = cli::with_services(commands).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(e) => e.exit(),
    };
    match run(&cli, &matches, began) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli, matches: &ArgMatches, began: Instant) -> anyhow::Result<ExitCode> {
    let command = match matches.subcommand() {
        None => Command::Serve(cli.serve.clone()),
        Some((name, inner)) => match Command::from_arg_matches(matches) {
            Ok(command) => command,
            Err(_) => return of_service(cli, name, inner, began),
        },
    };
    match command {
        Command::Version => {
            say(concat!("brisk ", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
        Command::Config(ConfigCommand::Check) => {
            let checked = app(cli, began).check()?;
            say(checked.effective().to_string().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Command::New(args) => {
            new::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve(args) => {
            let app = args.apply(cli, began);
            runtime()?.block_on(serve::serve(app, cli))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate => runtime()?.block_on(async {
            let opened = app(cli, began).check()?.open().await?;
            let (applied, findings) = (opened.applied(), opened.verify().await);
            opened.close().await;
            let findings = findings?;
            for finding in &findings {
                say(&format!("{}: {}", finding.statement, finding.problem));
            }
            anyhow::ensure!(
                findings.is_empty(),
                "these statements do not fit the tables"
            );
            say(&format!(
                "{applied} migrations applied; every statement fits the tables"
            ));
            Ok(ExitCode::SUCCESS)
        }),
        Command::Key(KeyCommand::Create(args)) => {
            runtime()?.block_on(keys::create(app(cli, began), args))
        }
        Command::Cache(command) => runtime()?.block_on(caches::run(command)),
        Command::Tenant(TenantCommand::Create(args)) => {
            runtime()?.block_on(tenants::create(app(cli, began), args))
        }
        Command::Tenant(TenantCommand::List) => runtime()?.block_on(tenants::list(app(cli, began))),
    }
}

fn of_service(
    cli: &Cli,
    name: &str,
    matches: &ArgMatches,
    began: Instant,
) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let opened = app(cli, began).check()?.open().await?;
        Ok(opened.run_command(name, matches).await?)
    })
}

/// The app with this build's services and the settings of file, environment and flags.
fn app(cli: &Cli, began: Instant) -> App {
    let file = match &cli.config {
        Some(path) => ConfigFile::Required(path.clone()),
        None => ConfigFile::IfPresent(SETTINGS_FILE.into()),
    };
    let settings = Settings::load(LoadOptions {
        file,
        env: Environment::from_process(),
        overrides: cli.overrides(),
        ..LoadOptions::default()
    });
    services::add(App::new(settings).began(began))
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// Prints a line that somebody asked for.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn say(line: &str) {
    println!("{line}");
}

/// Prints an error with everything that led to it, each thing once.
#[expect(clippy::print_stderr, reason = "the end of a command that failed")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            eprintln!("  because: {cause}");
        }
        said = cause;
    }
}
