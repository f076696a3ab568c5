use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use brisk_db::{
    Db, DbConfig, DecodeError, Error, FromRow, One, Row, Session, statements, together,
};
use brisk_testkit::faults::{Mode, Proxy};
use brisk_testkit::servers::Postgres;
use tokio::time::timeout;

use crate::harness::{AGE, COUNT, LONG, OWNERS, SCHEMA, TestDb, add, session};
use crate::library::{BOOKS, LIBRARY, WRITER, WRITERS, rows};

statements! {
    prefix "test.together";

    NO_ROW() -> One<i64> = "SELECT id FROM owners WHERE id < 0";

    BROKEN(zero: i64) -> One<i64> = "SELECT abs(-9223372036854775807 - 1 + $1)";

    MEETING() -> One<Meeting> = "SELECT 1";
}

/// A row that waits, while it is read, until another of its kind is read too.
#[derive(Debug)]
struct Meeting(bool);

static READING: Mutex<u32> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

impl FromRow for Meeting {
    const COLUMNS: &'static [&'static str] = &["*"];

    fn from_row(_: &Row<'_>) -> Result<Self, DecodeError> {
        let mut reading = READING.lock().unwrap();
        *reading += 1;
        CHANGED.notify_all();
        let (reading, _) = CHANGED
            .wait_timeout_while(reading, LONG / 2, |reading| *reading < 2)
            .unwrap();
        Ok(Self(*reading >= 2))
    }
}

on_both! {
    async fn each_part_has_its_own_result(db: TestDb) {
        let session = db.session();
        add(&session, 7).await.unwrap();
        let parts = together((
            session.run(&COUNT, ()),
            session.run(&NO_ROW, ()),
            session.run(&OWNERS, ()),
            session.run(&BROKEN, (0,)),
            async { panic!("a bug in a part") as Result<(), Error> },
        ));
        let (count, no_row, owners, broken, bug) = parts.await.each();
        assert_eq!((count.unwrap(), owners.unwrap()), (1, vec![7]));
        assert!(matches!(no_row, Err(Error::NoRow { .. })), "{no_row:?}");
        assert!(matches!(broken, Err(Error::Statement { .. })), "{broken:?}");
        assert!(matches!(bug, Err(Error::Statement { .. })), "{bug:?}");
    }

    async fn all_is_everything_or_every_failure(db: TestDb) {
        let session = db.session();
        add(&session, 7).await.unwrap();
        let parts = together((session.run(&COUNT, ()), session.run(&AGE, (7,)))).await;
        assert_eq!(parts.all().unwrap(), (1, Some(1)));
        let parts = together((
            session.run(&COUNT, ()),
            session.run(&BROKEN, (0,)),
            session.run(&NO_ROW, ()),
        ));
        let failed = parts.await.all().unwrap_err();
        let names: Vec<_> = failed.failures().map(|(part, e)| (part, e.to_string())).collect();
        assert_eq!(names, [
            (1, "test.together.broken failed".to_owned()),
            (2, "test.together.no_row found no row".to_owned()),
        ]);
        let text = failed.to_string();
        assert!(text.starts_with("2 of 3 reads failed") && text.contains("no_row"), "{text}");
        assert!(matches!(Error::from(failed), Error::Statement { .. }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readers_of_sqlite_run_the_parts_at_once() {
    let db = TestDb::sqlite_with(|c| c.sqlite.readers = 2).await;
    let session = db.session();
    let parts = together((session.run(&MEETING, ()), session.run(&MEETING, ())));
    let (one, other) = timeout(LONG, parts).await.unwrap().all().unwrap();
    assert!(one.0 && other.0, "one was read after the other");
}

/// Six reads of four kinds, two of them loads.
async fn six(session: &Session) {
    let parts = together((
        session.run(&COUNT, ()),
        session.run(&OWNERS, ()),
        session.run(&AGE, (1,)),
        session.run(&WRITERS, (1,)),
        session.load(&WRITER, 3),
        session.load(&BOOKS, 4),
    ));
    let (count, owners, age, writers, writer, books) = parts.await.all().unwrap();
    assert_eq!((count, owners.len(), age), (0, 0, None));
    assert_eq!((writers.len(), writer.is_some(), books.len()), (5, true, 3));
}

/// The delay is far above what the reads themselves take, and the fastest of a few rounds counts: what is measured is the
/// number of round trips, not the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_reads_take_one_round_trip() {
    const DELAY: Duration = Duration::from_millis(50);
    const ROUNDS: usize = 8;
    let database = Postgres::shared().database().unwrap();
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    db.migrate(&[SCHEMA, LIBRARY]).await.unwrap();
    let session = session(&db);
    rows(&session, 5).await;
    // Each statement is prepared once on each lane.
    for _ in 0..20 {
        six(&session).await;
    }
    proxy.set(Mode::Delay(DELAY)).await.unwrap();
    let began = Instant::now();
    session.run(&COUNT, ()).await.unwrap();
    session.run(&OWNERS, ()).await.unwrap();
    assert!(began.elapsed() >= DELAY * 2, "the delay does nothing");
    let mut fastest = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        timeout(LONG, six(&session)).await.unwrap();
        fastest = fastest.min(began.elapsed());
    }
    assert!(fastest <= DELAY.mul_f64(1.3), "{fastest:?}");
}
