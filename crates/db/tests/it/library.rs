//! Tables with tenants, and loads of them.

use brisk_db::{Affected, Error, FromRow, Many, MigrationSet, Session, statements};
use uuid::Uuid;

use crate::harness::TestDb;

pub(crate) const LIBRARY: MigrationSet = MigrationSet {
    name: "library",
    history: "brisk_migrations_library",
    postgres: &[(
        "V1__library",
        "CREATE TABLE writers (
           tenant_id bigint NOT NULL, id bigint NOT NULL, name text NOT NULL, city text, mood text NOT NULL,
           PRIMARY KEY (tenant_id, id)
         );
         CREATE TABLE books (
           tenant_id bigint NOT NULL, id bigint NOT NULL, writer_id bigint NOT NULL, title text NOT NULL,
           year integer NOT NULL, PRIMARY KEY (tenant_id, id)
         );
         CREATE INDEX books_writer ON books (tenant_id, writer_id, year DESC, id DESC);
         CREATE TABLE cities (code text PRIMARY KEY, name text NOT NULL);
         CREATE TABLE cards (tenant_id bigint NOT NULL, key uuid PRIMARY KEY, writer_id bigint NOT NULL);",
    )],
    sqlite: &[(
        "V1__library",
        "CREATE TABLE writers (
           tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, city TEXT, mood TEXT NOT NULL,
           PRIMARY KEY (tenant_id, id)
         ) STRICT;
         CREATE TABLE books (
           tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, writer_id INTEGER NOT NULL, title TEXT NOT NULL,
           year INTEGER NOT NULL, PRIMARY KEY (tenant_id, id)
         ) STRICT;
         CREATE INDEX books_writer ON books (tenant_id, writer_id, year DESC, id DESC);
         CREATE TABLE cities (code TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
         CREATE TABLE cards (tenant_id INTEGER NOT NULL, key BLOB PRIMARY KEY, writer_id INTEGER NOT NULL) STRICT;",
    )],
};

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Writer {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) city: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Book {
    pub(crate) id: i64,
    pub(crate) title: String,
}

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct City {
    pub(crate) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Card {
    pub(crate) key: Uuid,
    pub(crate) writer_id: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Glad,
}

impl Mood {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Glad => "glad",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        assert_ne!(word, "furious", "a bug in a decoder");
        (word == "glad").then_some(Self::Glad)
    }
}

brisk_db::text_column!(Mood);

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Temper {
    pub(crate) mood: Mood,
}

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Endless {
    id: i64,
}

statements! {
    prefix "library";

    /// The writer with an id.
    pub(crate) load WRITER(id: i64) -> Option<Writer> in "writers";

    /// The same with a column that not every row can fill.
    pub(crate) load TEMPER(id: i64) -> Option<Temper> in "writers";

    /// A writer's newest three books.
    pub(crate) load BOOKS(writer_id: i64) -> Many<Book>
        in "books", where "title <> 'a draft'", order "year DESC, id DESC", limit 3;

    /// Breaks its promise: a writer has many books.
    pub(crate) load ANY_BOOK(writer_id: i64) -> Option<Book> in "books";

    /// The city with a code.
    pub(crate) load CITY(code: String) -> Option<City> in "cities", shared;

    /// The library card with a number.
    pub(crate) load CARD(key: Uuid) -> Option<Card> in "cards";

    /// Takes forever; the deadline is what is tested.
    pub(crate) load ENDLESS(id: i64) -> Option<Endless>
        in "(WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000)
             SELECT max(i) AS id FROM n) AS endless", shared;

    pub(crate) WRITERS(tenant: i64) -> Vec<Writer>
        = "SELECT id, name, city FROM writers WHERE tenant_id = $1 ORDER BY id";

    pub(crate) ADD_WRITER(tenant: i64, id: i64, name: String, city: Option<String>, mood: String) -> Affected
        = "INSERT INTO writers (tenant_id, id, name, city, mood) VALUES ($1, $2, $3, $4, $5)";

    pub(crate) ADD_BOOK(tenant: i64, id: i64, writer: i64, title: String, year: i32) -> Affected
        = "INSERT INTO books (tenant_id, id, writer_id, title, year) VALUES ($1, $2, $3, $4, $5)";

    pub(crate) ADD_CITY(code: String, name: String) -> Affected
        = "INSERT INTO cities (code, name) VALUES ($1, $2)";

    pub(crate) ADD_CARD(tenant: i64, key: Uuid, writer: i64) -> Affected
        = "INSERT INTO cards (tenant_id, key, writer_id) VALUES ($1, $2, $3)";
}

/// Every statement here, for the test that prepares them.
pub(crate) static ALL: &[&dyn brisk_db::Declared] = STATEMENTS;

pub(crate) fn name(tenant: i64, id: i64) -> String {
    format!("writer {id} of {tenant}")
}

/// Writers 1 to `count` of tenants 1 and 2; writer n has n % 5 books, and a city unless n is a multiple of 3.
pub(crate) async fn fill(db: &TestDb, count: i64) {
    db.db.migrate(&[LIBRARY]).await.unwrap();
    rows(&db.session(), count).await;
}

/// The rows alone.
pub(crate) async fn rows(session: &Session, count: i64) {
    let cities = ["ulm", "bern"].map(|code| (code.to_owned(), format!("City of {code}")));
    session.run_each(&ADD_CITY, cities).await.unwrap();
    for tenant in [1, 2] {
        let writers = (1..=count).map(|id| {
            let city = (id % 3 != 0).then(|| if id % 2 == 0 { "ulm" } else { "bern" }.to_owned());
            (tenant, id, name(tenant, id), city, "glad".to_owned())
        });
        session.run_each(&ADD_WRITER, writers).await.unwrap();
        let books = (1..=count).flat_map(|writer| {
            (0..writer % 5).map(move |n| {
                let year = 2000 + i32::try_from(n).unwrap();
                (tenant, writer * 10 + n, writer, format!("book {n}"), year)
            })
        });
        session.run_each(&ADD_BOOK, books).await.unwrap();
    }
}

/// What a writer's page holds.
pub(crate) type Page = (Writer, Many<Book>, Option<City>);

/// Written for one writer, without a thought about the others.
pub(crate) async fn page(session: &Session, writer: Writer) -> Result<Page, Error> {
    let books = session.load(&BOOKS, writer.id).await?;
    let city = match writer.city.clone() {
        Some(code) => session.load(&CITY, code).await?,
        None => None,
    };
    Ok((writer, books, city))
}
