//! Plans: the benchmarked queries use their indexes, and no answer reads a whole table.

use std::collections::HashMap;

use brisk::Service as _;
use serde_json::{Value, json};

use crate::world::{Place, TestApp, pothole};

crate::on_both!(the_benchmarked_queries_use_their_indexes);

/// Each benchmarked statement with the indexes that serve it, and its parameters in both engines' words.
const QUERIES: [(&str, &[&str], [&str; 2]); 5] = [
    (
        "civic.bench.report_page",
        &["idx_reports_tenant_time"],
        [
            "TENANT, '2999-01-01', 9000000000, 51",
            "TENANT, 32472144000000000, 9000000000, 51",
        ],
    ),
    (
        "civic.bench.open_count",
        &["idx_issues_tenant_status", "idx_issues_list"],
        ["TENANT", "TENANT"],
    ),
    (
        "civic.bench.issue_with_reports",
        &["idx_reports_issue_time"],
        ["ISSUE, 51", "ISSUE, 51"],
    ),
    (
        "civic.bench.sla_sums",
        &["idx_sla_tenant_time"],
        ["TENANT, 'SINCE'", "TENANT, MICROS"],
    ),
    (
        "civic.bench.issue_page",
        &["idx_issues_list"],
        [
            "TENANT, 'open', '2999-01-01', 9000000000, 50",
            "TENANT, 'open', 32472144000000000, 9000000000, 50",
        ],
    ),
];

const TABLES: [&str; 3] = ["civic_reports", "civic_issues", "civic_sla_metrics"];

/// Reports of `acme`; many times as many belong to others.
const ROWS: u32 = 500;

/// Fills the tables, `copies` times as much for others as for `acme`; answers one of its issues.
async fn fill(app: &TestApp, copies: u32) -> i64 {
    let reports: Vec<Value> = (0..ROWS).map(pothole).collect();
    let made = app
        .agent()
        .post("/v1/reports/batch", &json!({"reports": reports}));
    made.await.assert_status(200);
    app.settled().await;
    let list = app.agent().get("/v1/issues?limit=300").await.json();
    let rows = list["issues"].as_array().unwrap();
    for row in rows {
        let path = format!("/v1/issues/{}", row["id"]);
        let done = app.agent().patch(&path, &json!({"status": "resolved"}));
        done.await.assert_status(200);
    }
    app.settled().await;
    for copy in 1..=copies {
        let shift = copy * 1_000_000;
        let other = app.other.id.to_string();
        for table in ["civic_issues", "civic_reports", "civic_sla_metrics"] {
            let columns = columns(&app.place, table);
            let values: Vec<String> = columns
                .iter()
                .map(|column| match column.as_str() {
                    "tenant_id" => other.clone(),
                    "id" | "issue_id" => format!("{column} + {shift}"),
                    "client_ref" | "tracking_hash" | "reporter_id" | "merged_into_id" => {
                        "NULL".to_owned()
                    }
                    _ => column.clone(),
                })
                .collect();
            let (columns, values) = (columns.join(", "), values.join(", "));
            app.place.sql(&format!(
                "INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE tenant_id = {}",
                app.acme.id
            ));
        }
    }
    let tidy = if app.place.is_postgres() {
        "VACUUM ANALYZE"
    } else {
        "ANALYZE"
    };
    app.place.sql(tidy);
    rows[0]["id"].as_i64().unwrap()
}

fn columns(place: &Place, table: &str) -> Vec<String> {
    let found = if place.is_postgres() {
        place.sql(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
        ))
    } else {
        place.sql(&format!("SELECT name FROM pragma_table_info('{table}')"))
    };
    found.lines().map(str::to_owned).collect()
}

async fn the_benchmarked_queries_use_their_indexes(app: TestApp) {
    let issue = fill(&app, 9).await;
    let declared: HashMap<_, _> = brisk_civic::service()
        .statements()
        .into_iter()
        .map(|s| (s.name(), s))
        .collect();
    let week_ago = app.clock.now() - std::time::Duration::from_hours(168);
    for (name, indexes, [postgres, sqlite]) in QUERIES {
        let statement = declared
            .get(name)
            .unwrap_or_else(|| panic!("{name} is no statement"));
        let fill_in = |parameters: &str| {
            parameters
                .replace("TENANT", &app.acme.id.to_string())
                .replace("ISSUE", &issue.to_string())
                .replace("SINCE", &week_ago.to_string())
                .replace("MICROS", &week_ago.as_microsecond().to_string())
        };
        let plan = match &app.place {
            Place::Postgres(database) => database
                .psql(&[
                    &format!("PREPARE q AS {}", statement.postgres()),
                    &format!(
                        "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) EXECUTE q({})",
                        fill_in(postgres)
                    ),
                ])
                .unwrap(),
            Place::Sqlite(_) => app.place.sql(&format!(
                "EXPLAIN QUERY PLAN {}",
                numbered(statement.sqlite(), &fill_in(sqlite))
            )),
        };
        let served = indexes.iter().any(|index| plan.contains(index));
        assert!(served, "{name} without {indexes:?}:\n{plan}");
        assert!(!reads_a_whole_table(&plan), "{name}:\n{plan}");
    }
    app.stop().await;
}

/// The statement with its parameters written out.
fn numbered(text: &str, parameters: &str) -> String {
    let values = parameters.split(", ").enumerate();
    values.fold(text.to_owned(), |text, (i, value)| {
        let n = i + 1;
        text.replace(&format!("${n}"), value)
            .replace(&format!("?{n}"), value)
    })
}

fn reads_a_whole_table(plan: &str) -> bool {
    plan.contains("Seq Scan")
        || plan
            .lines()
            .any(|line| line.contains("SCAN civic_") && !line.contains("USING"))
}

/// Answers with and without filters, pages in the middle, and all sorts.
const ANSWERS: [&str; 30] = [
    "/v1/issues",
    "/v1/issues?status=open",
    "/v1/issues?status=open,acknowledged,in-progress,on-hold",
    "/v1/issues?status=resolved&sort_order=asc",
    "/v1/issues?category=infrastructure&severity=high",
    "/v1/issues?sort_by=priority&status=open",
    "/v1/issues?sort_by=priority",
    "/v1/issues?sort_by=updated_at",
    "/v1/issues?sort_by=due",
    "/v1/issues?sort_by=report_count",
    "/v1/issues?overdue=true",
    "/v1/issues?overdue=false",
    "/v1/issues?due_before=2030-01-01T00:00:00Z",
    "/v1/issues?q=large",
    "/v1/issues?bbox=30,-91,30.1,-89",
    "/v1/issues?assignee=nobody",
    "/v1/issues?sensitive=false",
    "/v1/issues?created_after=2020-01-01T00:00:00Z&created_before=2030-01-01T00:00:00Z",
    "/v1/issues?updated_after=2020-01-01T00:00:00Z",
    "/v1/issues?count=exact&skip=100",
    "/v1/reports",
    "/v1/reports?sort_order=asc&skip=100",
    "/v1/reports?status=linked&channel=api",
    "/v1/reports?category=infrastructure&processed=true",
    "/v1/reports?q=large",
    "/v1/reports?bbox=30,-91,30.1,-89",
    "/v1/dashboard",
    "/v1/public/acme/issues",
    "/v1/public/acme/map",
    "/v1/nearby?lat=30.0&lon=-90.0&q=pothole",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_reads_a_whole_table() {
    let app = TestApp::postgres().await;
    // As with rows on a disk that finds each of them at once.
    app.place
        .sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET random_page_cost = 1.1', current_database()); END $$");
    let issue = fill(&app, 40).await;
    let agent = app.agent();
    let mut paths: Vec<String> = ANSWERS.map(str::to_owned).to_vec();
    paths.extend([
        format!("/v1/issues/{issue}"),
        format!("/v1/issues/{issue}/events"),
        format!("/v1/reports?issue_id={issue}"),
        format!("/v1/public/acme/issues/{issue}"),
        format!("/v1/scores/tenant/{}", app.acme.id),
        "/v1/moderation/queue".to_owned(),
        "/v1/analytics/categories".to_owned(),
        "/v1/public/acme/dashboard".to_owned(),
    ]);
    for list in ["issues", "reports"] {
        let page = agent.get(&format!("/v1/{list}?limit=50")).await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        paths.push(format!("/v1/{list}?limit=50&cursor={cursor}"));
    }
    let boss = app.caller(brisk::prelude::Role::Admin);
    let read = async |path: &str| {
        let answer = boss.get(path).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
    };
    // All at once first, because each look at the counts ends all connections.
    let before = scans(&app).await;
    for path in &paths {
        read(path).await;
    }
    let mut so_far = scans(&app).await;
    let mut guilty = Vec::new();
    if so_far != before {
        for path in &paths {
            read(path).await;
            let after = scans(&app).await;
            if after != so_far {
                guilty.push(format!("{path}: {so_far:?} then {after:?}"));
            }
            so_far = after;
        }
    }
    assert!(guilty.is_empty(), "{guilty:#?}");
    app.stop().await;
}

/// Sequential scans of each large table so far. A connection tells of them when it ends, so all are ended first.
async fn scans(app: &TestApp) -> Vec<i64> {
    let Place::Postgres(database) = &app.place else {
        panic!("a PostgreSQL database");
    };
    database.disconnect_all().unwrap();
    // Until it has connections again.
    brisk_testkit::services::eventually(
        "the node has connections",
        brisk_testkit::services::PATIENCE,
        async || {
            let answer = app
                .caller(brisk::prelude::Role::Admin)
                .get("/v1/api-keys")
                .await;
            (answer.status == 200).then_some(())
        },
    )
    .await;
    TABLES
        .iter()
        .map(|table| {
            app.place.number(&format!(
                "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = '{table}'"
            ))
        })
        .collect()
}
