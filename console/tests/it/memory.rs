//! The page about what is kept in memory.

use axum::body::Body;
use axum::extract::ConnectInfo;
use brisk_cache::{Cache, Caches, Policy, RemoteConfig, Tier};
use brisk_console::{Console, Empty};
use brisk_core::{Clock, Scope};
use brisk_db::{Db, DbConfig};
use brisk_http::{Edge, EdgeConfig, Parts};
use brisk_testkit::files::SqliteFile;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// The page as somebody at this address sees it.
async fn page(caches: &Caches, from: &str) -> (StatusCode, String) {
    let console = Console::new(std::sync::Arc::new(Empty), Clock::system()).caches(caches.clone());
    let router = Edge::new(EdgeConfig::default(), Parts::default()).wrap(console.router().into());
    let mut request = Request::get("/memory").body(Body::empty()).unwrap();
    let peer: std::net::SocketAddr = from.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_each_cache_with_its_hit_rate_and_others_see_nothing() {
    let file = SqliteFile::new().unwrap();
    let db = Db::open(DbConfig::new(file.url())).await.unwrap();
    let caches = Caches::of(&db);
    let (status, html) = page(&caches, "127.0.0.1:1000").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Nothing is kept"), "{html}");
    let hour = std::time::Duration::from_hours(1);
    let towns = caches
        .cache::<u8, u8>("town.names", Policy::outside(hour))
        .build();
    let session = db.session(Scope::platform("test"));
    for _ in 0..4 {
        let got = towns
            .get(&session, &1, async |_| Ok::<_, brisk_db::Error>(1))
            .await;
        got.unwrap();
    }
    let (_, html) = page(&caches, "127.0.0.1:1000").await;
    for part in ["town.names", "<td>3</td>", "75"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(!html.contains("What all nodes share"), "{html}");
    // A tier that nobody answers for.
    let shared: Cache<u8, u8> = caches
        .cache("town.shared", Policy::outside(hour).tier(Tier::Nodes))
        .build_tiered();
    let nobody = RemoteConfig::new("redis://127.0.0.1:1");
    caches.connect(&nobody).unwrap();
    let got = shared.get(&session, &1, async |_| Ok::<_, brisk_db::Error>(1));
    got.await.unwrap();
    let (_, html) = page(&caches, "127.0.0.1:1000").await;
    for part in ["Found below", "town.shared", "is out of reach"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let (status, html) = page(&caches, "192.0.2.1:1000").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(!html.contains("town.names"));
}
