//! The migrations of every crate make the same tables, columns and indexes on both engines.

use std::path::{Path, PathBuf};

use brisk_db::{MigrationSet, statements};

use crate::harness::TestDb;

statements! {
    prefix "test.parity";

    /// The outbox is PostgreSQL's alone: SQLite's one writer keeps its notes in memory.
    COLUMNS() -> Vec<String>
        = "SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0
             AND NOT a.attisdropped AND c.relname <> 'brisk_outbox' ORDER BY 1",
        sqlite "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
           WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1";

    INDEXES() -> Vec<String>
        = "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
           WHERE c.relnamespace = 'public'::regnamespace
             AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype <> 'f') ORDER BY 1",
        sqlite "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";
}

/// The migrations of all crates of the workspace, as they lie there.
fn sets() -> Vec<MigrationSet> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut crates: Vec<PathBuf> = ["crates", "services"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("migrations").is_dir())
        .collect();
    crates.sort();
    crates
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            MigrationSet {
                name: leak(name.to_owned()),
                history: leak(format!("brisk_migrations_{name}")),
                postgres: files(&path.join("migrations/postgres")),
                sqlite: files(&path.join("migrations/sqlite")),
            }
        })
        .collect()
}

fn files(folder: &Path) -> &'static [(&'static str, &'static str)] {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (leak(name), leak(std::fs::read_to_string(&path).unwrap()))
        })
        .collect();
    found.sort_by_key(|(name, _)| {
        name[1..]
            .split_once("__")
            .unwrap()
            .0
            .parse::<u32>()
            .unwrap()
    });
    found.leak()
}

/// Indexes of a kind that the other engine does not have.
const OF_ONE_ENGINE: [&str; 1] = ["catalog_authors_part"];

/// A test's process is short.
fn leak(text: String) -> &'static str {
    text.leak()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_tables_columns_and_indexes() {
    let sets = sets();
    assert!(sets.len() >= 2);
    let (sqlite, postgres) = (TestDb::sqlite().await, TestDb::postgres().await);
    for db in [&sqlite, &postgres] {
        db.db.migrate(&sets).await.unwrap();
        assert_eq!(db.db.migrate(&sets).await.unwrap(), 0);
    }
    let (left, right) = (sqlite.session(), postgres.session());
    let compare = |what: &str, left: Vec<String>, right: Vec<String>| {
        assert!(!left.is_empty());
        let only = |a: &[String], b: &[String]| -> Vec<String> {
            let of_one = a.iter().filter(|name| !b.contains(name));
            of_one
                .filter(|name| !OF_ONE_ENGINE.contains(&name.as_str()))
                .cloned()
                .collect()
        };
        let (sqlite, postgres) = (only(&left, &right), only(&right, &left));
        assert!(
            sqlite.is_empty() && postgres.is_empty(),
            "{what} only on SQLite: {sqlite:#?}, only on PostgreSQL: {postgres:#?}"
        );
    };
    compare(
        "columns",
        left.run(&COLUMNS, ()).await.unwrap(),
        right.run(&COLUMNS, ()).await.unwrap(),
    );
    compare(
        "indexes",
        left.run(&INDEXES, ()).await.unwrap(),
        right.run(&INDEXES, ()).await.unwrap(),
    );
}
