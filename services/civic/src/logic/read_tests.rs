//! The read side against rows that were written as writers write them, on both engines.
#![expect(
    clippy::cast_precision_loss,
    reason = "a test has few rows, and waits for one future at a time"
)]

use std::collections::BTreeSet;

use brisk_core::{Scope, TenantId};
use brisk_db::{Batch, CursorKey, Json, OnConflict, Session};
use jiff::{SignedDuration, Timestamp};

use super::lists::{self, Paging};
use super::nearby::{self, Ask};
use super::{dashboard, public, reconcile, scores};
use crate::error::Error;
use crate::ids::{IssueId, ReportId};
use crate::model::classify::ClassifiedBy;
use crate::model::geo::Point;
use crate::model::grid::grid_cell;
use crate::model::rollup::{Cell, Deltas, IssueFacts, ReportFacts};
use crate::model::score::Period;
use crate::model::sla::{Sla, SlaDefaults, pick_policy};
use crate::model::workflow::Status;
use crate::model::{Category, Severity};
use crate::settings::TenantSettings;
use crate::store::area::Areas;
use crate::store::bench::Bench;
use crate::store::issue::IssueRow;
use crate::store::listing::{Count, IssueFilter, IssueSort, Order, ReportFilter, Total};
use crate::store::report::NewReport;
use crate::store::rollup;
use crate::store::score::{ScoreRecord, Scores};
use crate::store::sla::SlaRow;
use crate::testing::{World, on_both};

/// What a filter should choose.
type Chosen = Box<dyn Fn(&IssueRow) -> bool>;

const ISSUES: i64 = 60;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn key() -> CursorKey {
    CursorKey::new([9; 32])
}

fn paging(limit: u32, cursor: Option<String>) -> Paging {
    Paging {
        limit,
        skip: 0,
        cursor,
        count: Some(Count::Auto),
    }
}

/// An issue of the set; every third has the same instant as the one before, every fourth is resolved.
fn issue(n: i64, tenant_id: TenantId, area_id: i64, now: Timestamp) -> IssueRow {
    let created_at = now - HOUR * i32::try_from(n / 3 * 10).unwrap();
    let resolved_at = (n % 4 == 0).then(|| created_at + HOUR * i32::try_from(n % 7 + 1).unwrap());
    let place = Point::new(40.712_345_6 + 0.001 * n as f64, -74.006).unwrap();
    IssueRow {
        id: IssueId(n),
        tenant_id,
        area_id: (n % 2 == 0).then_some(area_id),
        category: Category::ALL[usize::try_from(n % 5).unwrap()],
        severity: Severity::ALL[usize::try_from(n % 4).unwrap()],
        status: if resolved_at.is_some() {
            Status::Resolved
        } else {
            [Status::Open, Status::Acknowledged][usize::try_from(n % 2).unwrap()]
        },
        title: format!(
            "{} number {n}",
            ["Pothole", "100%_sure!"][usize::from(n % 10 == 0)]
        ),
        summary: None,
        anchor: None,
        lat: Some(place.lat()),
        lon: Some(place.lon()),
        grid_cell: Some(grid_cell(place)),
        location: Some("Main Street 1".to_owned()),
        location_norm: None,
        report_count: n % 6,
        reporter_count: 1,
        last_report_at: created_at,
        assignee: (n % 9 == 0).then(|| "ann".to_owned()),
        priority: (n % 8) as f64 / 3.0,
        priority_at: now,
        sensitive: false,
        public: n % 11 != 0,
        close_reason: None,
        hold_reason: None,
        merged_into_id: None,
        merged_at: None,
        reopened_count: 0,
        severity_locked: false,
        category_locked: false,
        archived: false,
        texts: Json(vec![format!("a deep pothole in the road, number {n}")]),
        created_at,
        acknowledged_at: None,
        resolved_at,
        closed_at: None,
        updated_at: created_at,
        version: 1,
    }
}

fn clock_of(row: &IssueRow, now: Timestamp) -> Sla {
    let policy = pick_policy(
        &[],
        &SlaDefaults::default(),
        row.category,
        row.severity,
        row.created_at,
    );
    let mut sla = Sla::start(policy, row.created_at, None);
    if let Some(at) = row.resolved_at {
        sla.resolve(at, None);
    } else {
        sla.breach(now);
    }
    sla
}

fn report(row: &IssueRow) -> NewReport {
    NewReport {
        id: ReportId(row.id.get()),
        tenant_id: row.tenant_id,
        issue_id: Some(row.id),
        reporter_id: None,
        area_id: row.area_id,
        description: "a deep pothole in the road".to_owned(),
        location: None,
        location_norm: None,
        lat: row.lat,
        lon: row.lon,
        grid_cell: row.grid_cell,
        category: row.category,
        severity: row.severity,
        summary: "A deep pothole".to_owned(),
        anchor: None,
        sensitive: false,
        classified_by: ClassifiedBy::Rules,
        confidence: 0.9,
        service_code: None,
        attributes: None,
        media: None,
        channel: "api".to_owned(),
        client_ref: None,
        external_id: None,
        external_status: None,
        status: "linked".to_owned(),
        processed: true,
        spam_score: 0,
        public: true,
        tracking_hash: None,
        submitted_at: row.created_at,
        received_at: row.created_at,
        processed_at: Some(row.created_at),
        import_id: None,
    }
}

struct Seeded {
    session: Session,
    settings: std::sync::Arc<TenantSettings>,
    rows: Vec<IssueRow>,
    now: Timestamp,
}

/// Issues, clocks, reports and their figures, written as the service writes them.
async fn seed(world: &World) -> Seeded {
    let session = world.session(world.acme);
    let now = world.state.clock.now();
    let fields = |name: &str| crate::model::setup::AreaFields {
        name: name.to_owned(),
        code: None,
        parent_id: None,
        boundary: None,
    };
    let areas = Areas(&session);
    let area = areas.insert(fields("North"), None, now).await.unwrap();
    areas.insert(fields("South"), None, now).await.unwrap();
    world.state.settings.changed(world.acme);
    let settings = world.state.settings.of(world.acme).await.unwrap();
    let rows: Vec<IssueRow> = (1..=ISSUES)
        .map(|n| issue(n, world.acme, area, now))
        .collect();
    let (mut deltas, mut batch) = (Deltas::default(), Batch::new());
    let mut clocks = Vec::new();
    for row in &rows {
        let cell = Cell {
            area_id: row.area_id.unwrap_or(0),
            category: row.category,
            severity: row.severity,
        };
        let sla = clock_of(row, now);
        let facts = IssueFacts {
            resolved_at: row.resolved_at,
            ..IssueFacts::new(cell, row.status, row.created_at)
        }
        .with_sla(&sla);
        deltas.issue(&settings.zone, None, Some(&facts));
        let submitted_at = row.created_at;
        deltas.report(
            &settings.zone,
            None,
            Some(&ReportFacts { cell, submitted_at }),
        );
        clocks.push(SlaRow::new(row, sla, row.resolved_at.unwrap_or(now)));
    }
    batch.insert_many(rows.clone(), OnConflict::Fail);
    batch.insert_many(clocks, OnConflict::Fail);
    batch.insert_many(rows.iter().map(report).collect(), OnConflict::Fail);
    rollup::add(&mut batch, world.acme, &deltas);
    session.batch(batch).await.unwrap();
    Seeded {
        session,
        settings,
        rows,
        now,
    }
}

fn statements(session: &Session) -> u64 {
    session.scope().ledger().summary().statements
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_equals_a_recount_in_six_statements_or_fewer() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let (settings, clock) = (&seeded.settings, &world.state.clock);
        scores::refresh(&seeded.session, settings, clock)
            .await
            .unwrap();
        let session = world.session(world.acme);
        let shown = dashboard::read(&session, settings, clock, Period::AllTime)
            .await
            .unwrap();
        assert!(statements(&session) <= 6, "{}", statements(&session));
        let count = |is: &dyn Fn(&IssueRow) -> bool| {
            i64::try_from(seeded.rows.iter().filter(|r| is(r)).count()).unwrap()
        };
        let counts = shown.counts.counts;
        assert_eq!(counts.open, count(&|r| r.status == Status::Open));
        assert_eq!(counts.open, Bench(&session).open_count().await.unwrap());
        assert_eq!(
            counts.acknowledged,
            count(&|r| r.status == Status::Acknowledged)
        );
        assert_eq!(counts.resolved, count(&|r| r.status == Status::Resolved));
        assert_eq!(counts.resolved_period, counts.resolved);
        assert_eq!(counts.reports_period, ISSUES);
        let late = seeded.rows.iter().filter(|r| {
            r.resolved_at.is_none()
                && clock_of(r, seeded.now)
                    .resolve_due_at
                    .is_some_and(|due| due <= seeded.now)
        });
        assert_eq!(shown.counts.overdue, i64::try_from(late.count()).unwrap());
        assert!(shown.counts.overdue > 0);
        let sums = Bench(&session)
            .sla_sums("2000-01-01T00:00:00Z".parse().unwrap())
            .await
            .unwrap();
        let compliance = shown.scores.sla_compliance.unwrap();
        assert!((compliance - sums.met as f64 / (sums.met + sums.missed) as f64).abs() < 1e-9);
        let hours = shown.scores.average_resolution_hours.unwrap();
        assert!((hours - sums.average_hours.unwrap()).abs() < 1e-3);
        let by_category: i64 = shown.by_category.iter().map(|s| s.reports).sum();
        let by_severity: i64 = shown.by_severity.iter().map(|s| s.active).sum();
        assert_eq!(by_category, ISSUES);
        assert_eq!(by_severity, count(&|r| r.resolved_at.is_none()));
        assert_eq!(shown.series.len(), 90);
        assert_eq!(shown.series.iter().map(|d| d.reports).sum::<i64>(), ISSUES);
        assert_eq!(shown.top_priority.len(), 10);
        assert_eq!(shown.areas.len(), 2);
        // The number of statements does not depend on the number of rows.
        let empty = world.session(world.other);
        let none = world.state.settings.of(world.other).await.unwrap();
        dashboard::read(&empty, &none, clock, Period::AllTime)
            .await
            .unwrap();
        let other = world.session(world.acme);
        dashboard::read(&other, settings, clock, Period::AllTime)
            .await
            .unwrap();
        assert_eq!(statements(&empty), statements(&other));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_partition_the_set_under_ties_in_every_order() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let all: BTreeSet<i64> = (1..=ISSUES).collect();
        for sort in [
            IssueSort::CreatedAt,
            IssueSort::UpdatedAt,
            IssueSort::Priority,
            IssueSort::Due,
            IssueSort::ReportCount,
        ] {
            for order in [Order::Asc, Order::Desc] {
                let filter = IssueFilter::default();
                let (mut seen, mut cursor) = (Vec::new(), None);
                loop {
                    let session = world.session(world.acme);
                    let page = lists::issues(
                        &session,
                        &key(),
                        &filter,
                        (sort, order),
                        &paging(7, cursor),
                        seeded.now,
                    )
                    .await
                    .unwrap();
                    assert_eq!(statements(&session), 2);
                    assert_eq!(page.total, Some(Total::Exact(60)));
                    seen.extend(page.items.iter().map(|line| line.id.get()));
                    cursor = page.next_cursor;
                    assert_eq!(cursor.is_some(), page.has_more);
                    if cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(seen.len(), all.len(), "{sort:?} {order:?}: {seen:?}");
                assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
            }
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let session = world.session(world.acme);
            let filter = ReportFilter::default();
            let page = lists::reports(&session, &key(), &filter, Order::Desc, &paging(11, cursor))
                .await
                .unwrap();
            assert_eq!(statements(&session), 2);
            seen.extend(page.items.iter().map(|row| (row.submitted_at, row.id)));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 60);
        assert!(seen.is_sorted_by(|a, b| a > b));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_as_a_scan_does() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let now = seeded.now;
        let area = seeded.rows[1].area_id;
        let due = move |r: &IssueRow| clock_of(r, now).resolve_due_at;
        let cases: Vec<(IssueFilter, Chosen)> = vec![
            (
                IssueFilter {
                    statuses: vec![Status::Open, Status::Acknowledged],
                    ..IssueFilter::default()
                },
                Box::new(|r| r.status != Status::Resolved),
            ),
            (
                IssueFilter {
                    statuses: vec![Status::Resolved],
                    category: Some(Category::Noise),
                    ..IssueFilter::default()
                },
                Box::new(|r| r.status == Status::Resolved && r.category == Category::Noise),
            ),
            (
                IssueFilter {
                    area_id: area,
                    severity: Some(Severity::High),
                    ..IssueFilter::default()
                },
                Box::new(move |r| r.area_id == area && r.severity == Severity::High),
            ),
            (
                IssueFilter {
                    assignee: Some("ann".to_owned()),
                    ..IssueFilter::default()
                },
                Box::new(|r| r.assignee.is_some()),
            ),
            (
                IssueFilter {
                    overdue: Some(true),
                    ..IssueFilter::default()
                },
                Box::new(move |r| r.resolved_at.is_none() && due(r).is_some_and(|d| d <= now)),
            ),
            (
                IssueFilter {
                    overdue: Some(false),
                    ..IssueFilter::default()
                },
                Box::new(move |r| !(r.resolved_at.is_none() && due(r).is_some_and(|d| d <= now))),
            ),
            (
                IssueFilter {
                    due_before: Some(now),
                    ..IssueFilter::default()
                },
                Box::new(move |r| r.resolved_at.is_none() && due(r).is_some_and(|d| d < now)),
            ),
            (
                IssueFilter {
                    q: Some("100%_SURE!".to_owned()),
                    ..IssueFilter::default()
                },
                Box::new(|r| r.title.starts_with("100%")),
            ),
            (
                IssueFilter {
                    q: Some("1_0".to_owned()),
                    ..IssueFilter::default()
                },
                Box::new(|_| false),
            ),
            (
                IssueFilter {
                    q: Some("main st".to_owned()),
                    sensitive: Some(false),
                    ..IssueFilter::default()
                },
                Box::new(|_| true),
            ),
            (
                IssueFilter {
                    bbox: Some([40.715, -75.0, 40.725, -74.0]),
                    ..IssueFilter::default()
                },
                Box::new(|r| r.lat.is_some_and(|lat| (40.715..=40.725).contains(&lat))),
            ),
            (
                IssueFilter {
                    created_after: Some(now - HOUR * 100),
                    created_before: Some(now - HOUR * 20),
                    updated_after: Some(now - HOUR * 90),
                    ..IssueFilter::default()
                },
                Box::new(move |r| r.created_at > now - HOUR * 90 && r.created_at < now - HOUR * 20),
            ),
        ];
        for (filter, chosen) in cases {
            let order = (IssueSort::CreatedAt, Order::Desc);
            let page = lists::issues(
                &seeded.session,
                &key(),
                &filter,
                order,
                &paging(1_000, None),
                now,
            )
            .await
            .unwrap();
            let found: BTreeSet<i64> = page.items.iter().map(|l| l.id.get()).collect();
            let wanted: BTreeSet<i64> = seeded
                .rows
                .iter()
                .filter(|r| chosen(r))
                .map(|r| r.id.get())
                .collect();
            assert_eq!(found, wanted, "{filter:?}");
            assert_eq!(
                page.total,
                Some(Total::Exact(wanted.len() as u64)),
                "{filter:?}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_filter_order_or_tenant_is_refused() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let order = (IssueSort::CreatedAt, Order::Desc);
        let filter = IssueFilter::default();
        let ask = |session: Session, filter: IssueFilter, order, cursor: String| async move {
            let paging = paging(5, Some(cursor));
            lists::issues(&session, &key(), &filter, order, &paging, seeded.now).await
        };
        let first = lists::issues(
            &seeded.session,
            &key(),
            &filter,
            order,
            &paging(5, None),
            seeded.now,
        )
        .await
        .unwrap();
        let cursor = first.next_cursor.unwrap();
        let good = ask(
            world.session(world.acme),
            filter.clone(),
            order,
            cursor.clone(),
        )
        .await;
        assert!(good.is_ok());
        let noise = IssueFilter {
            category: Some(Category::Noise),
            ..filter.clone()
        };
        let mut forged = cursor.clone();
        forged.replace_range(0..1, if cursor.starts_with('A') { "B" } else { "A" });
        for (session, filter, order, cursor) in [
            (world.session(world.acme), noise, order, cursor.clone()),
            (
                world.session(world.acme),
                filter.clone(),
                (IssueSort::Priority, Order::Desc),
                cursor.clone(),
            ),
            (
                world.session(world.acme),
                filter.clone(),
                (IssueSort::CreatedAt, Order::Asc),
                cursor.clone(),
            ),
            (
                world.session(world.other),
                filter.clone(),
                order,
                cursor.clone(),
            ),
            (world.session(world.acme), filter.clone(), order, forged),
        ] {
            let refused = ask(session, filter, order, cursor).await.unwrap_err();
            assert!(
                matches!(refused, Error::Db(brisk_db::Error::Cursor)),
                "{refused:?}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ties_share_a_rank_and_only_those_who_take_part_are_ranked() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let score = |tenant_id, area_id, score| ScoreRecord {
            tenant_id,
            area_id,
            metric_type: "overall",
            period: Period::Last30Days.as_str(),
            score: Some(score),
            detail: Json(serde_json::json!({"sla_compliance": 0.5})),
            calculated_at: seeded.now,
        };
        let ids: Vec<i64> = seeded.settings.areas.iter().map(|a| a.id).collect();
        let records = vec![
            score(world.acme, 0, 80.0),
            score(world.acme, ids[0], 70.0),
            score(world.acme, ids[1], 70.0),
        ];
        Scores(&seeded.session).update(records, None).await.unwrap();
        let board = scores::area_leaders(&seeded.session, Period::Last30Days)
            .await
            .unwrap();
        let lines: Vec<_> = board.iter().map(|l| (l.rank, l.name.as_str())).collect();
        assert_eq!(lines, [(1, "North"), (1, "South")]);
        let nobody = scores::tenant_leaders(&seeded.session, Period::Last30Days)
            .await
            .unwrap();
        assert_eq!(nobody, []);
        let document = serde_json::json!({"public": {"leaderboard": true}});
        crate::store::tenant_config::TenantConfigs(&seeded.session)
            .update(document, 0, seeded.now)
            .await
            .unwrap()
            .unwrap();
        let board = scores::tenant_leaders(&seeded.session, Period::Last30Days)
            .await
            .unwrap();
        assert_eq!(board.len(), 1);
        assert_eq!((board[0].rank, board[0].sla_compliance), (1, Some(0.5)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_of_all_periods_come_from_three_reads() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let session = world.session(world.acme);
        let (settings, clock) = (&seeded.settings, &world.state.clock);
        let day = scores::today(settings, seeded.now);
        scores::snapshot(&session, settings, clock, day)
            .await
            .unwrap();
        let used = session.scope().ledger().statements();
        assert_eq!(
            used.iter()
                .filter(|s| s.name.starts_with("civic.figures"))
                .count(),
            3
        );
        assert!(statements(&session) <= 5);
        for period in Period::ALL {
            let shown = dashboard::read(&session, settings, clock, period)
                .await
                .unwrap();
            let kept = scores::get(&session, settings, 0, period).await.unwrap();
            assert_eq!(kept.score, shown.scores.overall, "{period:?}");
            assert_eq!(
                kept.standing.total_reports,
                shown.counts.counts.reports_period
            );
            assert_eq!(
                kept.standing.p90_resolution_hours,
                shown.scores.p90_resolution_hours
            );
            assert_eq!(kept.standing.trend, shown.trend.reports);
        }
        let of_day = Scores(&session)
            .of_period(&format!("day:{day}"))
            .await
            .unwrap();
        assert_eq!(of_day.len(), 3);
        assert!(
            scores::get(&session, settings, 999, Period::AllTime)
                .await
                .is_err()
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_finds_nothing_and_mends_what_was_spoilt() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let (session, settings) = (&seeded.session, &seeded.settings);
        let (queue, clock) = (&world.state.queue, &world.state.clock);
        let clean = reconcile::run(session, settings, queue, clock)
            .await
            .unwrap();
        assert_eq!(
            (clean.issues, clean.reports, clean.cells),
            (60, 60, 0),
            "{clean:?}"
        );
        let cell = Cell {
            area_id: 0,
            category: Category::Noise,
            severity: Severity::Low,
        };
        let mut spoilt = Deltas::default();
        let facts = IssueFacts {
            resolved_at: Some(seeded.now),
            ..IssueFacts::new(cell, Status::Open, seeded.now - HOUR)
        };
        spoilt.issue(&settings.zone, None, Some(&facts));
        let mut batch = Batch::new();
        rollup::add(&mut batch, world.acme, &spoilt);
        session.batch(batch).await.unwrap();
        let drift = reconcile::run(session, settings, queue, clock)
            .await
            .unwrap();
        assert_eq!(drift.cells, 2, "{drift:?}");
        assert!(drift.examples[0].contains("noise"), "{drift:?}");
        let again = reconcile::run(session, settings, queue, clock)
            .await
            .unwrap();
        assert_eq!(again.cells, 0, "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_sees_neither_exact_places_nor_hidden_issues() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let (settings, clock) = (&seeded.settings, &world.state.clock);
        scores::refresh(&seeded.session, settings, clock)
            .await
            .unwrap();
        let session = world.session(world.acme);
        let view = public::view(&session, settings, clock, Period::AllTime)
            .await
            .unwrap()
            .unwrap();
        assert!(statements(&session) <= 6);
        assert_eq!(view.newest.len(), 10);
        assert!(view.newest.iter().all(|i| i.id % 11 != 0));
        let page = public::page(
            &session,
            settings,
            &key(),
            IssueFilter::default(),
            &paging(100, None),
            seeded.now,
        )
        .await
        .unwrap();
        assert_eq!(page.items.len(), 55);
        for item in &page.items {
            let delicate = matches!(item.category, Category::Safety | Category::Noise);
            let lat = item.lat.unwrap();
            let coarse = (lat * 1_000.0 - (lat * 1_000.0).round()).abs() < 1e-6;
            assert_eq!(item.location.is_none(), delicate);
            assert!(coarse || !delicate, "{item:?}");
        }
        let hidden = public::detail(&session, settings, IssueId(11), seeded.now).await;
        assert!(matches!(hidden, Err(Error::NotFound { .. })));
        let other = world.state.settings.of(world.other).await.unwrap();
        let foreign =
            public::detail(&world.session(world.other), &other, IssueId(1), seeded.now).await;
        assert!(matches!(foreign, Err(Error::NotFound { .. })));
        let json = serde_json::to_string(&view).unwrap();
        assert!(
            !json.contains("ann") && !json.contains("assignee"),
            "{json}"
        );
        let map = public::map(&session, settings, IssueFilter::default(), seeded.now)
            .await
            .unwrap();
        assert_eq!((map.points.len(), map.clusters.len()), (55, 0));
        let clusters = crate::store::listing::IssueLists(&session)
            .clusters(&IssueFilter::default(), 4, seeded.now)
            .await
            .unwrap();
        assert_eq!(clusters.iter().map(|c| c.n).sum::<i64>(), 60);
        assert!(clusters.len() > 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_names_the_nearest_and_says_how_alike_it_is() {
    on_both(async |world| {
        let seeded = seed(&world).await;
        let near = &seeded.rows[1];
        let point = Point::new(near.lat.unwrap(), near.lon.unwrap()).unwrap();
        let ask = |q, category| Ask {
            point,
            category,
            q,
            limit: 5,
        };
        let session = world.session(world.acme);
        let settings = &seeded.settings;
        let found = nearby::find(&session, settings, &ask(None, None), seeded.now)
            .await
            .unwrap();
        assert_eq!(statements(&session), 1);
        assert_eq!(found[0].id, near.id.get());
        assert!(found.len() > 1);
        assert!(
            found
                .iter()
                .all(|n| n.distance_m <= 250.0 && n.score.is_none())
        );
        // The words speak of infrastructure, which is far from the issue's own category: 0.6 of a full likeness.
        let q = Some("a deep pothole in the road, number 2");
        for (category, score) in [(None, 0.6), (Some(near.category), 1.0)] {
            let found = nearby::find(&session, settings, &ask(q, category), seeded.now)
                .await
                .unwrap();
            assert_eq!(found[0].id, near.id.get());
            assert!((found[0].score.unwrap() - score).abs() < 0.01, "{found:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_fits_both_schemas() {
    on_both(async |world| {
        let findings = world
            .state
            .db
            .verify(&crate::store::statements())
            .await
            .unwrap();
        assert_eq!(findings, []);
        let scope = Scope::system(world.acme, "lock");
        crate::store::lock::tenant(&world.state.db.session(scope))
            .await
            .unwrap();
    })
    .await;
}
