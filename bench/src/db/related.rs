//! A hundred parents with two relations each, and six reads over a slow wire.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use brisk_core::{Scope, TenantId};
use brisk_db::{Db, DbConfig, FromRow, Many, One, Session, each, statements, together};
use brisk_testkit::faults::{Mode, Proxy};
use sqlx_core::query::query;
use sqlx_core::row::Row as _;
use sqlx_postgres::{PgPool, PgPoolOptions};

use crate::report::{Goal, Report, Row, Unit};
use crate::rounds::Size;

/// Makes and fills the tables: 1,000 authors, five books each, 50 cities.
pub(super) const CREATE: &[&str] = &[
    "CREATE TABLE bench_authors (tenant_id bigint NOT NULL, id bigint NOT NULL, city_id bigint NOT NULL, name text NOT NULL,
        PRIMARY KEY (tenant_id, id))",
    "CREATE TABLE bench_books (tenant_id bigint NOT NULL, id bigint NOT NULL, author_id bigint NOT NULL, title text NOT NULL,
        year integer NOT NULL, PRIMARY KEY (tenant_id, id))",
    "CREATE TABLE bench_cities (tenant_id bigint NOT NULL, id bigint NOT NULL, name text NOT NULL, PRIMARY KEY (tenant_id, id))",
    "INSERT INTO bench_authors SELECT 1, n, n % 50, 'author ' || n FROM generate_series(1, 1000) AS n",
    "INSERT INTO bench_books SELECT 1, n, n % 1000 + 1, 'book ' || n, 1900 + n % 120 FROM generate_series(1, 5000) AS n",
    "INSERT INTO bench_cities SELECT 1, n, 'city ' || n FROM generate_series(0, 49) AS n",
    "CREATE INDEX bench_books_author ON bench_books (tenant_id, author_id, year DESC, id DESC)",
    "VACUUM (ANALYZE) bench_authors, bench_books, bench_cities",
];

/// Injected on the way to the server. The proxy's timer ticks in milliseconds, so that it is one to two.
const DELAY: Duration = Duration::from_millis(1);

const AUTHORS: &str =
    "SELECT id, city_id, name FROM bench_authors WHERE tenant_id = $1 ORDER BY id LIMIT 100";
const BOOKS_OF: &str = "SELECT id, title FROM bench_books WHERE tenant_id = $1 AND author_id = $2
    ORDER BY year DESC, id DESC LIMIT 5";
const CITY_OF: &str = "SELECT id, name FROM bench_cities WHERE tenant_id = $1 AND id = $2";

#[derive(Clone, Debug, FromRow)]
struct Author {
    id: i64,
    city_id: i64,
    name: String,
}

#[derive(Clone, Debug, FromRow)]
struct Book {
    id: i64,
    title: String,
}

#[derive(Clone, Debug, FromRow)]
struct City {
    id: i64,
    name: String,
}

statements! {
    prefix "bench.related";

    AUTHOR_PAGE(tenant: TenantId) -> Vec<Author>
        = "SELECT id, city_id, name FROM bench_authors WHERE tenant_id = $1 ORDER BY id LIMIT 100";

    load BOOKS(author_id: i64) -> Many<Book> in "bench_books", order "year DESC, id DESC", limit 5;

    load CITY(id: i64) -> Option<City> in "bench_cities";

    AUTHORS_ALL(tenant: TenantId) -> One<i64> = "SELECT count(*) FROM bench_authors WHERE tenant_id = $1";

    CITIES_ALL(tenant: TenantId) -> One<i64> = "SELECT count(*) FROM bench_cities WHERE tenant_id = $1";

    AUTHOR(tenant: TenantId, id: i64) -> One<Author>
        = "SELECT id, city_id, name FROM bench_authors WHERE tenant_id = $1 AND id = $2";

    BOOKS_ONE(tenant: TenantId, author: i64) -> Vec<Book>
        = "SELECT id, title FROM bench_books WHERE tenant_id = $1 AND author_id = $2 ORDER BY year DESC, id DESC LIMIT 5";

    CITY_ONE(tenant: TenantId, id: i64) -> One<City>
        = "SELECT id, name FROM bench_cities WHERE tenant_id = $1 AND id = $2";
}

const TENANT: TenantId = TenantId(1);

fn request(db: &Db) -> Session {
    db.session(Scope::system(TENANT, "bench"))
}

/// Asks again and again for as long as a round lasts; answers the mean time in milliseconds.
async fn mean_ms(size: Size, mut ask: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    let mut asked = 0_u32;
    while began.elapsed() < size.round() / 2 {
        ask().await?;
        asked += 1;
    }
    Ok(began.elapsed().as_secs_f64() * 1e3 / f64::from(asked))
}

/// Parents and children beside the loop that everybody writes first.
pub(super) async fn parents(report: &mut Report, db: &Db, url: &str, size: Size) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(4).connect(url).await?;
    let (mut naive, mut declared, mut looped, mut pooled) = (vec![], vec![], vec![], vec![]);
    for round in 0..=size.rounds() {
        let rounds = [
            mean_ms(size, async || each_parent(db).await).await?,
            mean_ms(size, async || with_relations(db).await).await?,
            mean_ms(size, async || in_a_loop(db).await).await?,
            mean_ms(size, async || in_a_loop_of_sqlx(&pool).await).await?,
        ];
        if round > 0 {
            let lists = [&mut naive, &mut declared, &mut looped, &mut pooled];
            lists
                .into_iter()
                .zip(rounds)
                .for_each(|(list, ms)| list.push(ms));
        }
    }
    for (what, ours) in [("written for one parent", &naive), ("declared", &declared)] {
        let what = format!("100 parents with two relations, {what}");
        let row = Row::new("loader", what.clone(), Unit::Ms, ours);
        report.row(
            row.beside("one by one", ours, &looped)
                .goal(Goal::Ratio(20.0))
                .note("3 statements, checked; the loop sends 201"),
        );
        let row = Row::new("loader", what, Unit::Ms, ours);
        report.row(row.beside("one by one, sqlx", ours, &pooled));
    }
    Ok(())
}

fn check(pages: &[(Author, Many<Book>, Option<City>)], session: &Session) -> Result<()> {
    ensure!(pages.len() == 100, "{} authors", pages.len());
    let whole = pages
        .iter()
        .all(|(_, books, city)| books.len() == 5 && city.is_some());
    ensure!(whole, "a relation is missing");
    let statements = session.scope().ledger().summary().statements;
    ensure!(statements == 3, "{statements} statements");
    Ok(())
}

async fn each_parent(db: &Db) -> Result<()> {
    let session = &request(db);
    let authors = session.run(&AUTHOR_PAGE, (TENANT,)).await?;
    let pages = each(authors, |author| async move {
        let books = session.load(&BOOKS, author.id).await?;
        let city = session.load(&CITY, author.city_id).await?;
        Ok::<_, brisk_db::Error>((author, books, city))
    })
    .await?;
    check(&pages, session)
}

async fn with_relations(db: &Db) -> Result<()> {
    let session = request(db);
    let authors = session.run(&AUTHOR_PAGE, (TENANT,)).await?;
    let pages = session
        .with(authors)
        .relation(&BOOKS, |author| author.id)
        .relation(&CITY, |author| author.city_id)
        .load()
        .await?;
    check(&pages, &session)
}

async fn in_a_loop(db: &Db) -> Result<()> {
    let session = request(db);
    let mut books = 0;
    for author in session.run(&AUTHOR_PAGE, (TENANT,)).await? {
        books += session.run(&BOOKS_ONE, (TENANT, author.id)).await?.len();
        session.run(&CITY_ONE, (TENANT, author.city_id)).await?;
    }
    ensure!(books == 500, "{books} books");
    Ok(())
}

async fn in_a_loop_of_sqlx(pool: &PgPool) -> Result<()> {
    let mut books = 0;
    for author in query(AUTHORS).bind(1_i64).fetch_all(pool).await? {
        let (id, city_id, _name) = (
            author.get::<i64, _>(0),
            author.get::<i64, _>(1),
            author.get::<String, _>(2),
        );
        let found = query(BOOKS_OF).bind(1_i64).bind(id).fetch_all(pool).await?;
        for row in &found {
            std::hint::black_box((row.get::<i64, _>(0), row.get::<String, _>(1)));
            books += 1;
        }
        let city = query(CITY_OF)
            .bind(1_i64)
            .bind(city_id)
            .fetch_one(pool)
            .await?;
        ensure!(city.get::<i64, _>(0) == city_id && !city.get::<String, _>(1).is_empty());
    }
    ensure!(books == 500, "{books} books");
    Ok(())
}

/// Six reads over a wire with a delay, beside one read and beside sqlx on as many connections.
pub(super) async fn slow_wire(report: &mut Report, url: &str, size: Size) -> Result<()> {
    let (proxy, url) = Proxy::before(url).await?;
    let db = Db::open(DbConfig::new(url.clone())).await?;
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .min_connections(4)
        .connect(&url)
        .await?;
    // Each statement is prepared once on each connection.
    for _ in 0..50 {
        Box::pin(six(&db)).await?;
        six_of_sqlx(&pool).await?;
    }
    proxy.set(Mode::Delay(DELAY)).await?;
    let (mut ours, mut single, mut theirs) = (vec![], vec![], vec![]);
    for round in 0..=size.rounds() {
        let rounds = [
            mean_ms(size, async || Box::pin(six(&db)).await).await?,
            mean_ms(size, async || one(&db).await).await?,
            mean_ms(size, async || six_of_sqlx(&pool).await).await?,
        ];
        if round > 0 {
            let lists = [&mut ours, &mut single, &mut theirs];
            lists
                .into_iter()
                .zip(rounds)
                .for_each(|(list, ms)| list.push(ms));
        }
    }
    let what = "six reads with 1 ms of delay";
    let row = Row::new("together", what, Unit::Ms, &ours);
    report.row(
        row.beside("one read", &ours, &single)
            // 1 / 1.3: six reads take at most 1.3 delays.
            .goal(Goal::Ratio(0.77)),
    );
    let row = Row::new("together", what, Unit::Ms, &ours);
    report.row(row.beside("sqlx, joined, 4 connections", &ours, &theirs));
    db.close().await;
    Ok(())
}

async fn one(db: &Db) -> Result<()> {
    request(db).run(&AUTHORS_ALL, (TENANT,)).await?;
    Ok(())
}

async fn six(db: &Db) -> Result<()> {
    let session = request(db);
    let parts = together((
        session.run(&AUTHORS_ALL, (TENANT,)),
        session.run(&CITIES_ALL, (TENANT,)),
        session.run(&AUTHOR, (TENANT, 7)),
        session.run(&BOOKS_ONE, (TENANT, 7)),
        session.run(&CITY_ONE, (TENANT, 7)),
        session.run(&AUTHOR_PAGE, (TENANT,)),
    ));
    let (authors, .., page) = Box::pin(parts).await.all()?;
    ensure!(authors == 1_000 && page.len() == 100);
    Ok(())
}

async fn six_of_sqlx(pool: &PgPool) -> Result<()> {
    let one = |text: &'static str| query(text).bind(1_i64);
    let parts = tokio::try_join!(
        one("SELECT count(*) FROM bench_authors WHERE tenant_id = $1").fetch_one(pool),
        one("SELECT count(*) FROM bench_cities WHERE tenant_id = $1").fetch_one(pool),
        one("SELECT id, city_id, name FROM bench_authors WHERE tenant_id = $1 AND id = 7")
            .fetch_one(pool),
        query(BOOKS_OF).bind(1_i64).bind(7_i64).fetch_all(pool),
        query(CITY_OF).bind(1_i64).bind(7_i64).fetch_one(pool),
        one(AUTHORS).fetch_all(pool),
    )?;
    ensure!(parts.0.get::<i64, _>(0) == 1_000 && parts.5.len() == 100);
    Ok(())
}
