//! The database goes away under load, and comes back.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use brisk_testkit::faults::{Mode, Proxy};
use futures::future::join_all;
use serde_json::json;

use crate::world::{Place, TestApp, pothole};
use brisk_testkit::services::{Answer, Call, Client};
use brisk_testkit::services::{PATIENCE, eventually};

/// Reports sent while the database comes and goes.
#[derive(Default)]
struct Load {
    acknowledged: Mutex<HashMap<String, i64>>,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    fn heard(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Reports until it is over, each as often as it takes; then what was refused last is tried once more.
    async fn write(&self, writer: u32, agent: Client) {
        for i in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let reference = format!("{writer}-{i}");
            let mut report = pothole(writer * 1_000 + i % 1_000);
            report["client_ref"] = json!(reference);
            let call = Call::new("POST", "/v1/reports").json(&report);
            loop {
                let answer = agent.send(call.clone()).await;
                if matches!(answer.status, 200 | 201) {
                    let id = answer.json()["id"].as_i64().unwrap();
                    self.acknowledged.lock().unwrap().insert(reference, id);
                    break;
                }
                assert_away(&answer);
                self.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    async fn more(&self, what: &str) {
        let before = self.heard();
        eventually(what, PATIENCE, async || {
            (self.heard() >= before + 50).then_some(())
        })
        .await;
    }
}

/// The one way in which a node says that the database is away.
fn assert_away(answer: &Answer) {
    let body = answer.assert_status(503);
    let wait = answer.header("retry-after").unwrap_or_default();
    assert!(wait.parse::<u32>().is_ok_and(|s| s >= 1), "{answer:?}");
    assert!(body["code"].is_string(), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_comes_back_and_nothing_that_was_promised_is_lost() {
    let database = crate::world::postgres().await;
    let (proxy, url) = Proxy::before(&database.url()).await.unwrap();
    let app = TestApp::by_way_of(Place::Postgres(Box::new(database)), &url).await;
    let Place::Postgres(database) = &app.place else {
        panic!("a PostgreSQL database");
    };
    let load = Load::default();
    let faults = async {
        load.more("reports come in").await;
        // The server is away: no connection is left, and none is to be had.
        proxy.set(Mode::Refuse).await.unwrap();
        let refused = load.refused.load(Ordering::Relaxed);
        eventually("writers hear that it is away", PATIENCE, async || {
            (load.refused.load(Ordering::Relaxed) >= refused + 20).then_some(())
        })
        .await;
        assert_away(&app.agent().get("/v1/issues").await);
        assert_away(&app.agent().get("/v1/dashboard").await);
        eventually("the node says that it is not ready", PATIENCE, async || {
            let ready = app.public().get("/health/ready").await;
            (ready.status == 503).then_some(())
        })
        .await;
        assert_eq!(app.public().get("/health/live").await.status, 200);
        proxy.set(Mode::Pass).await.unwrap();
        load.more("it is back").await;
        eventually("the node is ready again", PATIENCE, async || {
            let ready = app.public().get("/health/ready").await;
            (ready.status == 200).then_some(())
        })
        .await;
        // An administrator ends all connections, as a restart does, and the network cuts them.
        for _ in 0..3 {
            database.disconnect_all().unwrap();
            load.more("after the server ended all connections").await;
            proxy.cut().await.unwrap();
            load.more("after the network cut all connections").await;
        }
        load.over.store(true, Ordering::Relaxed);
    };
    let writing = join_all((0..8).map(|writer| load.write(writer, app.agent())));
    tokio::join!(writing, faults);
    crate::volume::end_leases(&app.place);
    app.settled().await;
    let rows = database.psql(&["SELECT client_ref, id FROM civic_reports"]);
    let rows = rows.unwrap();
    let stored: HashMap<String, i64> = rows
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(reference, id)| (reference.to_owned(), id.parse().unwrap()))
        .collect();
    assert_eq!(
        rows.lines().count(),
        stored.len(),
        "a reference is there twice"
    );
    assert_eq!(stored, *load.acknowledged.lock().unwrap());
    crate::volume::whole(&app, i64::try_from(stored.len()).unwrap()).await;
    app.stop().await;
}
