//! Use cases of the setup on both engines.

use brisk_core::{Failure as _, TenantId};
use brisk_db::{Affected, statements};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::config::{Write, write};
use super::{Setup, area, calendar, category, config, policy};
use crate::error::Error;
use crate::testing::on_both;

statements! {
    prefix "civic.test";

    INSERT_REPORT(tenant: TenantId, code: String, now: Timestamp) -> Affected
        = "INSERT INTO civic_reports (id, tenant_id, description, channel, service_code, submitted_at, received_at)
           VALUES (1, $1, 'a deep pothole', 'api', $2, $3, $3)";

    INSERT_ISSUE(tenant: TenantId, now: Timestamp) -> Affected
        = "INSERT INTO civic_issues (id, tenant_id, category, severity, status, title, last_report_at, priority_at, texts,
             created_at, updated_at)
           VALUES (1, $1, 'noise', 'low', 'open', 'x', $2, $2, '[]', $2, $2)";

    INSERT_PROMISE(tenant: TenantId, policy: i64, snapshot: brisk_db::Json<Value>, now: Timestamp) -> Affected
        = "INSERT INTO civic_sla_metrics (issue_id, tenant_id, category, severity, policy_id, policy_snapshot, created_at,
             started_at, stops, state, calculated_at)
           VALUES (1, $1, 'noise', 'low', $2, $3, $4, $4, '[]', 'running', $4)";
}

/// The code and the first field of a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
    let error = result.unwrap_err();
    let field = error.fields().first().map(|f| f.field.to_string());
    let code = error.code().rsplit('.').next().unwrap_or_default();
    (code.to_owned(), field.unwrap_or_default())
}

fn pair(code: &str, field: &str) -> (String, String) {
    (code.to_owned(), field.to_owned())
}

async fn named_area(setup: &Setup, name: &str, parent: Option<i64>) -> i64 {
    let body = json!({"name": name, "parent_id": parent});
    area::create(setup, &body).await.unwrap().id
}

#[tokio::test]
async fn areas_are_unique_nested_without_circles_and_kept_while_in_use() {
    on_both(async |world| {
        let setup = world.setup(world.acme);
        let outer = named_area(&setup, "Outer", None).await;
        let inner = named_area(&setup, "Inner", Some(outer)).await;
        let foreign = named_area(&world.setup(world.other), "Outer", None).await;
        let again = area::create(&setup, &json!({"name": "Outer"})).await;
        assert_eq!(refused(again), pair("exists", ""));
        let lost = area::create(&setup, &json!({"name": "Lost", "parent_id": foreign})).await;
        assert_eq!(refused(lost), pair("unknown_area", "parent_id"));
        let lost = area::update(&setup, inner, &json!({"parent_id": foreign})).await;
        assert_eq!(refused(lost), pair("unknown_area", "parent_id"));
        for parent in [outer, inner] {
            let circle = area::update(&setup, outer, &json!({"parent_id": parent})).await;
            assert_eq!(refused(circle), pair("circular", "parent_id"));
        }
        let taken = area::update(&setup, inner, &json!({"name": "Outer"})).await;
        assert_eq!(refused(taken), pair("exists", ""));
        assert_eq!(
            refused(area::delete(&setup, outer).await),
            pair("in_use", "")
        );
        let freed = area::update(&setup, inner, &json!({"parent_id": null, "code": "I"})).await;
        assert_eq!(freed.unwrap(), area::get(&setup, inner).await.unwrap());
        area::delete(&setup, outer).await.unwrap();
        for gone in [outer, foreign] {
            assert_eq!(
                refused(area::get(&setup, gone).await),
                pair("not_found", "")
            );
            assert_eq!(
                refused(area::delete(&setup, gone).await),
                pair("not_found", "")
            );
            let change = area::update(&setup, gone, &json!({"name": "X"})).await;
            assert_eq!(refused(change), pair("not_found", ""));
        }
    })
    .await;
}

#[tokio::test]
async fn a_category_keeps_its_code_and_stays_while_reports_name_it() {
    on_both(async |world| {
        let setup = world.setup(world.acme);
        let body = json!({"code": "POT", "name": "Pothole", "base_category": "infrastructure", "attributes": [{"code": "x"}]});
        let made = category::create(&setup, &body).await.unwrap();
        assert_eq!(category::get(&setup, made.id).await.unwrap(), made);
        assert_eq!(refused(category::create(&setup, &body).await), pair("exists", ""));
        let renamed = category::update(&setup, made.id, &json!({"code": "HOLE"})).await;
        assert_eq!(refused(renamed), pair("immutable", "code"));
        let change = json!({"active": false, "attributes": null});
        let changed = category::update(&setup, made.id, &change).await.unwrap();
        assert_eq!(category::get(&setup, made.id).await.unwrap(), changed);
        let seen = world.state.settings.of(world.acme).await.unwrap();
        assert_eq!(seen.category_by_code("POT").map(|c| c.fields.active), Some(false));
        let params = (world.acme, "POT".to_owned(), world.state.clock.now());
        setup.session.run(&INSERT_REPORT, params).await.unwrap();
        assert_eq!(refused(category::delete(&setup, made.id).await), pair("in_use", ""));
        let foreign = category::delete(&world.setup(world.other), made.id).await;
        assert_eq!(refused(foreign), pair("not_found", ""));
    })
    .await;
}

#[tokio::test]
async fn calendars_and_policies_stay_while_promises_are_counted_by_them() {
    on_both(async |world| {
        let setup = world.setup(world.acme);
        let open =
            json!({"name": "Office", "timezone": "Europe/Vienna", "weekly": {"1": [[480, 1080]]}});
        let office = calendar::create(&setup, &open).await.unwrap();
        assert_eq!(calendar::get(&setup, office.id).await.unwrap(), office);
        assert_eq!(
            refused(calendar::create(&setup, &open).await),
            pair("exists", "")
        );
        let body = json!({"ack_minutes": 60, "resolve_minutes": 600, "calendar_id": office.id});
        let rule = policy::create(&setup, &body).await.unwrap();
        assert_eq!(policy::get(&setup, rule.id).await.unwrap(), rule);
        // Nulls are equal here: there cannot be two policies for everything from one instant on.
        assert_eq!(
            refused(policy::create(&setup, &body).await),
            pair("exists", "")
        );
        let foreign = policy::create(&world.setup(world.other), &body).await;
        assert_eq!(refused(foreign), pair("unknown_calendar", "calendar_id"));
        assert_eq!(
            refused(calendar::delete(&setup, office.id).await),
            pair("in_use", "")
        );
        let now = world.state.clock.now();
        setup
            .session
            .run(&INSERT_ISSUE, (world.acme, now))
            .await
            .unwrap();
        let snapshot = brisk_db::Json(json!({"calendar_id": office.id}));
        let params = (world.acme, rule.id, snapshot, now);
        setup.session.run(&INSERT_PROMISE, params).await.unwrap();
        assert_eq!(
            refused(policy::delete(&setup, rule.id).await),
            pair("in_use", "")
        );
        let free = policy::update(&setup, rule.id, &json!({"calendar_id": null})).await;
        assert_eq!(free.unwrap().fields.calendar_id, None);
        assert_eq!(
            refused(calendar::delete(&setup, office.id).await),
            pair("in_use", "")
        );
        let unused = json!({"name": "B", "timezone": "UTC", "weekly": {"1": [[0, 60]]}});
        let unused = calendar::create(&setup, &unused).await.unwrap().id;
        let longer = calendar::update(&setup, unused, &json!({"weekly": {"7": [[0, 60]]}})).await;
        assert_eq!(
            calendar::get(&setup, unused).await.unwrap(),
            longer.unwrap()
        );
        calendar::delete(&setup, unused).await.unwrap();
        assert_eq!(
            refused(calendar::delete(&setup, unused).await),
            pair("not_found", "")
        );
    })
    .await;
}

#[tokio::test]
async fn each_write_of_the_configuration_counts_its_version_up() {
    on_both(async |world| {
        let setup = world.setup(world.acme);
        assert_eq!(config::get(&setup).await.unwrap().version, 0);
        let first = json!({"dedup": {"auto": 0.9}, "version": 0});
        let first = write(&setup, Write::Put, first, None).await.unwrap();
        assert_eq!(
            (first.version, config::get(&setup).await.unwrap()),
            (1, first.clone())
        );
        // What was answered can be sent back as it is.
        let back = write(&setup, Write::Put, first.to_json(), None)
            .await
            .unwrap();
        assert_eq!((back.version, back.config), (2, first.config));
        let late = write(&setup, Write::Patch, json!({"version": 1}), None).await;
        assert_eq!(refused(late), pair("version_mismatch", ""));
        let patch = json!({"dedup": {"auto": null}, "intake": {"anonymous": false}});
        let third = write(&setup, Write::Patch, patch, Some(2)).await.unwrap();
        assert!(!third.config.intake.anonymous && (third.config.dedup.auto - 0.72).abs() < 1e-9);
        let seen = world.state.settings.of(world.acme).await.unwrap();
        assert_eq!((seen.config_version, &seen.config), (3, &third.config));
        for (bad, field) in [
            (json!({"dedup": {"review": 0}}), "dedup.review"),
            (
                json!({"classify": {"rules": {"noise": {"…": 1}}}}),
                "classify.rules",
            ),
            (json!({"colour": null}), "colour"),
            (json!({"version": "3"}), "version"),
        ] {
            let answer = refused(write(&setup, Write::Patch, bad, None).await);
            assert_eq!(answer.1, field);
        }
        let patches = (0..4).map(|n| {
            let patch = json!({"limits": {"per_ip_per_min": 10 + n}});
            write(&setup, Write::Patch, patch, None)
        });
        let mut versions: Vec<_> = join_all(patches)
            .await
            .into_iter()
            .map(|r| r.unwrap().version)
            .collect();
        versions.sort_unstable();
        assert_eq!(versions, [4, 5, 6, 7]);
    })
    .await;
}
