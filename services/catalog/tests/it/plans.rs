//! Plans: pages by cursor walk an index, however deep they lie.

use brisk_testkit::services::Place;

use crate::world::{EVERYTHING, TestApp, ids};

/// Rows of the table.
const ROWS: u32 = 100_000;

/// The orders.
const SORTS: [&str; 6] = [
    "id",
    "-id",
    "name",
    "created_at",
    "-created_at",
    "-updated_at",
];

fn fill(place: &Place, tenant: i64) {
    let (numbers, at) = if place.is_postgres() {
        let numbers = format!("SELECT generate_series(1, {ROWS})");
        (numbers, "now() - n * interval '1 second'")
    } else {
        let numbers = format!("SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS}");
        (numbers, "1700000000000000 - n * 1000000")
    };
    place.sql(&format!(
        "INSERT INTO catalog_authors (tenant_id, name, created_at, updated_at)
         WITH RECURSIVE numbers (n) AS ({numbers}) SELECT {tenant}, 'Author ' || n, {at}, {at} FROM numbers"
    ));
    place.sql("ANALYZE");
}

/// How often the table was read whole, and by an index.
fn scans(app: &TestApp) -> (i64, i64) {
    let of = |column: &str| {
        let table = "relname = 'catalog_authors'";
        app.place.number(&format!(
            "SELECT {column} FROM pg_stat_user_tables WHERE {table}"
        ))
    };
    (of("seq_scan"), of("idx_scan"))
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_pages_by_cursor_read_no_table_whole_on_postgres() {
    let app = TestApp::postgres().await;
    let tenant = app.tenant("library").await;
    fill(&app.place, tenant.get());
    let client = app.person(tenant, "librarian", EVERYTHING);
    let mut pages = Vec::new();
    for sort in SORTS {
        let deep = format!("/catalog/authors/paginated?sort={sort}&skip_count=true&page=4500");
        let deep = client.get(&deep).await.assert_status(200);
        let cursor = deep["meta"]["next_cursor"].as_str().unwrap();
        pages.push(format!(
            "/catalog/authors/paginated?sort={sort}&cursor={cursor}"
        ));
    }
    // A connection that ends has told what it did.
    let app = app.with(&[]).await;
    let before = scans(&app);
    let client = app.person(tenant, "librarian", EVERYTHING);
    for page in &pages {
        let answer = client.get(page).await;
        assert_eq!(answer.statements(), 1, "{page}");
        assert_eq!(ids(&answer.json()["items"]).len(), 20, "{page}");
    }
    let app = app.with(&[]).await;
    let after = scans(&app);
    assert_eq!(
        after.0, before.0,
        "a page was read by a scan of the whole table"
    );
    assert!(after.1 - before.1 >= 6, "{before:?} {after:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_pages_by_cursor_walk_an_index_on_sqlite() {
    let app = TestApp::sqlite().await;
    let tenant = app.tenant("library").await.get();
    fill(&app.place, tenant);
    for sort in SORTS {
        let (column, order, beyond) = match sort.strip_prefix('-') {
            Some(column) => (column, "DESC", "<"),
            None => (sort, "ASC", ">"),
        };
        let (keys, values, by) = if column == "id" {
            ("id".to_owned(), "90000".to_owned(), format!("id {order}"))
        } else {
            let keys = format!("{column}, id");
            (
                keys,
                "1, 90000".to_owned(),
                format!("{column} {order}, id {order}"),
            )
        };
        let plan = app.place.sql(&format!(
            "EXPLAIN QUERY PLAN SELECT id, name, email, status, created_at, updated_at FROM catalog_authors
             WHERE tenant_id = {tenant} AND ({keys}) {beyond} ({values}) ORDER BY {by} LIMIT 21"
        ));
        assert!(
            plan.contains("SEARCH catalog_authors USING"),
            "{sort}: {plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{sort}: {plan}");
    }
    app.stop().await;
}
