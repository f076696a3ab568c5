//! Tables that depend on each other in every way that changes spread: cascades of deletes and of keys, SET NULL, tables
//! with and without tenants, captured columns and others.

use brisk_db::{FromRow, MigrationSet, Record};

/// Columns of every table; what a statement answers is brought into this form.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Line {
    pub(super) id: i64,
    pub(super) n: Option<i64>,
    pub(super) word: Option<String>,
}

/// For bulk loads.
#[derive(Clone, Debug, Record)]
#[record(table = "makers")]
pub(super) struct Maker {
    pub(super) tenant_id: i64,
    pub(super) id: i64,
    pub(super) n: i64,
    pub(super) word: String,
}

pub(super) const GENERATED: MigrationSet = MigrationSet {
    name: "generated",
    history: "brisk_migrations_generated",
    postgres: &[(
        "V1__generated",
        r#"CREATE TABLE makers (tenant_id bigint NOT NULL, id bigint NOT NULL, n bigint, word text COLLATE "C", note text COLLATE "C",
             PRIMARY KEY (tenant_id, id));
           CREATE TABLE things (tenant_id bigint NOT NULL, id bigint NOT NULL, maker_id bigint, n bigint, word text COLLATE "C",
             PRIMARY KEY (tenant_id, id),
             FOREIGN KEY (tenant_id, maker_id) REFERENCES makers ON DELETE CASCADE ON UPDATE CASCADE);
           CREATE TABLE parts (tenant_id bigint NOT NULL, id bigint NOT NULL, thing_id bigint NOT NULL, n bigint, word text COLLATE "C",
             PRIMARY KEY (tenant_id, id),
             FOREIGN KEY (tenant_id, thing_id) REFERENCES things ON DELETE CASCADE ON UPDATE CASCADE);
           CREATE TABLE words (id bigint PRIMARY KEY, word text COLLATE "C" NOT NULL UNIQUE, n bigint);
           CREATE TABLE uses (id bigint PRIMARY KEY, word_id bigint REFERENCES words ON DELETE SET NULL ON UPDATE CASCADE, n bigint,
             word text COLLATE "C");
           INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
           VALUES ('makers', 'tenant_id', 'id', 'n, word'), ('things', 'tenant_id', 'id', 'maker_id, n'),
                  ('parts', 'tenant_id', 'id', 'thing_id'), ('words', NULL, 'id', 'word'), ('uses', NULL, 'id', 'word_id');"#,
    )],
    sqlite: &[(
        "V1__generated",
        "CREATE TABLE makers (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, n INTEGER, word TEXT, note TEXT,
           PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE TABLE things (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, maker_id INTEGER, n INTEGER, word TEXT,
           PRIMARY KEY (tenant_id, id),
           FOREIGN KEY (tenant_id, maker_id) REFERENCES makers (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE) STRICT;
         CREATE TABLE parts (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, thing_id INTEGER NOT NULL, n INTEGER, word TEXT,
           PRIMARY KEY (tenant_id, id),
           FOREIGN KEY (tenant_id, thing_id) REFERENCES things (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE) STRICT;
         CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, n INTEGER) STRICT;
         CREATE TABLE uses (id INTEGER PRIMARY KEY, word_id INTEGER REFERENCES words (id) ON DELETE SET NULL ON UPDATE CASCADE,
           n INTEGER, word TEXT) STRICT;
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns, columns)
         VALUES ('makers', 'tenant_id', 'id', 'n, word'), ('things', 'tenant_id', 'id', 'maker_id, n'),
                ('parts', 'tenant_id', 'id', 'thing_id'), ('words', NULL, 'id', 'word'), ('uses', NULL, 'id', 'word_id');",
    )],
};
