//! Reads on a streaming replica: served there, and never before it has what the caller must see.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brisk_core::{Deadline, Principal, PrincipalKind, Scope, TenantId};
use brisk_db::{Batch, Capture, Db, DbConfig, One, ReplicaReads, Session, statements};
use brisk_testkit::servers::{Database, Durability, Postgres};

use crate::harness::{ADD_OWNER, COUNT, LONG, SCHEMA, add};

statements! {
    prefix "test.replica";

    /// PostgreSQL only.
    ON_REPLICA() -> One<bool> = "SELECT pg_is_in_recovery()", sqlite "SELECT 0";

    /// What only a primary can do, in the words of a read.
    NUMBER() -> One<i64> = "SELECT nextval('numbers')", sqlite "SELECT 1";
}

struct Followed {
    db: Db,
    // Dropped in this order: whoever is connected, the replica, the primary.
    database: Database,
    replica: Postgres,
    _primary: Postgres,
}

/// A database with a replica that `lag` allows to be behind; used where `on` says so.
async fn followed(on: bool, lag: Duration) -> Followed {
    let primary = Postgres::start(Durability::Scratch).unwrap();
    let database = primary.database().unwrap();
    let replica = primary.replica().unwrap();
    let mut config = DbConfig::new(database.url());
    config.capture = Capture::Off;
    config.postgres.replica_url = on.then(|| replica.url_of(&database));
    config.postgres.replica_lag = lag;
    let db = Db::open(config).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    let followed = Followed {
        db,
        database,
        replica,
        _primary: primary,
    };
    if on {
        followed.until_on_replica(&followed.session("first")).await;
    }
    followed
}

impl Followed {
    fn session(&self, who: &str) -> Session {
        let principal = Principal {
            kind: PrincipalKind::Person,
            subject: who.to_owned(),
            ..Principal::anonymous()
        };
        let (deadline, ledger) = (Deadline::NONE, Arc::default());
        let scope = Scope::new(TenantId(1), Arc::new(principal), deadline, ledger);
        self.db.session(scope)
    }

    fn reads(&self) -> ReplicaReads {
        self.db.pools().replica.unwrap_or_default()
    }

    /// Asks until the replica answers the session.
    async fn until_on_replica(&self, session: &Session) {
        let began = Instant::now();
        while !session.run(&ON_REPLICA, ()).await.unwrap() {
            assert!(began.elapsed() < LONG, "{:?}", self.reads());
        }
    }

    /// Nothing more arrives on the replica when this returns.
    fn pause(&self) {
        self.replica
            .psql(&["SELECT pg_wal_replay_pause()"])
            .unwrap();
        let state = "SELECT pg_get_wal_replay_pause_state()";
        let began = Instant::now();
        while self.replica.psql(&[state]).unwrap() != "paused" {
            assert!(began.elapsed() < LONG);
        }
    }

    fn resume(&self) {
        self.replica
            .psql(&["SELECT pg_wal_replay_resume()"])
            .unwrap();
    }
}

/// Long enough that a paused replica is still asked.
const PATIENT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_wrote_reads_it_and_others_read_the_replica() {
    let followed = followed(true, PATIENT).await;
    followed.pause();
    let (writer, other) = (followed.session("writer"), followed.session("other"));
    let mut rows = 0;
    for way in 0..3 {
        match way {
            0 => drop(add(&writer, way).await.unwrap()),
            1 => {
                let mut batch = Batch::new();
                batch.run(&ADD_OWNER, (way, "batch".to_owned(), 1));
                writer.batch(batch).await.unwrap();
            }
            _ => {
                let inside = async |s: Session| {
                    add(&s, way).await?;
                    s.run(&COUNT, ()).await
                };
                assert_eq!(writer.transaction(inside).await.unwrap(), 3);
            }
        }
        rows += 1;
        assert_eq!(writer.run(&COUNT, ()).await.unwrap(), rows);
        // The same caller in its next request, and one who only stands beside it.
        assert_eq!(
            followed.session("writer").run(&COUNT, ()).await.unwrap(),
            rows
        );
        assert_eq!(other.run(&COUNT, ()).await.unwrap(), 0);
        assert!(other.run(&ON_REPLICA, ()).await.unwrap());
    }
    // A session that wrote for another tenant, or by a clone, has written.
    let elsewhere = followed.session("mover");
    add(&elsewhere.for_tenant(TenantId(2)), 3).await.unwrap();
    assert_eq!(elsewhere.run(&COUNT, ()).await.unwrap(), 4);
    // A token from another node, and whoever asks for the primary.
    let token = writer.position().await.unwrap().to_string();
    let carried = other.after(&token.parse().unwrap());
    assert_eq!(carried.run(&COUNT, ()).await.unwrap(), 4);
    assert_eq!(other.primary().run(&COUNT, ()).await.unwrap(), 4);
    // Our own work acts on what others wrote.
    let worker = followed.db.session(Scope::system(TenantId(1), "worker"));
    assert_eq!(worker.run(&COUNT, ()).await.unwrap(), 4);
    let inside = async |s: Session| s.run(&ON_REPLICA, ()).await;
    assert!(!other.transaction(inside).await.unwrap());
    assert_eq!(other.run(&COUNT, ()).await.unwrap(), 0);
    assert!(followed.reads().unseen >= 8 && followed.reads().served >= 7);
    followed.resume();
    for session in [&writer, &elsewhere, &carried] {
        followed.until_on_replica(session).await;
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 4);
    }
    assert_eq!(followed.reads().failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_replica_nothing_is_read_there() {
    let followed = followed(false, PATIENT).await;
    let session = followed.session("other");
    followed.pause();
    add(&followed.session("writer"), 1).await.unwrap();
    for _ in 0..50 {
        assert!(!session.run(&ON_REPLICA, ()).await.unwrap());
        assert_eq!(session.run(&COUNT, ()).await.unwrap(), 1);
    }
    assert_eq!(followed.db.pools().replica, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_too_far_behind_is_not_asked() {
    let followed = followed(true, Duration::from_millis(300)).await;
    let other = followed.session("other");
    followed.pause();
    add(&followed.session("writer"), 1).await.unwrap();
    let began = Instant::now();
    while other.run(&COUNT, ()).await.unwrap() == 0 {
        assert!(began.elapsed() < LONG);
    }
    assert!(followed.reads().behind > 0);
    for _ in 0..50 {
        assert!(!other.run(&ON_REPLICA, ()).await.unwrap());
    }
    followed.resume();
    followed.until_on_replica(&other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_away_or_cannot_answer_costs_no_read() {
    let followed = followed(true, Duration::from_secs(1)).await;
    let session = followed.session("other");
    followed
        .database
        .psql(&["CREATE SEQUENCE numbers"])
        .unwrap();
    followed.until_on_replica(&session).await;
    assert_eq!(session.run(&NUMBER, ()).await.unwrap(), 1);
    assert_eq!(followed.reads().failed, 1);
    let reader = tokio::spawn({
        let session = session.clone();
        async move {
            // From the replica, until it is gone.
            while session.run(&ON_REPLICA, ()).await.unwrap() {}
            for _ in 0..50 {
                assert_eq!(session.run(&COUNT, ()).await.unwrap(), 0);
            }
        }
    });
    let Followed {
        db,
        database,
        replica,
        _primary,
    } = followed;
    tokio::task::spawn_blocking(move || drop(replica))
        .await
        .unwrap();
    tokio::time::timeout(LONG, reader).await.unwrap().unwrap();
    assert!(!session.run(&ON_REPLICA, ()).await.unwrap());
    db.close().await;
    drop(database);
}
