//! `cargo xtask bench NAME`: measurements beside rivals that are built in the same run.
//!
//! Every figure that is printed was measured in that run. Rounds of ours and of a rival alternate; a figure is the
//! median of its rounds, with the lowest and the highest beside it. What counts is the ratio: the machine runs the load,
//! the databases and the rivals at once.
#![expect(
    clippy::print_stdout,
    reason = "a command-line tool speaks to the person who started it"
)]

mod cache;
mod civic;
mod db;
mod engine;
mod identity;
mod load;
mod machine;
mod program;
mod report;
mod rivals;
mod rounds;
mod seed;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measurements of Brisk.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The cache.
    Cache(Options),
    /// The service of reports and issues.
    Civic(Options),
    /// The database layer by itself.
    Db(Options),
    /// Who asks: tokens, sessions, revocation.
    Identity(Options),
    /// Serves a rival until its standard input ends; the measurements start it.
    #[command(hide = true)]
    Rival {
        /// Which one.
        name: rivals::Name,
        /// Its PostgreSQL; where it needs a Redis too, that one after a space.
        url: String,
    },
    /// Fills one cache in a process of its own and says how that grew; the measurements start it.
    #[command(hide = true)]
    Storm {
        /// Which one.
        name: cache::Stormed,
        /// Distinct keys.
        keys: u64,
        /// Where there is room for a database.
        folder: PathBuf,
    },
}

/// How much is measured.
#[derive(Clone, Debug, clap::Args)]
struct Options {
    /// A tenth of the rows and short rounds, to see that it runs; its figures prove nothing.
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// More and longer rounds.
    #[arg(long)]
    long: bool,
    /// Writes the figures to this file too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// These parts only, parted by commas; all by default.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    part: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Cache(options) => Box::pin(cache::run(&options)).await,
        What::Civic(options) => Box::pin(civic::run(&options)).await,
        What::Db(options) => Box::pin(db::run(&options)).await,
        What::Identity(options) => Box::pin(identity::run(&options)).await,
        What::Rival { name, url } => rivals::serve(name, &url).await,
        What::Storm { name, keys, folder } => cache::storm(name, keys, &folder).await,
    }
}
