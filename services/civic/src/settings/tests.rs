//! What is loaded, and how long it counts.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use brisk_cache::Caches;
use brisk_core::{Class, Failure as _, Scope, TenantId};
use brisk_db::System;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::logic::{area, calendar, config};
use crate::model::TenantKind;
use crate::model::geo::Point;
use crate::model::setup::AreaFields;
use crate::settings::TenantSettings;
use crate::store::area::Areas;
use crate::testing::{World, on_both};

fn square(west: f64, south: f64, side: f64) -> Value {
    let (east, north) = (west + side, south + side);
    let ring = json!([
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south]
    ]);
    json!({"type": "Polygon", "coordinates": [ring]})
}

#[tokio::test]
async fn everything_of_a_tenant_is_there_and_nothing_of_another() {
    on_both(async |world| {
        let setup = world.setup(world.acme);
        let city = json!({"name": "City", "boundary": square(10.0, 40.0, 4.0)});
        let city = area::create(&setup, &city).await.unwrap().id;
        let quarter =
            json!({"name": "Old Town", "parent_id": city, "boundary": square(11.0, 41.0, 1.0)});
        let quarter = area::create(&setup, &quarter).await.unwrap().id;
        let elsewhere = json!({"name": "Lobby", "boundary": square(10.0, 40.0, 9.0)});
        area::create(&world.setup(world.other), &elsewhere)
            .await
            .unwrap();
        let settings = world.state.settings.of(world.acme).await.unwrap();
        assert_eq!(
            (settings.kind, settings.config_version),
            (TenantKind::City, 0)
        );
        assert_eq!(settings.zone.iana_name(), Some("America/New_York"));
        let at = |lat, lon| settings.area_of(Point::new(lat, lon).unwrap());
        assert_eq!(at(41.5, 11.5), Some(quarter));
        assert_eq!(at(43.5, 13.5), Some(city));
        assert_eq!(at(48.0, 18.0), None);
        assert!(settings.area(quarter).is_some());
        let missing = world.state.settings.of(TenantId(9_999)).await.unwrap_err();
        assert_eq!(missing.class(), Class::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_hundred_callers_share_one_load() {
    on_both(async |world| {
        let loads = join_all((0..100).map(|_| world.state.settings.of(world.acme))).await;
        let loads: Vec<_> = loads.into_iter().map(Result::unwrap).collect();
        assert!(loads.iter().all(|s| Arc::ptr_eq(s, &loads[0])));
    })
    .await;
}

/// The settings once all that was just written has been told: on PostgreSQL it is told once more, exactly, and ends what
/// was loaded meanwhile.
async fn settled(world: &World) -> Arc<TenantSettings> {
    for _ in 0..100 {
        let first = world.state.settings.of(world.acme).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let second = world.state.settings.of(world.acme).await.unwrap();
        if Arc::ptr_eq(&first, &second) {
            return first;
        }
    }
    panic!("the settings are loaded again and again");
}

/// As another node does.
async fn add_area(world: &World, name: &str) {
    let elsewhere = world.elsewhere().await;
    let fields = AreaFields {
        name: name.to_owned(),
        ..Default::default()
    };
    let session = elsewhere.session(Scope::system(world.acme, "elsewhere"));
    let now = world.state.clock.now();
    Areas(&session).insert(fields, None, now).await.unwrap();
    elsewhere.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_elsewhere_is_heard_of_and_nothing_grows_old() {
    on_both(async |world| {
        let stream = world.state.db.changes();
        let mut events = stream.subscribe();
        while !stream.is_trusted() {
            events.next().await.unwrap();
        }
        let before = settled(&world).await;
        world.state.clock.advance(Duration::from_hours(1));
        let same = world.state.settings.of(world.acme).await.unwrap();
        assert!(Arc::ptr_eq(&before, &same));
        // From now on the clock stands still.
        add_area(&world, "North").await;
        let heard = async {
            loop {
                let settings = world.state.settings.of(world.acme).await.unwrap();
                if settings.areas.len() == 1 {
                    return;
                }
                events.next().await.unwrap();
            }
        };
        timeout(Duration::from_secs(10), heard).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_did_not_change_is_used_again() {
    on_both(async |world| {
        let setup = world.setup(world.acme);
        let open = json!({"name": "Office", "timezone": "UTC", "weekly": {"1": [[480, 1080]]}});
        let calendar = calendar::create(&setup, &open).await.unwrap().id;
        let own = json!({"classify": {"rules": {"noise": {"seagulls": 3}}}});
        config::write(&setup, config::Write::Put, own, None)
            .await
            .unwrap();
        let before = settled(&world).await;
        let north = json!({"name": "North"});
        area::create(&setup, &north).await.unwrap();
        let after = world.state.settings.of(world.acme).await.unwrap();
        assert_eq!((before.areas.len(), after.areas.len()), (0, 1));
        assert!(Arc::ptr_eq(&before.rules, &after.rules));
        assert!(Arc::ptr_eq(
            &before.calendars[&calendar],
            &after.calendars[&calendar]
        ));
    })
    .await;
}

#[tokio::test]
async fn a_load_that_began_before_a_change_is_not_kept() {
    on_both(async |world| {
        let setup = world.setup(world.acme);
        for n in 1..=20 {
            Caches::of(&world.state.db).evict("civic.settings", None);
            let mut load = Box::pin(world.state.settings.of(world.acme));
            // Its statements are on their way. SQLite's readers may be done with them by then; a socket is not.
            let early = futures::poll!(&mut load);
            let sqlite = world.state.db.system() == System::Sqlite;
            assert!(early.is_pending() || sqlite);
            let body = json!({"name": format!("Area {n}")});
            area::create(&setup, &body).await.unwrap();
            match early {
                Poll::Ready(loaded) => loaded.unwrap(),
                Poll::Pending => load.await.unwrap(),
            };
            let seen = world.state.settings.of(world.acme).await.unwrap();
            assert_eq!(seen.areas.len(), n);
        }
    })
    .await;
}
