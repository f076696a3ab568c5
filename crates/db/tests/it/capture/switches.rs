//! What is captured, and whether, is declared and changed by migrations and settings.

use brisk_core::TenantId;
use brisk_db::{Capture, Db, DbConfig, Event, MigrationSet, Standing};

use super::world::*;
use crate::harness::{TestDb, session};

const ONE: TenantId = TenantId(1);

const LATER: &[(&str, &str)] = &[(
    "V1__more",
    "ALTER TABLE notes ADD COLUMN status text;
     UPDATE brisk_captured SET columns = 'status' WHERE table_name = 'notes';
     DELETE FROM brisk_captured WHERE table_name = 'items';",
)];

/// A later release tells other columns of one table, and nothing of another.
const MORE: MigrationSet = MigrationSet {
    name: "more",
    history: "brisk_migrations_more",
    postgres: LATER,
    sqlite: LATER,
};

const fn wrong(text: &'static [(&'static str, &'static str)]) -> MigrationSet {
    MigrationSet {
        name: "wrong",
        history: "brisk_migrations_wrong",
        postgres: text,
        sqlite: text,
    }
}

async fn another(db: &TestDb, capture: Capture) -> Db {
    let mut config = DbConfig::new(&db.url);
    config.capture = capture;
    Db::open(config).await.unwrap()
}

on_both! {
    async fn a_declaration_changes_with_a_migration(db: TestDb) {
        let session = captured(&db).await;
        session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
        let stream = db.db.changes();
        let mut events = stream.subscribe();
        trusted(&mut events).await;
        assert!(stream.captured("items").is_some());
        db.db.migrate(&[CAPTURED, MORE]).await.unwrap();
        while !matches!(next(&mut events).await, Event::Reset(_)) {}
        settle(&stream, &mut events, &session).await;
        session.run(&SET, (1, "b".to_owned())).await.unwrap();
        session.run(&ADD_NOTE, (7, ONE, 1)).await.unwrap();
        assert_eq!(commit(&mut events).await, ["notes 1: 7 () -> ?"]);
        session.run(&MARK_NOTE, (7, "new".to_owned())).await.unwrap();
        assert_eq!(commit(&mut events).await, ["notes 1: 7 ? -> new"]);
        assert!(stream.captured("items").is_none());
        // A node of the older release starts: it follows the table, not its own idea.
        let old = another(&db, Capture::Outbox).await;
        old.migrate(&[CAPTURED]).await.unwrap();
        old.close().await;
        let columns = stream.captured("notes").unwrap().columns;
        assert_eq!(columns.len(), 1);
    }

    async fn a_wrong_declaration_is_named(db: TestDb) {
        for (text, word) in [
            (&[("V1__a", "INSERT INTO brisk_captured (table_name, key_columns) VALUES ('nowhere', 'id');")], "nowhere"),
            (&[("V1__a", "INSERT INTO brisk_captured (table_name, key_columns) VALUES ('owners', 'nothing');")], "nothing"),
            (&[("V1__a", "INSERT INTO brisk_captured (table_name, key_columns, columns) VALUES ('things', 'id', 'ratio');")], "ratio"),
            (&[("V1__a", "INSERT INTO brisk_captured (table_name, key_columns) VALUES ('owners', 'id; drop');")], "plain"),
        ] as [(&'static [(&'static str, &'static str)], &str); 4] {
            let error = db.db.migrate(&[wrong(text)]).await.unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(word), "{source}");
            foreign(&db, "DELETE FROM brisk_captured; DROP TABLE brisk_migrations_wrong");
        }
    }

    async fn nothing_captured_is_nothing_to_trust(db: TestDb) {
        let stream = db.db.changes();
        let _events = stream.subscribe();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(stream.standing(), Standing::Off);
        assert!(!stream.is_trusted());
    }

    async fn a_node_that_switches_capture_off_makes_the_others_distrust(db: TestDb) {
        let session = captured(&db).await;
        let stream = db.db.changes();
        let mut events = stream.subscribe();
        trusted(&mut events).await;
        let off = another(&db, Capture::Off).await;
        off.migrate(&[CAPTURED]).await.unwrap();
        if db.db.file().is_some() {
            // Triggers are each process's own there, and what others write is noticed without theirs.
            crate::harness::session(&off).run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
            let mut told = commit(&mut events).await;
            told.sort();
            assert_eq!(told, ["items -: many", "notes -: many"]);
            off.close().await;
            return;
        }
        off.close().await;
        while !matches!(next(&mut events).await, Event::Lost) {}
        assert!(!stream.is_trusted());
        session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
        let on = another(&db, Capture::Outbox).await;
        on.migrate(&[CAPTURED]).await.unwrap();
        on.close().await;
        trusted(&mut events).await;
        session.run(&SET, (1, "b".to_owned())).await.unwrap();
        while commit(&mut events).await != ["items 1: 1 a -> b"] {}
    }

    async fn without_triggers_a_process_hears_of_its_own_statements(db: TestDb) {
        captured(&db).await;
        let app = another(&db, Capture::App).await;
        app.migrate(&[CAPTURED]).await.unwrap();
        let session = session(&app);
        // What the taking away of the triggers left.
        let notes = session.run(&OUTBOX, ()).await.unwrap();
        let mut events = app.changes().subscribe();
        trusted(&mut events).await;
        session.run(&ADD, (1, ONE, "a".to_owned())).await.unwrap();
        let told = commit(&mut events).await;
        assert!(told.contains(&"items 1: many".to_owned()), "{told:?}");
        session
            .transaction(async |s: brisk_db::Session| s.run(&ADD_NOTE, (7, ONE, 1)).await)
            .await
            .unwrap();
        assert_eq!(commit(&mut events).await, ["notes 1: many"]);
        assert_eq!(session.run(&OUTBOX, ()).await.unwrap(), notes);
        app.close().await;
    }
}
