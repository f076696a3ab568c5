//! Many reports through several nodes, and what is left of them when a node is killed.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brisk::Service as _;
use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::node::NodeProcess;
use crate::world::{Place, TestApp, spot};
use brisk_testkit::services::Client;
use brisk_testkit::services::{PATIENCE, eventually};

/// Reports in a usual run; `BRISK_TEST_FULL=1` asks for the ten thousand.
const REPORTS: u32 = 2_000;

/// Reports of a run in which a node is killed.
const REPORTS_OF_A_CRASH: usize = 1_200;

/// Whether the numbers of the specification are asked for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("BRISK_TEST_FULL").is_some_and(|v| v != "0")
}

/// Texts of all categories and severities.
const TEXTS: [&str; 8] = [
    "Large pothole on Main Street, cars swerve to avoid it",
    "I smell gas in the basement of the building",
    "Garbage has not been collected for two weeks",
    "Rats in the courtyard near the bins",
    "Loud music every night after midnight, we cannot sleep",
    "Graffiti on the park wall behind the school",
    "Please add more bike lanes to this quarter",
    "Small crack in the sidewalk, not urgent",
];

/// The report of that number; some of them are about the same thing.
fn report(i: u32) -> Value {
    let (lat, lon) = spot(i % 3_000);
    json!({
        "description": TEXTS[usize::try_from(i % 8).unwrap()],
        "lat": lat, "lon": lon,
        "client_ref": format!("r-{i}"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_many_reports_count_on_sqlite() {
    let app = TestApp::sqlite().await;
    flood(&app, 1).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_many_reports_count_through_two_nodes() {
    let mut app = TestApp::postgres().await;
    app.add_node().await;
    flood(&app, 2).await;
    app.stop().await;
}

async fn flood(app: &TestApp, nodes: u32) {
    let reports = if is_full() { 10_000 } else { REPORTS };
    let clients: Vec<Client> = (0..nodes)
        .map(|node| app.agent_at(usize::try_from(node).unwrap()))
        .collect();
    futures::stream::iter(0..reports)
        .map(|i| {
            let client = &clients[usize::try_from(i % nodes).unwrap()];
            async move {
                client
                    .post("/v1/reports", &report(i))
                    .await
                    .assert_status(201)
            }
        })
        .buffer_unordered(32)
        .for_each(async |_| ())
        .await;
    app.settled().await;
    whole(app, i64::from(reports)).await;
    let path = format!("/v1/scores/tenant/{}", app.acme.id);
    eventually("the score knows all reports", PATIENCE, async || {
        let scores = clients[0].get(&path).await.json()["scores"].clone();
        (scores["total_reports"] == reports).then_some(())
    })
    .await;
    let listed = clients[0].get("/v1/issues?limit=1").await.json();
    let issues = app.place.number("SELECT count(*) FROM civic_issues");
    assert_eq!(listed["total"], issues);
    let dashboard = clients[0].get("/v1/dashboard").await.assert_status(200);
    assert_eq!(dashboard["counts"]["open"], issues);
}

/// Each report stands once, in an issue that counts it, with a promise; and all figures are those of a recount.
pub(crate) async fn whole(app: &TestApp, reports: i64) {
    let place = &app.place;
    let number = |sql: &str| place.number(sql);
    assert_eq!(number("SELECT count(*) FROM civic_reports"), reports);
    let unlinked = "SELECT count(*) FROM civic_reports WHERE issue_id IS NULL OR status <> 'linked' OR NOT processed";
    assert_eq!(number(unlinked), 0, "reports without issue");
    let miscounted = "SELECT count(*) FROM civic_issues i WHERE report_count <>
        (SELECT count(*) FROM civic_reports r WHERE r.issue_id = i.id)";
    assert_eq!(number(miscounted), 0, "issues with a wrong count");
    let promised =
        "SELECT count(*) FROM civic_issues i LEFT JOIN civic_sla_metrics s ON s.issue_id = i.id
        WHERE s.issue_id IS NULL";
    assert_eq!(number(promised), 0, "issues without a promise");
    let created = "SELECT count(*) FROM civic_issue_events WHERE kind = 'created'";
    let issues = number("SELECT count(*) FROM civic_issues");
    assert_eq!(number(created), issues, "issues are created once");
    let linked =
        "SELECT count(*) FROM civic_issue_events WHERE kind IN ('created', 'report_linked')";
    assert_eq!(number(linked), reports, "reports are linked once");
    assert_eq!(drift(place), Vec::<String>::new());
    recounted(app).await;
}

/// A recount finds nothing to mend.
async fn recounted(app: &TestApp) {
    let figures = || {
        [
            "civic_tenant_counters",
            "civic_score_daily",
            "civic_score_hist",
        ]
        .map(|table| {
            app.place
                .sql(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5"))
        })
    };
    let before = figures();
    let service = brisk_civic::service();
    let command = service.command().unwrap();
    let matches = command.get_matches_from(["civic", "reconcile"]);
    let settings = brisk_civic::CivicSettings::default();
    let kit = app.nodes[0].kit();
    let ended = service.run_command(kit, settings, &matches).await.unwrap();
    assert_eq!(ended, std::process::ExitCode::SUCCESS);
    assert_eq!(figures(), before, "a recount mended something");
}

/// Cells of the figures that differ from a recount.
pub(crate) fn drift(place: &Place) -> Vec<String> {
    let stored = "SELECT tenant_id, area_id, category, severity, status, n FROM civic_tenant_counters WHERE n <> 0";
    let counted = "SELECT tenant_id, coalesce(area_id, 0), category, severity, status, count(*) FROM civic_issues
        WHERE merged_into_id IS NULL GROUP BY 1, 2, 3, 4, 5";
    let sums = |what: &str| {
        format!(
            "SELECT tenant_id, area_id, category, severity, CAST(sum({what}) AS bigint) FROM civic_score_daily
            GROUP BY 1, 2, 3, 4 HAVING sum({what}) <> 0"
        )
    };
    let rows = |from: &str| {
        format!(
            "SELECT tenant_id, coalesce(area_id, 0), category, severity, count(*) FROM {from} GROUP BY 1, 2, 3, 4"
        )
    };
    let pairs = [
        (stored.to_owned(), counted.to_owned()),
        (sums("opened"), rows("civic_issues")),
        (sums("reports"), rows("civic_reports WHERE processed")),
        (
            sums("breached"),
            rows("civic_sla_metrics WHERE breached_at IS NOT NULL AND NOT excluded"),
        ),
        (
            sums("sla_met"),
            rows("civic_sla_metrics WHERE met_sla AND NOT excluded"),
        ),
        (
            sums("sla_missed"),
            rows("civic_sla_metrics WHERE NOT met_sla AND NOT excluded"),
        ),
    ];
    let mut found = Vec::new();
    for (one, two) in pairs {
        for (left, right) in [(&one, &two), (&two, &one)] {
            let lines = place.sql(&format!("{left} EXCEPT {right}"));
            found.extend(
                lines
                    .lines()
                    .filter(|line| !line.is_empty())
                    .map(|line| format!("{line} only in {left}")),
            );
        }
    }
    found
}

/// People who report one thing after the other, and try again with the same reference until they are heard.
struct Writers {
    /// Whom to ask; the last one first.
    nodes: Mutex<Vec<Client>>,
    acknowledged: Mutex<HashMap<String, i64>>,
    next: AtomicUsize,
    broken: AtomicUsize,
}

impl Writers {
    fn new(nodes: Vec<Client>) -> Self {
        Self {
            nodes: Mutex::new(nodes),
            acknowledged: Mutex::default(),
            next: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
        }
    }

    fn heard(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    async fn write(&self, number: usize, until: usize) {
        let mut turn = number;
        loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= until {
                return;
            }
            let report = report(u32::try_from(i).unwrap());
            let call = brisk_testkit::services::Call::new("POST", "/v1/reports").json(&report);
            loop {
                let node = {
                    let nodes = self.nodes.lock().unwrap();
                    turn += 1;
                    nodes.get(turn % nodes.len().max(1)).cloned()
                };
                let answer = match &node {
                    Some(node) => node.try_send(&call).await,
                    None => None,
                };
                match answer {
                    Some(answer) if matches!(answer.status, 200 | 201) => {
                        let id = answer.json()["id"].as_i64().unwrap();
                        let reference = report["client_ref"].as_str().unwrap().to_owned();
                        self.acknowledged.lock().unwrap().insert(reference, id);
                        break;
                    }
                    Some(answer) => panic!("{answer:?}"),
                    None => {
                        self.broken.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            }
        }
    }

    /// Everything acknowledged is there once, with the id that was answered.
    fn check(&self, place: &Place) {
        let rows = place.sql("SELECT client_ref, id FROM civic_reports");
        let mut stored = HashMap::new();
        for line in rows.lines() {
            let (reference, id) = line.split_once('|').unwrap();
            let twice = stored.insert(reference.to_owned(), id.parse::<i64>().unwrap());
            assert_eq!(twice, None, "{reference} is there twice");
        }
        assert_eq!(stored, *self.acknowledged.lock().unwrap());
    }
}

/// What a node had claimed before it was killed or cut off is free for others when its lease ends; this ends it at once.
pub(crate) fn end_leases(place: &Place) {
    let past = if place.is_postgres() {
        "now() - interval '1 second'"
    } else {
        "0"
    };
    place.sql(&format!(
        "UPDATE brisk_jobs SET lease_until = {past} WHERE lease_until IS NOT NULL"
    ));
    place.sql(&format!("UPDATE brisk_job_turns SET until = {past}"));
    place.sql(&format!("UPDATE brisk_leases SET until = {past}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_in_the_middle_loses_nothing_on_postgres() {
    let app = TestApp::postgres().await;
    let child = NodeProcess::start(&app.place.url()).await;
    let key = app.acme.key(brisk::prelude::Role::Agent).to_owned();
    let writers = Writers::new(vec![app.agent_at(0), Client::new(child.address).with(&key)]);
    let killing = async {
        eventually("half of them are heard", PATIENCE, async || {
            (writers.heard() >= REPORTS_OF_A_CRASH / 2).then_some(())
        })
        .await;
        child.kill().await;
    };
    let writing = join_all((0..16).map(|i| writers.write(i, REPORTS_OF_A_CRASH)));
    tokio::join!(writing, killing);
    assert!(writers.broken.load(Ordering::Relaxed) > 0);
    end_leases(&app.place);
    app.settled().await;
    writers.check(&app.place);
    whole(&app, i64::try_from(REPORTS_OF_A_CRASH).unwrap()).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_the_middle_loses_nothing_on_sqlite() {
    let mut app = TestApp::sqlite().await;
    for node in app.nodes.drain(..) {
        node.stop().await.unwrap();
    }
    let child = NodeProcess::start(&app.place.url()).await;
    let key = app.acme.key(brisk::prelude::Role::Agent).to_owned();
    let writers = Writers::new(vec![Client::new(child.address).with(&key)]);
    let restarting = async {
        eventually("half of them are heard", PATIENCE, async || {
            (writers.heard() >= REPORTS_OF_A_CRASH / 2).then_some(())
        })
        .await;
        child.kill().await;
        let app = app.restarted().await;
        *writers.nodes.lock().unwrap() = vec![app.agent_at(0)];
        app
    };
    let writing = join_all((0..16).map(|i| writers.write(i, REPORTS_OF_A_CRASH)));
    let (_, app) = tokio::join!(writing, restarting);
    assert!(writers.broken.load(Ordering::Relaxed) > 0);
    end_leases(&app.place);
    app.settled().await;
    writers.check(&app.place);
    whole(&app, i64::try_from(REPORTS_OF_A_CRASH).unwrap()).await;
    app.stop().await;
}
