use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use brisk_console::{Console, Empty};
use brisk_core::{Clock, FindingKind, Site};
use brisk_http::{Edge, EdgeConfig, Parts};
use brisk_telemetry::{Finding, PerfStats, TelemetryConfig};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

fn finding(excuse: Option<&str>) -> Finding {
    Finding {
        kind: FindingKind::NPlusOne,
        statement: "town.<b>get</b>".to_owned(),
        site: Site {
            file: "src/town.rs".into(),
            line: 7,
            column: 3,
        },
        count: 12,
        time: Duration::from_millis(30),
        advice: "ask for all at once".to_owned(),
        excuse: excuse.map(str::to_owned),
    }
}

/// The page as somebody at this address sees it.
async fn page(perf: &Arc<PerfStats>, from: &str) -> (StatusCode, String) {
    let console = Console::new(Arc::new(Empty), Clock::system()).statistics(Arc::clone(perf));
    let parts = Parts {
        perf: Arc::clone(perf),
        ..Parts::default()
    };
    let router = Edge::new(EdgeConfig::default(), parts).wrap(console.router().into());
    let mut request = Request::get("/findings").body(Body::empty()).unwrap();
    let peer: std::net::SocketAddr = from.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn operators_see_each_finding_once_with_what_to_do_and_others_see_nothing() {
    let perf = PerfStats::new(&TelemetryConfig::default(), Clock::system());
    let (status, html) = page(&perf, "127.0.0.1:1000").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Nothing was found"), "{html}");
    perf.found("GET /v1/town", finding(None));
    perf.found("GET /v1/town", finding(None));
    perf.found("job town.night", finding(Some("each has its turn")));
    let (_, html) = page(&perf, "127.0.0.1:1000").await;
    for part in [
        "GET /v1/town",
        "src/town.rs:7",
        "<td>2</td><td>12</td>",
        "ask for all at once",
        "(meant: each has its turn)",
    ] {
        assert!(html.contains(part), "{part} is missing in {html}");
    }
    assert!(!html.contains("<b>get"), "{html}");
    let (status, html) = page(&perf, "203.0.113.9:1000").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(!html.contains("town"), "{html}");
}
