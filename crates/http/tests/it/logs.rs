use axum::body::Body;
use http::Request;
use std::io::Write;
use std::sync::{Arc, Mutex};

use brisk_http::{EdgeConfig, RequestLog};

use crate::{app, app_with, parts};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// The subscriber is that of the whole test binary, and other tests write to it too; this one's lines carry its id.
#[tokio::test]
async fn a_failure_is_logged_once_with_its_chain_and_each_request_has_one_line() {
    let lines = Lines::default();
    let sink = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let request = Request::get("/things/500").header("x-request-id", "the-logged-one");
    app().send(request.body(Body::empty()).unwrap()).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("the-logged-one"))
        .collect();
    assert_eq!(ours.len(), 2, "{ours:#?}");
    assert!(ours[0].contains("cannot read thing 500: disk on fire"));
    assert!(ours[1].contains("request answered") && ours[1].contains("status=500"));

    let config = EdgeConfig {
        request_log: RequestLog::Notable,
        ..EdgeConfig::default()
    };
    let app = app_with(config, parts());
    for (path, id) in [
        ("/who", "a-quiet-request"),
        ("/things/500", "a-loud-request"),
    ] {
        let request = Request::get(path).header("x-request-id", id);
        app.send(request.body(Body::empty()).unwrap()).await;
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("a-quiet-request"));
    assert_eq!(text.matches("a-loud-request").count(), 2);
}
