//! Lists: pages, filters and cursors.

use std::collections::BTreeSet;

use brisk_db::Session;
use brisk_db::Total;

use super::{COUNT, HOUR, ISSUES, asked, clock_of, seed, statements};
use crate::error::Error;
use crate::logic::lists;
use crate::model::Category;
use crate::model::Severity;
use crate::model::workflow::Status;
use crate::store::issue::IssueRow;
use crate::store::listing::IssueFilter;
use crate::store::listing::IssueSort;
use crate::store::listing::Order;
use crate::store::listing::ReportFilter;
use crate::testing::on_both;

/// What a filter should choose.
type Chosen = Box<dyn Fn(&IssueRow) -> bool>;

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
                let (mut seen, mut cursor) = (Vec::new(), None::<String>);
                loop {
                    let session = world.session(world.acme);
                    let page = lists::issues(
                        &session,
                        (sort, order),
                        asked(lists::ISSUES, &filter, 7, cursor.as_deref()),
                        COUNT,
                        seeded.now,
                    )
                    .await
                    .unwrap();
                    assert_eq!(statements(&session), 2);
                    assert_eq!(page.total, Total::Exact(60));
                    seen.extend(page.page.items.iter().map(|line| line.id.get()));
                    cursor = page.page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                }
                assert_eq!(seen.len(), all.len(), "{sort:?} {order:?}: {seen:?}");
                assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
            }
        }
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let session = world.session(world.acme);
            let filter = ReportFilter::default();
            let asked = asked(lists::REPORTS, &filter, 11, cursor.as_deref());
            let page = lists::reports(&session, Order::Desc, asked, COUNT)
                .await
                .unwrap();
            assert_eq!(statements(&session), 2);
            seen.extend(page.page.items.iter().map(|row| (row.submitted_at, row.id)));
            cursor = page.page.next_cursor;
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
                order,
                asked(lists::ISSUES, &filter, 1_000, None),
                COUNT,
                now,
            )
            .await
            .unwrap();
            let found: BTreeSet<i64> = page.page.items.iter().map(|l| l.id.get()).collect();
            let wanted: BTreeSet<i64> = seeded
                .rows
                .iter()
                .filter(|r| chosen(r))
                .map(|r| r.id.get())
                .collect();
            assert_eq!(found, wanted, "{filter:?}");
            assert_eq!(page.total, Total::Exact(wanted.len() as u64), "{filter:?}");
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
            let asked = asked(lists::ISSUES, &filter, 5, Some(&cursor));
            lists::issues(&session, order, asked, COUNT, seeded.now).await
        };
        let first = lists::issues(
            &seeded.session,
            order,
            asked(lists::ISSUES, &filter, 5, None),
            COUNT,
            seeded.now,
        )
        .await
        .unwrap();
        let cursor = first.page.next_cursor.unwrap();
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
