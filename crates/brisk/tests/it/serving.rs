use std::process::ExitCode;
use std::sync::atomic::Ordering;

use brisk::prelude::*;

use crate::client::{get, send};
use crate::notes::{Notes, Other};
use crate::world::{app, on_both, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_lists_and_adds_for_its_own_tenant_only() {
    on_both(async |url| {
        let notes = Notes::default();
        let opened = app(url).service(notes.clone()).demo(false);
        let opened = opened.check().unwrap().open().await.unwrap();
        assert_eq!(opened.verify().await.unwrap(), []);
        let running = opened.start().await.unwrap();
        let to = running.address();
        let (_, acme) = tenant(running.kit(), "acme", Role::Agent).await;
        let (_, other) = tenant(running.kit(), "other", Role::Reporter).await;
        let (acme, other) = (Some(acme.as_str()), Some(other.as_str()));
        let body = r#"{"text":"a note"}"#;
        // At its own place, at the root because it is alone, and with a slash too many.
        for path in [
            "/notes/v1/notes",
            "/v1/notes",
            "/v1/notes/",
            "/notes/v1/notes/",
        ] {
            let added = send(to, "POST", path, acme, body).await;
            assert_eq!(added.status, 200, "{path} {added:?}");
        }
        let list = get(to, "/v1/notes", acme).await;
        assert_eq!(list.json().as_array().unwrap().len(), 4);
        assert!(list.head.contains("db;dur="), "{}", list.head);
        assert!(list.head.contains("1 statement"), "{}", list.head);
        assert_eq!(
            get(to, "/v1/notes", other).await.json(),
            serde_json::json!([])
        );
        assert_eq!(send(to, "POST", "/v1/notes", other, body).await.status, 403);
        assert_eq!(get(to, "/v1/notes?tenant_id=1", None).await.status, 401);
        assert_eq!(get(to, "/v1/notes?tenant_id=77", None).await.status, 422);
        let forged = get(to, "/v1/notes", Some("brisk_nonsense")).await;
        assert_eq!(forged.status, 401, "{forged:?}");
        let unknown = get(to, "/nowhere", None).await;
        assert_eq!(
            (unknown.status, &unknown.json()["code"]),
            (404, &"route_not_found".into())
        );
        assert_eq!(get(to, "/health/ready", None).await.status, 200);
        let document = get(to, "/openapi.json", None).await.json();
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/notes/v1/notes"]);
        running.stop().await.unwrap();
        assert!(notes.log.task_ended.load(Ordering::SeqCst));
        assert!(notes.log.hook_ran.load(Ordering::SeqCst));
        assert!(tokio::net::TcpStream::connect(to).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_services_none_stands_at_the_root() {
    on_both(async |url| {
        let app = app(url)
            .service(Notes::default())
            .service(Other)
            .demo(false);
        let running = app
            .check()
            .unwrap()
            .open()
            .await
            .unwrap()
            .start()
            .await
            .unwrap();
        let to = running.address();
        assert_eq!(get(to, "/v1/notes", None).await.status, 404);
        assert_eq!(get(to, "/notes/v1/notes", None).await.status, 422);
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_made_once_and_commands_run_beside_the_server() {
    on_both(async |url| {
        let notes = Notes::default();
        let start = async || {
            let opened = app(url)
                .service(notes.clone())
                .check()
                .unwrap()
                .open()
                .await;
            opened.unwrap().start().await.unwrap()
        };
        start().await.stop().await.unwrap();
        let running = start().await;
        assert_eq!(notes.log.demos.load(Ordering::SeqCst), 1);
        let beside = app(url).service(notes.clone());
        let matches = beside
            .commands()
            .remove(0)
            .get_matches_from(["notes", "count"]);
        let opened = beside.check().unwrap().open().await.unwrap();
        assert_eq!(opened.applied(), 0);
        let code = opened.run_command("notes", &matches).await.unwrap();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        running.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_address_says_so_and_ends() {
    on_both(async |url| {
        let first = app(url)
            .check()
            .unwrap()
            .open()
            .await
            .unwrap()
            .start()
            .await
            .unwrap();
        let taken = first.address().to_string();
        let opened = crate::settings::app_with(url, &[("http.listen", &taken)]);
        let second = opened.check().unwrap().open().await.unwrap().start().await;
        let text = second.unwrap_err().to_string();
        assert_eq!(text, format!("cannot listen on {taken}"));
        assert_eq!(get(first.address(), "/health/live", None).await.status, 200);
        first.stop().await.unwrap();
    })
    .await;
}
