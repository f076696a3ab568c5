//! What people outside see, and that every statement fits.

use brisk_core::Scope;

use super::{COUNT, asked, seed, seed_scored, statements};
use crate::error::Error;
use crate::ids::IssueId;
use crate::logic::lists;
use crate::logic::nearby;
use crate::logic::nearby::Ask;
use crate::logic::public;
use crate::model::Category;
use crate::model::geo::Point;
use crate::model::score::Period;
use crate::store::listing::IssueFilter;
use crate::testing::on_both;

#[tokio::test(flavor = "multi_thread")]
async fn the_public_sees_neither_exact_places_nor_hidden_issues() {
    on_both(async |world| {
        let seeded = seed_scored(&world).await;
        let (settings, clock) = (&seeded.settings, &world.state.clock);
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
            asked(lists::ISSUES, &IssueFilter::default(), 100, None),
            COUNT,
            seeded.now,
        )
        .await
        .unwrap();
        assert_eq!(page.page.items.len(), 55);
        for item in &page.page.items {
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
