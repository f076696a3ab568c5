//! Imports files into a fresh database and says what became of their rows, and how fast.
//!
//! `cargo run --release -p brisk-civic --example import_speed -- FILE... [--database URL] [--chunk ROWS]`. The database
//! must be empty; without one a private PostgreSQL with full durability and a SQLite file are used in turn.
#![expect(clippy::print_stdout, reason = "an example prints what it measured")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use brisk_auth::{NewTenant, TenantKind, Tenants};
use brisk_civic::{ImportOptions, ImportSetup, Importer, MIGRATIONS};
use brisk_core::{Clock, Scope, TenantId};
use brisk_db::{Db, DbConfig};
use brisk_jobs::Queue;
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::{Durability, Postgres};
use jiff::tz::TimeZone;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut files = Vec::new();
    let (mut database, mut chunk) = (None, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--database" => database = words.next(),
            "--chunk" => chunk = words.next().map(|rows| rows.parse()).transpose()?,
            _ => files.push(PathBuf::from(word)),
        }
    }
    if let Some(url) = database {
        return measure(&url, &files, chunk).await;
    }
    let sqlite = SqliteFile::new()?;
    measure(&sqlite.url(), &files, chunk).await?;
    let server = Postgres::start(Durability::Full)?;
    let postgres = server.database()?;
    measure(&postgres.url(), &files, chunk).await
}

async fn measure(url: &str, files: &[PathBuf], chunk: Option<usize>) -> Result<(), Failure> {
    let db = Db::open(DbConfig::new(url)).await?;
    db.migrate(&[brisk_auth::MIGRATIONS, brisk_jobs::MIGRATIONS, MIGRATIONS])
        .await?;
    println!("{}", db.system().as_str());
    let clock = Clock::system();
    let platform = db.session(Scope::platform("import_speed"));
    for (file, n) in files.iter().zip(1..) {
        let new = NewTenant::new(format!("city-{n}"), "City", TenantKind::City);
        let tenant = Tenants::new(&platform).insert(new, &clock).await?.id;
        for again in [false, true] {
            one(&db, file, tenant, chunk, again).await?;
        }
    }
    db.close().await;
    Ok(())
}

async fn one(
    db: &Db,
    file: &Path,
    tenant: TenantId,
    chunk: Option<usize>,
    again: bool,
) -> Result<(), Failure> {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let zone = if name.starts_with("stlouis") {
        "America/Chicago"
    } else {
        "America/New_York"
    };
    let setup = Arc::new(ImportSetup::plain(TimeZone::get(zone)?));
    let mut options = ImportOptions::new(&name);
    options.chunk_rows = chunk;
    options.create_areas = true;
    let session = db.session(Scope::system(tenant, "import"));
    let began = Instant::now();
    let importer = Importer::new(db, Clock::system(), Queue::new(Clock::system()));
    let report = importer
        .run(&session, setup, &options, File::open(file)?, |_| {})
        .await?;
    let seconds = began.elapsed().as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of rows stay far below 2^53"
    )]
    let rate = report.read as f64 / seconds;
    println!(
        "{name}{}: {} read {} = created {} + skipped {} + failed {}; verdicts {} of {}; {seconds:.2} s, {rate:.0} rows/s",
        if again { " again" } else { "" },
        report.status.as_str(),
        report.read,
        report.created,
        report.skipped,
        report.failed,
        report.sla_agree,
        report.sla_compared,
    );
    for error in report.errors.iter().take(3) {
        println!("  row {}: {} ({})", error.row, error.code, error.message);
    }
    Ok(())
}
