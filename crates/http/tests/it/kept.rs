//! Answers that are kept as bytes, and the view of what is kept.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use brisk_cache::Caches;
use brisk_core::TenantId;
use brisk_db::{Affected, Db, DbConfig, MigrationSet, statements};
use brisk_http::{Answers, EdgeConfig, Parts, Problem, TenantScope};
use brisk_testkit::files::SqliteFile;
use brisk_testkit::servers::Postgres;
use http::{HeaderMap, Request};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{App, parts};

const SCHEMA: MigrationSet = MigrationSet {
    name: "test",
    history: "brisk_migrations_test",
    postgres: &[(
        "V1__test",
        "CREATE TABLE notes (tenant_id bigint NOT NULL, id bigint NOT NULL, words text NOT NULL, PRIMARY KEY (tenant_id, id));
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns) VALUES ('notes', 'tenant_id', 'id')",
    )],
    sqlite: &[(
        "V1__test",
        "CREATE TABLE notes (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, words TEXT NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT;
         INSERT INTO brisk_captured (table_name, tenant_column, key_columns) VALUES ('notes', 'tenant_id', 'id')",
    )],
};

statements! {
    prefix "test";

    ADD(tenant: TenantId, id: i64, words: String) -> Affected
        = "INSERT INTO notes (tenant_id, id, words) VALUES ($1, $2, $3)";

    NOTES(tenant: TenantId) -> Vec<String> = "SELECT words FROM notes WHERE tenant_id = $1 ORDER BY id";
}

#[derive(Clone)]
struct Notes {
    db: Db,
    kept: Answers<()>,
}

#[utoipa::path(get, path = "/notes", responses((status = 200)))]
async fn notes(
    State(notes): State<Notes>,
    TenantScope(scope): TenantScope,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = notes.db.session(scope);
    let make = async |session: brisk_db::Session| session.run(&NOTES, (session.tenant(),)).await;
    notes.kept.json(&headers, &session, (), make).await
}

async fn app(url: &str) -> (App, Db) {
    let db = Db::open(DbConfig::new(url)).await.unwrap();
    db.migrate(&[SCHEMA]).await.unwrap();
    let stream = db.changes();
    let mut events = stream.subscribe();
    while !stream.is_trusted() {
        events.next().await.unwrap();
    }
    let caches = Caches::of(&db);
    let state = Notes {
        db: db.clone(),
        kept: Answers::new(&caches, "test.notes"),
    };
    let router = OpenApiRouter::new()
        .routes(routes!(notes))
        .with_state(state);
    let parts = Parts {
        caches: Some(caches),
        ..parts()
    };
    (App::of(EdgeConfig::default(), parts, router), db)
}

async fn on_both(test: impl AsyncFn(App, Db)) {
    let file = SqliteFile::new().unwrap();
    let (app, db) = app(&file.url()).await;
    test(app, db).await;
    let database = Postgres::shared().database().unwrap();
    let (app, db) = self::app(&database.url()).await;
    test(app, db).await;
}

fn get(headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/notes?tenant_id=1");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_goes_out_as_it_is_until_a_row_changes() {
    on_both(async |app, db| {
        let session = db.session(brisk_core::Scope::system(TenantId(1), "test"));
        let first = app.send(get(&[])).await;
        assert_eq!(first.json(), serde_json::json!([]));
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"'), "a strong tag: {tag}");
        let again = app.send(get(&[])).await;
        assert_eq!(
            (again.header("etag"), again.header("vary")),
            (&*tag, "accept-encoding")
        );
        assert!(again.header("server-timing").contains("0 statements"));
        let known = app.send(get(&[("if-none-match", &tag)])).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        session
            .run(&ADD, (TenantId(1), 1, "brisk ".repeat(500)))
            .await
            .unwrap();
        let changed = app.send(get(&[("if-none-match", &tag)])).await;
        assert_eq!(changed.status, 200);
        assert_eq!(changed.json()[0].as_str().unwrap().len(), 3_000);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_encoding_has_its_bytes_and_its_tag_and_ends_with_the_same_rows() {
    on_both(async |app, db| {
        let session = db.session(brisk_core::Scope::system(TenantId(1), "test"));
        session
            .run(&ADD, (TenantId(1), 1, "brisk ".repeat(500)))
            .await
            .unwrap();
        // On PostgreSQL what was just written is told once more.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for _ in 0..2 {
            let plain = app.send(get(&[])).await;
            let zipped = app.send(get(&[("accept-encoding", "gzip")])).await;
            assert_eq!(zipped.header("content-encoding"), "gzip");
            assert_eq!(plain.header("content-encoding"), "");
            assert!(zipped.body.len() * 10 < plain.body.len());
            assert_ne!(plain.header("etag"), zipped.header("etag"));
            assert!(!zipped.header("etag").starts_with("W/"));
        }
        let zipped = app.send(get(&[("accept-encoding", "gzip")])).await;
        assert!(zipped.header("server-timing").contains("0 statements"));
        let tag = zipped.header("etag").to_owned();
        session
            .run(&ADD, (TenantId(1), 2, "more".to_owned()))
            .await
            .unwrap();
        let headers = [("accept-encoding", "gzip"), ("if-none-match", &*tag)];
        let changed = app.send(get(&headers)).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), tag);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_is_kept_and_may_empty_it() {
    on_both(async |app, _| {
        app.send(get(&[])).await;
        app.send(get(&[])).await;
        let all = app.get("/caches").await.json();
        let notes = &all["caches"][0];
        assert_eq!(
            (&notes["name"], &notes["hits"]),
            (&"test.notes".into(), &1.into())
        );
        assert_eq!(notes["depends_on"][0], "notes/tenant");
        let one = app.get("/caches/test.notes").await.json();
        assert_eq!(one["shown"][0]["tenant"], 1);
        assert!(one["shown"][0]["counts"].as_bool().unwrap());
        app.get("/caches/test.other")
            .await
            .problem(404, "cache.not_found");
        let delete = async |path: &str, key: &str| {
            let request = Request::delete(path).header("x-api-key", key);
            app.send(request.body(Body::empty()).unwrap()).await
        };
        delete("/caches/test.notes", "auditor@1")
            .await
            .problem(403, "forbidden");
        let emptied = delete("/caches/test.notes?tenant_id=2", "platform_admin").await;
        assert_eq!(emptied.json()["evicted"], 0);
        let emptied = delete("/caches/test.notes", "platform_admin").await;
        assert_eq!(emptied.json()["evicted"], 1);
        app.get_from("192.0.2.1", "/caches")
            .await
            .problem(401, "unauthenticated");
    })
    .await;
}
