//! Pages by any order: every row once, forward and back, with ties, nulls and rows that come and go.

use std::cmp::Ordering;

use brisk_core::TenantId;
use brisk_db::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use brisk_db::{
    Count, CursorKey, Direction, Error, FromRow, MigrationSet, Nulls, OnConflict, Order, Page,
    Paging, Record, Session, Total,
};

use crate::harness::{TestDb, foreign};

const TABLE: MigrationSet = MigrationSet {
    name: "paging",
    history: "brisk_migrations_paging",
    postgres: &[(
        "V1__lines",
        "CREATE TABLE lines (id bigint PRIMARY KEY, tenant_id bigint NOT NULL, a bigint, b text COLLATE \"C\" NOT NULL, c double precision NOT NULL);
         CREATE INDEX lines_b ON lines (tenant_id, b, id);",
    )],
    sqlite: &[(
        "V1__lines",
        "CREATE TABLE lines (id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, a INTEGER, b TEXT NOT NULL, c REAL NOT NULL) STRICT;
         CREATE INDEX lines_b ON lines (tenant_id, b, id);",
    )],
};

#[derive(Clone, Debug, PartialEq, FromRow, Record)]
#[record(table = "lines")]
struct Line {
    id: i64,
    tenant_id: TenantId,
    a: Option<i64>,
    b: String,
    c: f64,
}

const ONE: TenantId = TenantId(1);
const KEY: CursorKey = CursorKey::new([7; 32]);
const DIRECTIONS: [Direction; 2] = [Direction::Asc, Direction::Desc];
const NULLS: [Nulls; 2] = [Nulls::First, Nulls::Last];

/// Many ties, and some without a value.
fn line(id: i64) -> Line {
    Line {
        id,
        tenant_id: ONE,
        a: (id % 5 != 0).then_some(id * 7 % 4),
        b: ["x", "y", "\u{e4}", "Z"][usize::try_from(id * 3 % 4).unwrap()].to_owned(),
        c: f64::from(i32::try_from(id % 3).unwrap()) * 0.1,
    }
}

async fn lines(db: &TestDb, count: i64) -> Session {
    db.db.migrate(&[TABLE]).await.unwrap();
    let session = db.session();
    let others = (1_000..1_010).map(|id| Line {
        tenant_id: TenantId(2),
        ..line(id)
    });
    let rows = (1..=count).map(line).chain(others).collect();
    session.insert_many(rows, OnConflict::Fail).await.unwrap();
    session
}

fn all() -> SelectStatement {
    let mut query = Query::select();
    query
        .from("lines")
        .columns(<Line as FromRow>::COLUMNS.iter().copied())
        .and_where(Expr::col("tenant_id").eq(ONE.get()));
    query
}

async fn page(
    session: &Session,
    order: &Order<Line>,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<Line>, Error> {
    let paging = Paging {
        key: &KEY,
        list: "lines",
        filter: &"all",
        limit,
        skip: 0,
        cursor,
    };
    session.page("test.lines", all(), order, paging).await
}

/// The whole list by pages, and then back again from its end.
async fn there_and_back(session: &Session, order: &Order<Line>, limit: u32) -> [Vec<i64>; 2] {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut now = page(session, order, limit, None).await.unwrap();
    assert_eq!(now.previous_cursor, None);
    loop {
        there.extend(now.items.iter().map(|l| l.id));
        assert!(
            there.len() < 100,
            "{order:?} by {limit} goes round: {there:?}"
        );
        let Some(next) = &now.next_cursor else { break };
        now = page(session, order, limit, Some(next)).await.unwrap();
    }
    loop {
        back.splice(0..0, now.items.iter().map(|l| l.id));
        assert!(
            back.len() < 100,
            "{order:?} back by {limit} goes round: {back:?}"
        );
        let Some(previous) = &now.previous_cursor else {
            break;
        };
        now = page(session, order, limit, Some(previous)).await.unwrap();
        assert!(now.next_cursor.is_some());
    }
    [there, back]
}

fn directed(direction: Direction, ordering: Ordering) -> Ordering {
    match direction {
        Direction::Asc => ordering,
        Direction::Desc => ordering.reverse(),
    }
}

fn nullable(direction: Direction, nulls: Nulls, x: Option<i64>, y: Option<i64>) -> Ordering {
    let first = nulls == Nulls::First;
    match (x, y) {
        (Some(x), Some(y)) => directed(direction, x.cmp(&y)),
        (None, None) => Ordering::Equal,
        (None, _) if first => Ordering::Less,
        (_, None) if first => Ordering::Greater,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
    }
}

on_both! {
    async fn every_order_shows_every_row_once_there_and_back(db: TestDb) {
        let session = lines(&db, 41).await;
        for of_a in DIRECTIONS {
            for nulls in NULLS {
                for of_b in DIRECTIONS {
                    for of_id in DIRECTIONS {
                        let order = Order::default()
                            .by_nullable(Expr::col("a"), of_a, nulls, |l: &Line| l.a)
                            .by(Expr::col("b"), of_b, |l| l.b.clone())
                            .by(Expr::col("id"), of_id, |l| l.id);
                        let mut expected: Vec<Line> = (1..=41).map(line).collect();
                        expected.sort_by(|x, y| {
                            nullable(of_a, nulls, x.a, y.a)
                                .then_with(|| directed(of_b, x.b.cmp(&y.b)))
                                .then_with(|| directed(of_id, x.id.cmp(&y.id)))
                        });
                        let expected: Vec<i64> = expected.iter().map(|l| l.id).collect();
                        for limit in [1, 4, 10, 41] {
                            let [there, back] = there_and_back(&session, &order, limit).await;
                            assert_eq!(there, expected, "{order:?} by {limit}");
                            assert_eq!(back, expected, "{order:?} back by {limit}");
                        }
                    }
                }
            }
        }
    }

    async fn plain_orders_of_one_direction_too(db: TestDb) {
        let session = lines(&db, 30).await;
        for direction in DIRECTIONS {
            let order = Order::default()
                .by(Expr::col("c"), direction, |l: &Line| l.c)
                .by(Expr::col("id"), direction, |l| l.id);
            let mut expected: Vec<Line> = (1..=30).map(line).collect();
            expected.sort_by(|x, y| directed(direction, x.c.total_cmp(&y.c).then(x.id.cmp(&y.id))));
            let expected: Vec<i64> = expected.iter().map(|l| l.id).collect();
            let [there, back] = there_and_back(&session, &order, 7).await;
            assert_eq!((there, back), (expected.clone(), expected));
        }
    }

    async fn rows_that_come_and_go_shift_no_page(db: TestDb) {
        let session = lines(&db, 20).await;
        let order = Order::default().by(Expr::col("id"), Direction::Asc, |l: &Line| l.id);
        let first = page(&session, &order, 5, None).await.unwrap();
        foreign(&db, "DELETE FROM lines WHERE id IN (2, 5, 6)");
        foreign(&db, "INSERT INTO lines VALUES (0, 1, 1, 'x', 1)");
        let second = page(&session, &order, 5, first.next_cursor.as_deref()).await.unwrap();
        assert_eq!(second.items.iter().map(|l| l.id).collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
        let back = page(&session, &order, 5, second.previous_cursor.as_deref()).await.unwrap();
        assert_eq!(back.items.iter().map(|l| l.id).collect::<Vec<_>>(), [0, 1, 3, 4]);
        assert_eq!(back.previous_cursor, None);
        // What lay beyond is gone: the page is empty and the way back is there.
        foreign(&db, "DELETE FROM lines WHERE id > 11");
        let empty = page(&session, &order, 5, second.next_cursor.as_deref()).await.unwrap();
        assert!(empty.items.is_empty() && empty.next_cursor.is_none());
        let back = page(&session, &order, 5, empty.previous_cursor.as_deref()).await.unwrap();
        assert_eq!(back.items.iter().map(|l| l.id).collect::<Vec<_>>(), [4, 7, 8, 9, 10]);
    }

    async fn a_cursor_is_good_for_its_tenant_list_filter_and_order_alone(db: TestDb) {
        let session = lines(&db, 20).await;
        let by_id = || Order::default().by(Expr::col("id"), Direction::Asc, |l: &Line| l.id);
        let cursor = page(&session, &by_id(), 5, None).await.unwrap().next_cursor.unwrap();
        let paging = Paging { key: &KEY, list: "lines", filter: &"all", limit: 5, skip: 0, cursor: Some(&cursor) };
        let ask = async |session: &Session, order: Order<Line>, paging: Paging<'_, &str>| {
            session.page("test.lines", all(), &order, paging).await
        };
        ask(&session, by_id(), paging).await.unwrap();
        let down = Order::default().by(Expr::col("id"), Direction::Desc, |l: &Line| l.id);
        let more = by_id().by(Expr::col("b"), Direction::Asc, |l: &Line| l.b.clone());
        let forged = format!("{}A", &cursor[..cursor.len() - 1]);
        for refused in [
            ask(&session.for_tenant(TenantId(2)), by_id(), paging).await,
            ask(&session, by_id(), Paging { list: "others", ..paging }).await,
            ask(&session, by_id(), Paging { filter: &"few", ..paging }).await,
            ask(&session, down, paging).await,
            ask(&session, more, paging).await,
            ask(&session, by_id(), Paging { cursor: Some(&forged), ..paging }).await,
            ask(&session, by_id(), Paging { cursor: Some("?"), ..paging }).await,
        ] {
            assert!(matches!(refused, Err(Error::Cursor)), "{refused:?}");
        }
    }

    async fn rows_are_counted_as_far_as_was_asked(db: TestDb) {
        let session = lines(&db, 20).await;
        let mut none = all();
        none.and_where(Expr::col("id").gt(20));
        for (query, count, total) in [
            (all(), Count::Exact, Total::Exact(20)),
            (all(), Count::UpTo(20), Total::Exact(20)),
            (all(), Count::UpTo(19), Total::Estimate(20)),
            (all(), Count::UpTo(7), Total::Estimate(8)),
            (all(), Count::UpTo(0), Total::Estimate(1)),
            (all(), Count::UpTo(u64::MAX), Total::Exact(20)),
            (none.clone(), Count::UpTo(0), Total::Exact(0)),
            (none, Count::Exact, Total::Exact(0)),
        ] {
            assert_eq!(session.count("test.total", query, count).await.unwrap(), total, "{count:?}");
        }
        let asked = session.scope().ledger().summary().statements;
        let total = session.count("test.total", all(), Count::Skip).await.unwrap();
        assert_eq!(total, Total::Skipped);
        assert_eq!(session.scope().ledger().summary().statements, asked);
    }

    async fn skipping_is_for_the_first_page(db: TestDb) {
        let session = lines(&db, 20).await;
        let order = Order::default().by(Expr::col("id"), Direction::Asc, |l: &Line| l.id);
        let paging = Paging { key: &KEY, list: "lines", filter: &"all", limit: 5, skip: 7, cursor: None };
        let page = session.page("test.lines", all(), &order, paging).await.unwrap();
        assert_eq!(page.items[0].id, 8);
        let before = Paging { skip: 0, cursor: page.previous_cursor.as_deref(), ..paging };
        let before = session.page("test.lines", all(), &order, before).await.unwrap();
        assert_eq!(before.items.iter().map(|l| l.id).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    }
}
