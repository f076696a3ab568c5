//! Up to where everything has been told, for whoever exchanges results with other nodes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use brisk_core::{Scope, TenantId};
use brisk_db::{CommitId, Db, DbConfig, Event, HookGuard, Reached, Ticket};
use brisk_testkit::servers::{Durability, Postgres};
use tokio::time::timeout;

use super::world::*;
use crate::harness::{LONG, TestDb};

const ONE: TenantId = TenantId(1);

/// What a node's hooks hear, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Said>>>);

#[derive(Clone, Debug)]
enum Said {
    Told(CommitId),
    Wrote(Ticket),
    Reached(Arc<Reached>),
}

impl Heard {
    fn by(db: &Db) -> (Self, HookGuard) {
        let heard = Self::default();
        let noted = heard.clone();
        let guard = db.changes().on_event(move |event| {
            let said = match event {
                Event::Committed(commit) => Said::Told(commit.id.unwrap()),
                Event::Wrote(wrote) => Said::Wrote(wrote.ticket),
                Event::Reached(reached) => Said::Reached(Arc::clone(reached)),
                _ => return,
            };
            noted.0.lock().unwrap().push(said);
        });
        (heard, guard)
    }

    fn all(&self) -> Vec<Said> {
        self.0.lock().unwrap().clone()
    }

    /// The last place that was told, once there is one that `wanted` wants.
    async fn reached(&self, wanted: impl Fn(&Reached) -> bool) -> Arc<Reached> {
        timeout(LONG, async {
            loop {
                for said in self.all().iter().rev() {
                    if let Said::Reached(reached) = said
                        && wanted(reached)
                    {
                        return Arc::clone(reached);
                    }
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_includes_what_was_told_before_it_and_what_its_look_could_see() {
    let db = TestDb::postgres().await;
    let session = captured(&db).await;
    let (heard, _guard) = Heard::by(&db.db);
    heard.reached(|_| true).await;
    for id in 1..=50 {
        session.run(&ADD, (id, ONE, "a".to_owned())).await.unwrap();
    }
    let position = session.position().await.unwrap();
    heard.reached(|r| r.position.includes(&position)).await;
    let (mut told, mut wrote, mut places, mut size) = (Vec::new(), Vec::new(), 0, 0);
    for said in heard.all() {
        match said {
            Said::Told(id) => told.push(id),
            Said::Wrote(ticket) => wrote.push(ticket),
            Said::Reached(reached) => {
                places += 1;
                assert!(told.iter().all(|id| reached.position.has(*id)));
                // Each own commit whose look has come was told exactly by then.
                let due = wrote.iter().filter(|t| **t <= reached.look).count();
                assert!(told.len() >= due, "{} of {due}", told.len());
                let grown = reached.position.size().unwrap();
                assert!(grown >= size);
                size = grown;
            }
        }
    }
    assert_eq!((told.len(), wrote.len()), (50, 50));
    assert!(places > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_know_one_origin_and_a_server_that_crashed_has_another() {
    let server = Postgres::start(Durability::Scratch).unwrap();
    let database = server.database().unwrap();
    let open = async || {
        let db = Db::open(DbConfig::new(database.url())).await.unwrap();
        db.migrate(&[CAPTURED]).await.unwrap();
        db
    };
    let (here, there) = (open().await, open().await);
    let (heard, _here) = Heard::by(&here);
    let (heard_there, _there) = Heard::by(&there);
    let before = heard.reached(|_| true).await;
    assert_eq!(heard_there.reached(|_| true).await.origin, before.origin);
    let session = here.session(Scope::system(ONE, "test"));
    let added = session.run(&ADD, (1, ONE, "a".to_owned())).await;
    added.unwrap();
    // The first process of the server survives this, all others end and the log is replayed.
    let ended = server.psql(&["DO $$ DECLARE writer int; BEGIN
           SELECT pid INTO writer FROM pg_stat_activity WHERE backend_type = 'background writer';
           EXECUTE format('COPY (SELECT 1) TO PROGRAM ''kill -9 %s''', writer);
           PERFORM pg_sleep(10);
         END $$"]);
    ended.unwrap_err();
    let after = heard.reached(|r| r.origin != before.origin).await;
    let there = heard_there.reached(|r| r.origin != before.origin).await;
    assert_eq!(there.origin, after.origin);
}
