//! The external tools that checks and tests use: one table, here and in CONTRIBUTING.md.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

struct Tool {
    name: &'static str,
    needed_by: &'static str,
    source: &'static str,
    without: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "Rust 1.95 with rustfmt and clippy",
        needed_by: "everything",
        source: "rustup",
        without: "nothing works",
    },
    Tool {
        name: "C compiler",
        needed_by: "every build (SQLite is compiled in)",
        source: "apt: build-essential",
        without: "nothing builds",
    },
    Tool {
        name: "git",
        needed_by: "`check` (list of files)",
        source: "apt: git",
        without: "`check` fails",
    },
    Tool {
        name: "PostgreSQL 15 or newer",
        needed_by: "`test`, `bench`",
        source: "apt: postgresql, installed by `test` when root; else `BRISK_PG_BIN`",
        without: "`test` fails and names the command; never skipped",
    },
    Tool {
        name: "Redis or Valkey",
        needed_by: "`test`, `bench`",
        source: "apt: redis-server, installed by `test` when root; else `BRISK_REDIS_BIN`",
        without: "`test` fails and names the command; never skipped",
    },
    Tool {
        name: "Chromium",
        needed_by: "`test` (pages)",
        source: "apt: chromium, installed by `test` when root; else `BRISK_TEST_CHROMIUM`",
        without: "`test` fails and names the command; never skipped",
    },
    Tool {
        name: "PgBouncer",
        needed_by: "`test` (pooler-safe mode)",
        source: "apt: pgbouncer, installed by `test` when root; else `BRISK_PGBOUNCER_BIN`",
        without: "`test` fails and names the command; never skipped",
    },
    Tool {
        name: "Node.js 20 or newer with npm",
        needed_by: "`test` (sign-in at a provider of others)",
        source: "apt: nodejs npm, installed by `test` when root; else `BRISK_NODE_BIN`",
        without: "`test` fails and names the command; never skipped",
    },
    Tool {
        name: "oidc-provider",
        needed_by: "`test` (that provider)",
        source: "npm: oidc-provider, installed by `test` into target/tools",
        without: "`test` fails and names the command; never skipped",
    },
    Tool {
        name: "cargo-deny",
        needed_by: "`check` (licences, bans, sources, advisories)",
        source: "cargo: cargo-deny, installed by `check` into target/tools",
        without: "`check` fails; `--no-deny` leaves the step out and says so",
    },
    Tool {
        name: "Python 3 with pip",
        needed_by: "`bench identity` (the reference in FastAPI)",
        source: "apt: python3-venv; its packages from PyPI",
        without: "that row says `not measured`",
    },
    Tool {
        name: "RustSec advisory database",
        needed_by: "`check` (advisories)",
        source: "fetched by cargo-deny from GitHub",
        without: "advisories are not checked, and `check` says so",
    },
];

/// The table in Markdown.
pub(crate) fn table() -> String {
    let mut table =
        String::from("| tool | needed by | from | without it |\n| --- | --- | --- | --- |\n");
    for tool in TOOLS {
        writeln!(
            table,
            "| {} | {} | {} | {} |",
            tool.name, tool.needed_by, tool.source, tool.without
        )
        .expect("writing to a string cannot fail");
    }
    table
}

/// Finds out whether CONTRIBUTING.md holds the same table.
pub(crate) fn compare(root: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(root.join("CONTRIBUTING.md"))
        .context("cannot read CONTRIBUTING.md")?;
    Ok(if text.contains(&table()) {
        Vec::new()
    } else {
        vec![
            "CONTRIBUTING.md: replace the table of tools by what `cargo xtask tools` prints"
                .to_owned(),
        ]
    })
}
