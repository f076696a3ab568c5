//! Pages by cursor part a list, whatever is added meanwhile.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use brisk::prelude::Role;
use serde_json::{Value, json};

use crate::world::{TestApp, pothole};
use brisk_testkit::services::Client;

crate::on_both!(
    pages_part_a_list_while_others_add_to_it,
    a_cursor_belongs_to_its_list_filter_order_and_tenant,
);

const ROWS: u32 = 120;

fn ids(page: &Value, name: &str) -> Vec<i64> {
    let rows = page[name].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

/// All ids of a list, page by page.
async fn walk(agent: &Client, name: &str, query: &str, limit: usize) -> Vec<i64> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/{name}?limit={limit}&count=none{query}{cursor}");
        let page = agent.get(&path).await.assert_status(200);
        let rows = ids(&page, name);
        all.extend(&rows);
        let Some(next) = page["next_cursor"].as_str() else {
            assert_eq!(page["has_more"], false);
            return all;
        };
        assert_eq!(rows.len(), limit, "a page with a next one is full");
        cursor = format!("&cursor={next}");
    }
}

async fn pages_part_a_list_while_others_add_to_it(app: TestApp) {
    let reports: Vec<Value> = (0..ROWS).map(pothole).collect();
    let agent = app.agent();
    let batch = agent.post("/v1/reports/batch", &json!({"reports": reports}));
    batch.await.assert_status(200);
    app.settled().await;
    let before = [
        (
            "reports",
            ids(&agent.get("/v1/reports?limit=1000").await.json(), "reports"),
        ),
        (
            "issues",
            ids(&agent.get("/v1/issues?limit=1000").await.json(), "issues"),
        ),
    ];
    let over = AtomicBool::new(false);
    let adding = async {
        for place in ROWS.. {
            if over.load(Ordering::Relaxed) {
                return place - ROWS;
            }
            // Some lie in the past, in the middle of the list.
            let mut report = pothole(place);
            if place % 3 == 0 {
                report["submitted_at"] = json!("2026-01-01T00:00:00Z");
            }
            agent.post("/v1/reports", &report).await.assert_status(201);
        }
        0
    };
    let walking = async {
        for (name, there) in &before {
            assert_eq!(there.len(), usize::try_from(ROWS).unwrap());
            let orders: &[&str] = match *name {
                "reports" => &["&sort_order=desc", "&sort_order=asc"],
                _ => &[
                    "&sort_by=created_at&sort_order=desc",
                    "&sort_by=created_at&sort_order=asc",
                    "&sort_by=due&sort_order=asc",
                    "&status=open&sort_by=created_at",
                    "&severity=high",
                ],
            };
            for order in orders {
                for limit in [1, 7, 40, 1_000] {
                    if limit == 1 && *order != orders[0] {
                        continue;
                    }
                    let seen = walk(&agent, name, order, limit).await;
                    let unique: HashSet<_> = seen.iter().copied().collect();
                    assert_eq!(
                        unique.len(),
                        seen.len(),
                        "twice in {name}{order} by {limit}"
                    );
                    let lost: Vec<_> = there.iter().filter(|id| !unique.contains(id)).collect();
                    assert!(lost.is_empty(), "{lost:?} lost in {name}{order} by {limit}");
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    };
    let (added, ()) = tokio::join!(adding, walking);
    assert!(added > 20, "only {added} were added meanwhile");
    app.settled().await;
    // At rest the pages are the list.
    for name in ["reports", "issues"] {
        let whole = ids(
            &agent.get(&format!("/v1/{name}?limit=1000")).await.json(),
            name,
        );
        assert_eq!(walk(&agent, name, "", 13).await[..whole.len()], whole[..]);
    }
    app.stop().await;
}

async fn a_cursor_belongs_to_its_list_filter_order_and_tenant(app: TestApp) {
    for place in 0..3 {
        app.linked(place).await;
    }
    let agent = app.agent();
    let page = agent.get("/v1/issues?limit=1&status=open").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let good = agent.get(&format!("/v1/issues?limit=2&status=open&cursor={cursor}"));
    assert_eq!(good.await.status, 200, "another size of page is fine");
    let mut flipped = cursor.to_owned();
    let last = flipped.pop().unwrap();
    flipped.push(if last == 'A' { 'B' } else { 'A' });
    for path in [
        format!("/v1/issues?cursor={cursor}"),
        format!("/v1/issues?status=open&sort_order=asc&cursor={cursor}"),
        format!("/v1/reports?cursor={cursor}"),
        format!("/v1/issues?status=open&cursor={flipped}"),
        format!(
            "/v1/issues?status=open&cursor={}",
            &cursor[..cursor.len() / 2]
        ),
        "/v1/issues?cursor=%00".to_owned(),
        "/v1/issues?cursor=".to_owned(),
    ] {
        let answer = agent.get(&path).await;
        assert_eq!(answer.status, 400, "{path} {answer:?}");
    }
    let other = app.public().with(app.other.key(Role::Agent));
    let foreign = other.get(&format!("/v1/issues?status=open&cursor={cursor}"));
    assert_eq!(foreign.await.status, 400);
    app.stop().await;
}
