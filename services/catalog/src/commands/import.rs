//! `brisk catalog import`: books and their authors from files.

use std::path::PathBuf;
use std::process::ExitCode;

use brisk::clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use brisk::{BoxError, Kit};

use super::{say, tenant, tenant_arg};
use crate::logic::import::{Source, import};

pub(super) const NAME: &str = "import";

pub(super) fn command() -> Command {
    Command::new(NAME)
        .about("Take books and their authors from a file or folder in the layout of goodbooks")
        .arg(
            Arg::new("path")
                .required(true)
                .value_name("FILE|FOLDER")
                .value_parser(value_parser!(PathBuf))
                .help("A CSV file of books, plain or with gzip, or a folder with one and perhaps one of ratings"),
        )
        .arg(tenant_arg())
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print the outcome as JSON"),
        )
}

pub(super) async fn run(kit: &Kit, matches: &ArgMatches) -> Result<ExitCode, BoxError> {
    let path: &PathBuf = matches.get_one("path").ok_or("the file is missing")?;
    let source = Source::at(path)?;
    let session = kit.session(tenant(kit, matches).await?, "catalog.import");
    let done = import(&session, &kit.clock, &source).await?;
    if matches.get_flag("json") {
        say(&serde_json::to_string(&done)?);
    } else {
        say(&format!(
            "Read {} books: {} made with {} authors, {} were there, {} cannot be books; {} ratings taken as reviews.",
            done.read, done.created, done.authors, done.skipped, done.failed, done.reviews
        ));
    }
    Ok(ExitCode::SUCCESS)
}
