//! `brisk catalog seed`: made-up authors with books and reviews.

use std::process::ExitCode;

use brisk::clap::{Arg, ArgMatches, Command, value_parser};
use brisk::{BoxError, Kit};

use super::{say, tenant, tenant_arg};
use crate::logic::seed::{Amount, seed};

pub(super) const NAME: &str = "seed";

fn number(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("N")
        .value_parser(value_parser!(u32))
        .default_value(default)
        .help(help)
}

pub(super) fn command() -> Command {
    Command::new(NAME)
        .about(
            "Make authors with books and reviews; authors that are there already stay as they are",
        )
        .arg(tenant_arg())
        .arg(number("authors", "1000", "How many authors"))
        .arg(number(
            "books-per-author",
            "3",
            "How many books each of them has",
        ))
        .arg(number(
            "reviews-per-author",
            "3",
            "How many reviews each of them has",
        ))
}

pub(super) async fn run(kit: &Kit, matches: &ArgMatches) -> Result<ExitCode, BoxError> {
    let of = |name| matches.get_one::<u32>(name).copied().unwrap_or_default();
    let amount = Amount {
        authors: of("authors"),
        books: of("books-per-author"),
        reviews: of("reviews-per-author"),
    };
    let session = kit.session(tenant(kit, matches).await?, "catalog.seed");
    let made = seed(&session, &kit.clock, amount).await?;
    let (authors, books, reviews) = (made.authors, made.books, made.reviews);
    say(&format!(
        "Made {authors} authors, {books} books and {reviews} reviews."
    ));
    Ok(ExitCode::SUCCESS)
}
