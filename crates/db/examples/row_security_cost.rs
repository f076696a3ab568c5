//! What row security costs on PostgreSQL: the same statements with the wall and without, in turn.
//!
//! `cargo run --release -p brisk-db --example row_security_cost`. Each figure is the median of the rounds; the server flushes
//! its log as ever.
#![expect(clippy::print_stdout, reason = "figures for people")]

use std::error::Error;
use std::time::{Duration, Instant};

use brisk_core::{Scope, TenantId};
use brisk_db::{Affected, Capture, Db, DbConfig, MigrationSet, One, Session, statements};
use brisk_testkit::servers::{Durability, Postgres};
use futures::future::join_all;

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(400);

const NOTES: MigrationSet = MigrationSet {
    name: "notes",
    history: "brisk_migrations_notes",
    postgres: &[(
        "V1__notes",
        "CREATE TABLE notes (tenant_id bigint NOT NULL, id bigint PRIMARY KEY, body text NOT NULL);
         CREATE INDEX notes_tenant ON notes (tenant_id, id);
         INSERT INTO notes SELECT i % 50, i, 'note ' || i FROM generate_series(1, 100000) AS i;",
    )],
    sqlite: &[],
};

statements! {
    prefix "example";

    BY_ID(tenant: TenantId, id: i64) -> One<String> = "SELECT body FROM notes WHERE tenant_id = $1 AND id = $2";

    PAGE(tenant: TenantId, after: i64) -> Vec<String>
        = "SELECT body FROM notes WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT 20";

    UPDATE(tenant: TenantId, id: i64, body: String) -> Affected
        = "UPDATE notes SET body = $3 WHERE tenant_id = $1 AND id = $2";
}

#[derive(Clone, Copy)]
enum Work {
    ById,
    Page,
    Update,
}

async fn one(session: &Session, work: Work, i: usize) -> Result<(), brisk_db::Error> {
    let tenant = session.tenant();
    let id = tenant.get() + 50 * i64::try_from(i % 1_900).unwrap_or_default() + 50;
    match work {
        Work::ById => session.run(&BY_ID, (tenant, id)).await.map(drop),
        Work::Page => session.run(&PAGE, (tenant, id)).await.map(drop),
        Work::Update => session
            .run(&UPDATE, (tenant, id, "changed".to_owned()))
            .await
            .map(drop),
    }
}

/// Statements in a second by so many callers.
async fn rate(db: &Db, work: Work, callers: usize) -> Result<f64, brisk_db::Error> {
    let began = Instant::now();
    let loops = (0..callers).map(|caller| async move {
        let tenant = TenantId(i64::try_from(caller % 49).unwrap_or_default() + 1);
        let session = db.session(Scope::system(tenant, "example"));
        let mut done = 0_u32;
        while began.elapsed() < ROUND {
            one(&session, work, done as usize + caller * 37).await?;
            done += 1;
        }
        Ok::<_, brisk_db::Error>(done)
    });
    let done: Result<Vec<_>, _> = join_all(loops).await.into_iter().collect();
    let done: u32 = done?.into_iter().sum();
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Postgres::start(Durability::Full)?;
    let mut sides = Vec::new();
    let mut databases = Vec::new();
    for walls in [false, true] {
        let mut database = server.database()?;
        let mut config = DbConfig::new(database.give_to_plain_owner()?);
        config.capture = Capture::Off;
        config.postgres.row_security = walls;
        let db = Db::open(config).await?;
        db.migrate(&[NOTES]).await?;
        sides.push(db);
        databases.push(database);
    }
    for (name, work, callers) in [
        ("by id, 1 caller", Work::ById, 1),
        ("by id, 16 callers", Work::ById, 16),
        ("page of 20, 16 callers", Work::Page, 16),
        ("update, 16 callers", Work::Update, 16),
    ] {
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (db, figures) in sides.iter().zip(&mut figures) {
                figures.push(rate(db, work, callers).await?);
            }
        }
        let [without, with] = figures.map(median);
        println!(
            "{name}: {without:.0}/s without, {with:.0}/s with row security, {:.2} of it",
            with / without
        );
    }
    for db in sides {
        db.close().await;
    }
    Ok(())
}
