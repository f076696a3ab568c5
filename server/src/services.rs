//! The services of this build, and what connects them with the console.

use std::sync::Arc;

use brisk::axum::Router;
use brisk::axum::body::Body;
use brisk::axum::response::Response;
use brisk::core::Scope;
use brisk::http::{Environment, Problem};
use brisk::{Api, App, Kit};
use brisk_civic::model::score::{Grade as CivicGrade, Trend as CivicTrend};
use brisk_civic::publication::{PublicView, Publication};
use brisk_console::{
    Category, City, CityView, Compliance, Console, Counts, Day, Grade, PublicDashboard,
    PublicIssue, Trend, not_found,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;

/// Adds every service of this build; a new one is one line here.
pub(crate) fn add(app: App) -> App {
    app.service(brisk_identity::service())
        .service(brisk_civic::service())
        .service(brisk_catalog::service())
}

/// The pages at the root, and the answer to unknown paths.
pub(crate) fn pages(kit: &Kit) -> Router {
    Console::new(Arc::new(Civic(Publication::new(kit))), kit.clock.clone())
        .statistics(Arc::clone(&kit.perf))
        .caches(kit.caches.clone())
        .people(Arc::new(Own(kit.api.clone())), is_secure(kit))
        .router()
        .fallback(not_found)
}

/// Whether cookies are for secure connections only: but on a developer's own machine, which has none.
fn is_secure(kit: &Kit) -> bool {
    kit.environment != Environment::Development || kit.auth.public_base.is_some()
}

/// The console asks the program's own API in the name of whoever looks at a page.
struct Own(Api);

impl brisk_console::Api for Own {
    fn call(&self, request: http::Request<Body>) -> BoxFuture<'_, Response> {
        self.0.call(request).boxed()
    }
}

/// The console's figures come from civic.
struct Civic(Publication);

impl PublicDashboard for Civic {
    fn cities<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Vec<City>, Problem>> {
        async move {
            let places = self.0.places(scope).await?;
            Ok(places
                .into_iter()
                .map(|(slug, name)| City { slug, name })
                .collect())
        }
        .boxed()
    }

    fn dashboard<'a>(
        &'a self,
        scope: &'a Scope,
        slug: &'a str,
    ) -> BoxFuture<'a, Result<Option<CityView>, Problem>> {
        async move { Ok(self.0.view(scope, slug).await?.map(city)) }.boxed()
    }
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}

/// A public view in the console's words.
fn city(view: PublicView) -> CityView {
    let scores = &view.scores;
    let compliance = match (
        scores.sla_compliance,
        scores.overall,
        scores.grade,
        scores.average_resolution_hours,
    ) {
        (Some(share), Some(score), Some(grade), Some(average_hours)) => Some(Compliance {
            share,
            score,
            grade: letter(grade),
            average_hours,
        }),
        _ => None,
    };
    let c = &view.counts;
    CityView {
        city: City {
            slug: view.tenant.slug,
            name: view.tenant.name,
        },
        time_zone: view.time_zone,
        period: "last 30 days".to_owned(),
        counts: Counts {
            open: count(c.open + c.acknowledged + c.in_progress + c.on_hold),
            overdue: count(view.overdue),
            reported: count(c.reports_period),
            resolved: count(c.resolved_period),
        },
        compliance,
        days: view
            .series
            .iter()
            .map(|day| Day {
                day: day.day,
                reported: count(day.reports),
                resolved: count(day.resolved),
            })
            .collect(),
        trend: match view.trend {
            Some(CivicTrend::Increasing) => Trend::Increasing,
            Some(CivicTrend::Decreasing) => Trend::Decreasing,
            Some(CivicTrend::Stable) | None => Trend::Stable,
        },
        categories: categories(&view.by_category),
        newest: view
            .newest
            .into_iter()
            .map(|issue| PublicIssue {
                id: issue.id,
                title: issue
                    .title
                    .or(issue.summary)
                    .unwrap_or_else(|| format!("Issue {}", issue.id)),
                category: issue.category.as_str().to_owned(),
                severity: issue.severity.as_str().to_owned(),
                status: issue.status.as_str().to_owned(),
                area: issue.area,
                reports: count(issue.report_count),
                created_at: issue.created_at,
            })
            .collect(),
        calculated_at: view.calculated_at,
    }
}

/// Categories with something to do, the largest first.
fn categories(shares: &[brisk_civic::publication::PublicShare]) -> Vec<Category> {
    let active = shares.iter().filter(|share| share.active > 0);
    let mut categories: Vec<_> = active
        .map(|share| Category {
            name: share.name.to_owned(),
            open: count(share.active),
        })
        .collect();
    categories.sort_by_key(|category| std::cmp::Reverse(category.open));
    categories
}

const fn letter(grade: CivicGrade) -> Grade {
    match grade {
        CivicGrade::A => Grade::A,
        CivicGrade::B => Grade::B,
        CivicGrade::C => Grade::C,
        CivicGrade::D => Grade::D,
        CivicGrade::F => Grade::F,
    }
}
