//! How many statements the answers cost, however many rows there are.

use brisk::prelude::Role;
use serde_json::{Value, json};

use crate::world::{TestApp, pothole};

crate::on_both!(answers_cost_the_same_few_statements_with_few_rows_and_with_many);

async fn answers_cost_the_same_few_statements_with_few_rows_and_with_many(app: TestApp) {
    let (_, issue) = app.linked(0).await;
    app.configure(&json!({"public": {"enabled": true, "min_cell": 1}}))
        .await;
    let slug = app.acme.slug;
    let budgets = [
        (format!("/v1/issues/{issue}"), 3),
        (format!("/v1/issues/{issue}/events"), 2),
        (format!("/v1/reports/{issue}"), 1),
        ("/v1/issues?limit=1000".to_owned(), 2),
        (
            "/v1/issues?status=open,acknowledged&category=infrastructure".to_owned(),
            2,
        ),
        (
            "/v1/issues?overdue=false&q=large&bbox=-90,-180,90,180&count=exact".to_owned(),
            2,
        ),
        ("/v1/issues?count=none&sort_by=priority".to_owned(), 1),
        ("/v1/reports?limit=1000".to_owned(), 2),
        (
            "/v1/reports?status=linked&processed=true&channel=api".to_owned(),
            2,
        ),
        ("/v1/dashboard".to_owned(), 6),
        ("/v1/dashboard?period=all_time".to_owned(), 6),
        (format!("/v1/public/{slug}/issues"), 2),
        (format!("/v1/public/{slug}/dashboard"), 6),
        ("/v1/analytics/series?metric=reports".to_owned(), 2),
        ("/v1/analytics/categories".to_owned(), 2),
    ];
    let agent = app.agent();
    let mut few = Vec::new();
    for (path, budget) in &budgets {
        // The first answer fills the caches of keys and settings.
        agent.get(path).await.assert_status(200);
        let answer = agent.get(path).await;
        answer.assert_status(200);
        let cost = answer.statements();
        assert!(cost <= *budget, "{path} costs {cost} statements");
        few.push(cost);
    }
    // Many reports of one issue, and many issues.
    let mut reports: Vec<Value> = (1..600).map(pothole).collect();
    reports.extend((0..200).map(|_| pothole(0)));
    let manager = app.caller(Role::Manager);
    let made = manager.post("/v1/reports/batch", &json!({"reports": reports}));
    made.await.assert_status(200);
    app.settled().await;
    let body = agent.get(&format!("/v1/issues/{issue}")).await.json();
    assert_eq!(body["report_count"], 201);
    assert_eq!(body["reports"].as_array().unwrap().len(), 50);
    for ((path, _), few) in budgets.iter().zip(few) {
        // What the reports ended is kept again.
        agent.get(path).await.assert_status(200);
        let answer = agent.get(path).await;
        answer.assert_status(200);
        let cost = answer.statements();
        assert!(
            cost <= few,
            "{path} costs {cost} statements with many rows, {few} with few"
        );
    }
    app.stop().await;
}
