use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use brisk_console::{
    City, CityView, Compliance, Console, Counts, Empty, Grade, PublicDashboard, PublicIssue, Trend,
    not_found,
};
use brisk_core::{Class, Clock, Scope};
use brisk_http::{Edge, EdgeConfig, Parts, Problem};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::tz::TimeZone;
use tower::ServiceExt as _;

const NOW: &str = "2026-03-08T14:00:00Z";

/// One place with one issue, at a cost of two statements.
struct Town;

impl PublicDashboard for Town {
    fn cities<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Vec<City>, Problem>> {
        scope
            .ledger()
            .statement("town.list", 1, Duration::from_millis(2));
        Box::pin(std::future::ready(Ok(vec![city("town"), city("village")])))
    }

    fn dashboard<'a>(
        &'a self,
        scope: &'a Scope,
        slug: &'a str,
    ) -> BoxFuture<'a, Result<Option<CityView>, Problem>> {
        scope
            .ledger()
            .statement("town.get", 1, Duration::from_millis(3));
        let view = (slug == "town").then(|| CityView {
            city: city("town"),
            time_zone: TimeZone::get("America/New_York").unwrap(),
            period: "last 30 days".to_owned(),
            counts: Counts {
                open: 12_480,
                overdue: 0,
                reported: 7,
                resolved: 3,
            },
            compliance: Some(Compliance {
                share: 0.92,
                score: 88.85,
                grade: Grade::B,
                average_hours: 18.5,
            }),
            days: Vec::new(),
            trend: Trend::Increasing,
            categories: Vec::new(),
            newest: vec![PublicIssue {
                id: 7,
                title: "<script>alert(1)</script> & more".to_owned(),
                category: "noise".to_owned(),
                severity: "low".to_owned(),
                status: "in-progress".to_owned(),
                area: None,
                reports: 1,
                created_at: "2026-03-08T13:20:00Z".parse().unwrap(),
            }],
            calculated_at: NOW.parse().unwrap(),
        });
        Box::pin(std::future::ready(Ok(view)))
    }
}

/// A database that is away.
struct Away;

impl PublicDashboard for Away {
    fn cities<'a>(&'a self, _: &'a Scope) -> BoxFuture<'a, Result<Vec<City>, Problem>> {
        let away = Problem::new(Class::Unavailable, "db.unavailable", "away");
        Box::pin(std::future::ready(Err(away)))
    }

    fn dashboard<'a>(
        &'a self,
        _: &'a Scope,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<CityView>, Problem>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

fn city(slug: &str) -> City {
    City {
        slug: slug.to_owned(),
        name: format!("The {slug}"),
    }
}

async fn get(
    data: impl PublicDashboard,
    path: &str,
    accept: &str,
) -> (StatusCode, HeaderMap, String) {
    let console = Console::new(Arc::new(data), Clock::manual(NOW.parse().unwrap()));
    let routes = console.router().fallback(not_found);
    let app = Edge::new(EdgeConfig::default(), Parts::default()).wrap(routes.into());
    let request = Request::get(path).header("accept", accept);
    let answer = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        parts.status,
        parts.headers,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

#[tokio::test]
async fn the_page_shows_the_first_place_and_what_it_cost() {
    let (status, headers, page) = get(Town, "/", BROWSER).await;
    assert_eq!(status, StatusCode::OK);
    for part in [
        "<h1>The town</h1>",
        "12,480",
        "92%",
        "put right. Last 30 days, updated",
        "everything open is in time",
        "<strong>2 statements</strong>",
        "<strong>5.00 ms</strong>",
        "title=\"Sun 8 Mar 2026, 09:20 EDT\">40 min ago",
        "/?city=village",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
}

#[tokio::test]
async fn what_people_wrote_is_text_and_nothing_in_the_page_needs_a_script() {
    let (_, _, page) = get(Town, "/?city=town", BROWSER).await;
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    for never in ["<script", " style=", " onclick", "http://", "https://"] {
        let found = page.matches(never).count();
        // The icon names the SVG namespace.
        let allowed = usize::from(never == "http://");
        assert_eq!(found, allowed, "{never}");
    }
}

#[tokio::test]
async fn the_states_without_figures_say_what_is_the_matter() {
    let (status, _, page) = get(Empty, "/", BROWSER).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Nothing to show yet"), "{page}");
    let (status, _, page) = get(Town, "/?city=nowhere", BROWSER).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        page.contains("There is no such place") && page.contains("/?city=town"),
        "{page}"
    );
    let (status, headers, page) = get(Away, "/", BROWSER).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(headers.contains_key("retry-after"));
    assert!(page.contains("away for a moment"), "{page}");
}

#[tokio::test]
async fn an_unknown_path_is_a_page_for_browsers_and_a_problem_for_clients() {
    let (status, headers, page) = get(Empty, "/nowhere", BROWSER).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("There is no page here"), "{page}");
    assert_eq!(headers["vary"], "accept");
    for accept in ["application/json", "*/*", "text/html;q=0, */*"] {
        let (status, headers, body) = get(Empty, "/nowhere", accept).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(headers["content-type"], "application/problem+json");
        assert!(body.contains("route_not_found"), "{body}");
    }
}
