//! The command line.
#![expect(
    clippy::doc_markdown,
    reason = "these lines are what `--help` prints, where marks would be noise"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use brisk::App;
use brisk::auth::TenantKind;
use brisk::core::Role;
use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::new::Name;

/// Fast, multi-tenant operations services: one binary, one file or many nodes.
///
/// Without a command it serves: a SQLite file in this folder, all services, the console at <http://127.0.0.1:8080>.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "brisk",
    version,
    max_term_width = 100,
    subcommand_value_name = "COMMAND"
)]
pub(crate) struct Cli {
    /// The database: sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) database: Option<String>,
    /// The Redis or Valkey server: redis://HOST:PORT
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) redis: Option<String>,
    /// The settings file; without it brisk.toml is read where it is there
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// Set from the arguments of `serve`.
    #[arg(skip)]
    pub(crate) listen: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve (the default)
    Serve(ServeArgs),
    /// Bring the tables up to date and check every statement against them
    Migrate,
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// What a running server keeps in memory
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make a service of your own: one table, a list, a way to add, with tests
    New(NewArgs),
    /// Print the version
    Version,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Run these services only, parted by commas; one that is alone stands at the root, too
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// The address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Make no demo tenants where there is no tenant
    #[arg(long)]
    no_demo: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print all caches with their size and hit rate
    List(ServerArgs),
    /// Print one cache with some of its entries
    Show {
        /// The cache's name
        name: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Empty a cache on that node; nothing needs this for the data to be right
    Evict {
        /// The cache's name
        name: String,
        /// Only what belongs to the tenant of this number
        #[arg(long)]
        tenant: Option<i64>,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server that is asked
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,
    /// An operator's API key; in development the same machine needs none
    #[arg(long, env = "BRISK_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it once, as the last line
    Create(KeyArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct KeyArgs {
    /// What the key's holder may do
    #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::as_str)))]
    pub(crate) role: String,
    /// The tenant, by slug or number; every role but platform_admin needs one
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// What people call the key
    #[arg(long, default_value = "made on the command line")]
    pub(crate) name: String,
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant and print its number
    Create(TenantArgs),
    /// Print all tenants
    List,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct TenantArgs {
    /// Its name in addresses: lower-case letters, digits and inner hyphens
    #[arg(long)]
    pub(crate) slug: String,
    /// Its name for people
    #[arg(long)]
    pub(crate) name: String,
    /// What kind of organisation it is
    #[arg(long, value_parser = PossibleValuesParser::new(TenantKind::ALL.map(TenantKind::as_str)))]
    pub(crate) kind: String,
    /// Its IANA time zone [default: UTC]
    #[arg(long)]
    pub(crate) timezone: Option<String>,
    /// Its jurisdiction_id in Open311
    #[arg(long)]
    pub(crate) jurisdiction: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct NewArgs {
    /// Its name: lower-case letters, digits and inner hyphens, such as city-permits
    #[arg(value_parser = Name::parse)]
    pub(crate) name: Name,
    /// The folder in which its own folder is made
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) path: PathBuf,
    /// A checkout of the kit to build it on [default: the kit's repository, else where this program was built]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) kit: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check all settings and print the effective ones, secrets masked, each with its origin
    Check,
}

/// The whole command line: ours and the commands that services bring.
pub(crate) fn with_services(commands: Vec<clap::Command>) -> clap::Command {
    Command::augment_subcommands(Cli::command()).subcommands(commands)
}

impl Cli {
    /// What flags say about settings.
    pub(crate) fn overrides(&self) -> BTreeMap<String, String> {
        [
            ("database.url", &self.database),
            ("redis.url", &self.redis),
            ("http.listen", &self.listen),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)))
        .collect()
    }
}

impl ServeArgs {
    /// The app with these arguments; flags before and behind the word `serve` count alike.
    pub(crate) fn apply(self, cli: &Cli, began: Instant) -> App {
        let outer = &cli.serve;
        let listen = self.listen.or_else(|| outer.listen.clone());
        let app = crate::app(
            &Cli {
                listen,
                ..cli.clone()
            },
            began,
        );
        let app = app.demo(!(self.no_demo || outer.no_demo));
        let only = if self.only.is_empty() {
            outer.only.clone()
        } else {
            self.only
        };
        if only.is_empty() { app } else { app.only(only) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_whole() {
        with_services(vec![clap::Command::new("civic")]).debug_assert();
    }
}
