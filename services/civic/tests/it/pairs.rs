//! Two people report one hole at the same moment: one issue, always.

use futures::StreamExt as _;

use crate::world::{TestApp, pothole};
use brisk_testkit::services::PATIENCE;

/// Pairs in a usual run; `BRISK_TEST_FULL=1` asks for the thousand of the specification.
const PAIRS: u32 = 250;

/// Pairs on their way at the same time.
const AT_ONCE: usize = 8;

fn pairs() -> u32 {
    if crate::volume::is_full() {
        1_000
    } else {
        PAIRS
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reports_of_one_hole_are_one_issue_on_sqlite() {
    let app = TestApp::sqlite().await;
    race(&app, [0, 0]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reports_of_one_hole_are_one_issue_through_two_nodes() {
    let mut app = TestApp::postgres().await;
    app.add_node().await;
    race(&app, [0, 1]).await;
    app.stop().await;
}

async fn race(app: &TestApp, nodes: [usize; 2]) {
    let [one, two] = nodes.map(|node| app.agent_at(node));
    let pairs = pairs();
    futures::stream::iter(0..pairs)
        .map(|place| {
            let (one, two, report) = (&one, &two, pothole(place));
            async move {
                let both = tokio::join!(
                    one.post("/v1/reports", &report),
                    two.post("/v1/reports", &report)
                );
                both.0.assert_status(201);
                both.1.assert_status(201);
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
    tokio::time::timeout(PATIENCE, app.settled()).await.unwrap();
    let number = |sql: &str| app.place.number(sql);
    assert_eq!(
        number("SELECT count(*) FROM civic_reports WHERE issue_id IS NOT NULL"),
        i64::from(pairs) * 2
    );
    assert_eq!(
        number("SELECT count(*) FROM civic_issues"),
        i64::from(pairs)
    );
    let wrong = "SELECT count(*) FROM civic_issues WHERE report_count <> 2 OR reporter_count <> 2";
    assert_eq!(number(wrong), 0);
    let places = "SELECT count(DISTINCT location) FROM civic_issues";
    assert_eq!(number(places), i64::from(pairs));
}
