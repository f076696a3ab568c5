//! Authors, books, cities and events of a tenant, and every statement on them.

use brisk::db::{Many, sea_query};
use brisk::prelude::*;
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, Query, SelectStatement};

pub(super) const MIGRATIONS: MigrationSet = MigrationSet {
    name: "shelf",
    history: "shelf_migrations",
    postgres: &[(
        "V1__shelf",
        "CREATE TABLE shelf_authors (tenant_id bigint NOT NULL, id bigint NOT NULL, name text NOT NULL,
           city_id bigint, teacher_id bigint, PRIMARY KEY (tenant_id, id));
         CREATE TABLE shelf_books (tenant_id bigint NOT NULL, id bigint NOT NULL, author_id bigint NOT NULL,
           title text NOT NULL, at timestamptz NOT NULL, price bigint NOT NULL, version bigint NOT NULL DEFAULT 1,
           PRIMARY KEY (tenant_id, id));
         CREATE TABLE shelf_cities (tenant_id bigint NOT NULL, id bigint NOT NULL, name text NOT NULL,
           lat double precision NOT NULL, PRIMARY KEY (tenant_id, id));
         CREATE TABLE shelf_events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id bigint NOT NULL,
           book_id bigint NOT NULL, what text NOT NULL);
         CREATE TABLE shelf_settings (tenant_id bigint PRIMARY KEY, page bigint NOT NULL, days bigint NOT NULL,
           is_open boolean NOT NULL, start text NOT NULL);",
    )],
    sqlite: &[(
        "V1__shelf",
        "CREATE TABLE shelf_authors (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
           city_id INTEGER, teacher_id INTEGER, PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE TABLE shelf_books (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, author_id INTEGER NOT NULL,
           title TEXT NOT NULL, at INTEGER NOT NULL, price INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 1,
           PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE TABLE shelf_cities (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
           lat REAL NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT;
         CREATE TABLE shelf_events (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, book_id INTEGER NOT NULL,
           what TEXT NOT NULL) STRICT;
         CREATE TABLE shelf_settings (tenant_id INTEGER PRIMARY KEY, page INTEGER NOT NULL, days INTEGER NOT NULL,
           is_open INTEGER NOT NULL, start TEXT NOT NULL) STRICT;",
    )],
};

#[derive(Clone, Debug, FromRow)]
pub(super) struct Author {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) city_id: Option<i64>,
    pub(super) teacher_id: Option<i64>,
}

#[derive(Clone, Debug, FromRow)]
pub(super) struct Book {
    pub(super) id: i64,
    pub(super) author_id: i64,
    pub(super) title: String,
    pub(super) at: Timestamp,
    pub(super) version: i64,
}

#[derive(Clone, Debug, FromRow)]
pub(super) struct City {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) lat: f64,
}

#[derive(Clone, Debug, FromRow)]
pub(super) struct Event {
    pub(super) id: i64,
    pub(super) what: String,
}

#[derive(Clone, Debug, FromRow)]
pub(super) struct Rules {
    pub(super) page: i64,
    pub(super) days: i64,
    pub(super) is_open: bool,
    pub(super) start: String,
}

statements! {
    prefix "shelf";

    const AUTHOR = "id, name, city_id, teacher_id";
    const BOOK = "id, author_id, title, at, version";

    /// All authors.
    pub(super) AUTHORS(tenant: TenantId) -> Vec<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 ORDER BY id";
    /// Authors after one.
    pub(super) AUTHORS_AFTER(tenant: TenantId, after: i64, limit: i64) -> Vec<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    /// Authors from a place in the list.
    pub(super) AUTHORS_FROM(tenant: TenantId, limit: i64, skip: i64) -> Vec<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 ORDER BY id LIMIT $2 OFFSET $3";
    /// One author.
    pub(super) AUTHOR_GET(tenant: TenantId, id: i64) -> Option<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 AND id = $2";
    /// One author by name.
    pub(super) AUTHOR_NAMED(tenant: TenantId, name: String) -> Option<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 AND name = $2";
    /// Authors by their ids.
    pub(super) AUTHORS_BY_IDS(tenant: TenantId, ids: Vec<i64>) -> Vec<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 AND id = ANY($2)",
        sqlite "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 AND id IN (SELECT value FROM json_each($2))";
    /// Who learned from an author.
    pub(super) PUPILS(tenant: TenantId, teacher: i64) -> Vec<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 AND teacher_id = $2 ORDER BY id";
    /// Authors of a city.
    pub(super) AUTHORS_OF_CITY(tenant: TenantId, city: i64) -> Vec<Author>
        = "SELECT {AUTHOR} FROM shelf_authors WHERE tenant_id = $1 AND city_id = $2 ORDER BY id";
    /// Whether there is such an author.
    pub(super) HAS_AUTHOR(tenant: TenantId, id: i64) -> One<bool>
        = "SELECT EXISTS (SELECT 1 FROM shelf_authors WHERE tenant_id = $1 AND id = $2)";
    /// How many authors there are.
    pub(super) COUNT_AUTHORS(tenant: TenantId) -> One<i64>
        = "SELECT count(*) FROM shelf_authors WHERE tenant_id = $1";
    /// One city.
    pub(super) CITY(tenant: TenantId, id: i64) -> Option<City>
        = "SELECT id, name, lat FROM shelf_cities WHERE tenant_id = $1 AND id = $2";
    /// All cities.
    pub(super) CITIES(tenant: TenantId) -> Vec<City>
        = "SELECT id, name, lat FROM shelf_cities WHERE tenant_id = $1 ORDER BY id";
    /// Cities between two latitudes.
    pub(super) CITIES_NEAR(tenant: TenantId, south: f64, north: f64) -> Vec<City>
        = "SELECT id, name, lat FROM shelf_cities WHERE tenant_id = $1 AND lat BETWEEN $2 AND $3 ORDER BY id";
    /// How many cities there are.
    pub(super) COUNT_CITIES(tenant: TenantId) -> One<i64>
        = "SELECT count(*) FROM shelf_cities WHERE tenant_id = $1";
    /// An author's books.
    pub(super) BOOKS_OF(tenant: TenantId, author: i64) -> Vec<Book>
        = "SELECT {BOOK} FROM shelf_books WHERE tenant_id = $1 AND author_id = $2 ORDER BY id";
    /// How many books an author has.
    pub(super) COUNT_BOOKS_OF(tenant: TenantId, author: i64) -> One<i64>
        = "SELECT count(*) FROM shelf_books WHERE tenant_id = $1 AND author_id = $2";
    /// How many books there are.
    pub(super) COUNT_BOOKS(tenant: TenantId) -> One<i64>
        = "SELECT count(*) FROM shelf_books WHERE tenant_id = $1";
    /// One book.
    pub(super) BOOK_GET(tenant: TenantId, id: i64) -> Option<Book>
        = "SELECT {BOOK} FROM shelf_books WHERE tenant_id = $1 AND id = $2";
    /// The newest books.
    pub(super) NEWEST(tenant: TenantId, limit: i64) -> Vec<Book>
        = "SELECT {BOOK} FROM shelf_books WHERE tenant_id = $1 ORDER BY at DESC, id DESC LIMIT $2";
    /// Books before one, the newest first.
    pub(super) BEFORE(tenant: TenantId, at: Timestamp, id: i64, limit: i64) -> Vec<Book>
        = "SELECT {BOOK} FROM shelf_books WHERE tenant_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4";
    /// Books since.
    pub(super) SINCE(tenant: TenantId, since: Timestamp) -> Vec<Book>
        = "SELECT {BOOK} FROM shelf_books WHERE tenant_id = $1 AND at >= $2 ORDER BY id";
    /// How many books came in a span.
    pub(super) COUNT_BETWEEN(tenant: TenantId, since: Timestamp, until: Timestamp) -> One<i64>
        = "SELECT count(*) FROM shelf_books WHERE tenant_id = $1 AND at >= $2 AND at < $3";
    /// Books at least this dear.
    pub(super) DEARER(tenant: TenantId, price: i64) -> Vec<Book>
        = "SELECT {BOOK} FROM shelf_books WHERE tenant_id = $1 AND price >= $2 ORDER BY id";
    /// Books whose title begins so.
    pub(super) TITLED(tenant: TenantId, start: String) -> Vec<Book>
        = "SELECT {BOOK} FROM shelf_books WHERE tenant_id = $1 AND title LIKE $2 ORDER BY id";
    /// Renames a book that nobody else changed.
    pub(super) RENAME(tenant: TenantId, id: i64, version: i64, title: String) -> Affected
        = "UPDATE shelf_books SET title = $4, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND version = $3";
    /// Changes a price.
    pub(super) PRICE(tenant: TenantId, id: i64, price: i64) -> Affected
        = "UPDATE shelf_books SET price = $3 WHERE tenant_id = $1 AND id = $2";
    /// A book's events.
    pub(super) EVENTS_OF(tenant: TenantId, book: i64) -> Vec<Event>
        = "SELECT id, what FROM shelf_events WHERE tenant_id = $1 AND book_id = $2 ORDER BY id";
    /// Events of a kind.
    pub(super) EVENTS_NAMED(tenant: TenantId, what: String, limit: i64) -> Vec<Event>
        = "SELECT id, what FROM shelf_events WHERE tenant_id = $1 AND what = $2 ORDER BY id LIMIT $3";
    /// How many events there are.
    pub(super) COUNT_EVENTS(tenant: TenantId) -> One<i64>
        = "SELECT count(*) FROM shelf_events WHERE tenant_id = $1";
    /// Adds an event.
    pub(super) ADD_EVENT(tenant: TenantId, book: i64, what: String) -> Affected
        = "INSERT INTO shelf_events (tenant_id, book_id, what) VALUES ($1, $2, $3)";
    /// Takes events of a kind.
    pub(super) TAKE_EVENTS(tenant: TenantId, what: String, now: Timestamp) -> Vec<i64>
        = "DELETE FROM shelf_events WHERE id IN (SELECT id FROM shelf_events WHERE tenant_id = $1 AND what = $2
            AND $3::timestamptz IS NOT NULL ORDER BY id LIMIT 3) RETURNING id",
        sqlite "DELETE FROM shelf_events WHERE id IN (SELECT id FROM shelf_events WHERE tenant_id = $1 AND what = $2
            AND $3 IS NOT NULL ORDER BY id LIMIT 3) RETURNING id";
    /// Removes some events of a kind.
    pub(super) PRUNE(tenant: TenantId, what: String) -> Affected
        = "DELETE FROM shelf_events WHERE id IN
            (SELECT id FROM shelf_events WHERE tenant_id = $1 AND what = $2 ORDER BY id LIMIT 2)";
    /// Removes the events of a book.
    pub(super) FORGET(tenant: TenantId, book: i64, what: String) -> Affected
        = "DELETE FROM shelf_events WHERE tenant_id = $1 AND book_id = $2 AND what = $3";
    /// A tenant's settings.
    pub(super) SETTINGS(tenant: TenantId) -> One<Rules>
        = "SELECT page, days, is_open, start FROM shelf_settings WHERE tenant_id = $1";
    /// Whether the shelf is open.
    pub(super) IS_OPEN(tenant: TenantId) -> One<bool>
        = "SELECT is_open FROM shelf_settings WHERE tenant_id = $1";

    /// An author by its id.
    pub(super) load LOAD_AUTHOR(id: i64) -> Option<Author> in "shelf_authors";
    /// A city by its id.
    pub(super) load LOAD_CITY(id: i64) -> Option<City> in "shelf_cities";
    /// An author's books.
    pub(super) load LOAD_BOOKS(author_id: i64) -> Many<Book> in "shelf_books", order "id", limit 50;
    /// A book's events.
    pub(super) load LOAD_EVENTS(book_id: i64) -> Many<Event> in "shelf_events", order "id", limit 50;
}

/// Books of an author as a list query.
pub(super) fn books_query(tenant: TenantId, author: Option<i64>) -> SelectStatement {
    let mut query = Query::select();
    query
        .columns(["id", "author_id", "title", "at", "version"])
        .from("shelf_books")
        .and_where(Expr::col("tenant_id").eq(tenant.get()))
        .order_by("id", sea_query::Order::Asc);
    if let Some(author) = author {
        query.and_where(Expr::col("author_id").eq(author));
    }
    query
}

/// Rows of a tenant, as SQL that both engines take; ids begin at `base`.
pub(super) fn rows(tenant: TenantId, base: i64) -> Vec<String> {
    let t = tenant.get();
    let mut all = vec![format!(
        "INSERT INTO shelf_settings VALUES ({t}, 5, 30, true, 'Vo')"
    )];
    for i in 0..7 {
        let id = base + 1_000 + i;
        let lat = 40.5 + f64::from(u32::try_from(i).unwrap());
        all.push(format!(
            "INSERT INTO shelf_cities VALUES ({t}, {id}, 'City {i}', {lat})"
        ));
    }
    for i in 0..12 {
        let (id, city) = (base + i, base + 1_000 + i % 7);
        let teacher = if i == 0 {
            "NULL".to_owned()
        } else {
            (base + (i - 1) / 2).to_string()
        };
        all.push(format!(
            "INSERT INTO shelf_authors VALUES ({t}, {id}, 'Author {i}', {city}, {teacher})"
        ));
    }
    for i in 0..40 {
        let (id, author) = (base + 4_000 + i, base + i % 12);
        // 2025-01-01 and later, some days apart, as either engine keeps it.
        let at = 1_735_689_600_000_000 + i * 400_000_000_000;
        all.push(format!(
            "INSERT INTO shelf_books VALUES ({t}, {id}, {author}, 'Volume {i}', @{at}@, {}, 1)",
            1_500 + i
        ));
        for what in ["bought", "lent"] {
            all.push(format!(
                "INSERT INTO shelf_events (tenant_id, book_id, what) VALUES ({t}, {id}, '{what}')"
            ));
        }
    }
    all
}
