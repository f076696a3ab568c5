//! Dashboards, ranks, scores and recounts.
#![expect(clippy::cast_precision_loss, reason = "a test has few rows")]

use brisk_db::Batch;
use brisk_db::Json;

use super::{HOUR, ISSUES, clock_of, seed, seed_scored, statements};
use crate::logic::dashboard;
use crate::logic::reconcile;
use crate::logic::scores;
use crate::model::Category;
use crate::model::Severity;
use crate::model::rollup::Cell;
use crate::model::rollup::Deltas;
use crate::model::rollup::IssueFacts;
use crate::model::score::Period;
use crate::model::workflow::Status;
use crate::store::bench::Bench;
use crate::store::issue::IssueRow;
use crate::store::rollup;
use crate::store::score::ScoreRecord;
use crate::store::score::Scores;
use crate::testing::on_both;

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_equals_a_recount_in_six_statements_or_fewer() {
    on_both(async |world| {
        let seeded = seed_scored(&world).await;
        let (settings, clock) = (&seeded.settings, &world.state.clock);
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
        // What is kept of the scores by now costs none.
        assert!(statements(&other) <= statements(&empty));
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
