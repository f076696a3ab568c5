//! Work in the background.

use brisk::core::TenantId;
use brisk::jobs::NewJob;
use brisk_testkit::services::{PATIENCE, eventually};

use crate::on_both;
use crate::world::TestApp;

on_both!(old_entries_of_the_audit_log_are_erased);

async fn old_entries_of_the_audit_log_are_erased(app: TestApp) {
    let app = app.with(&[("catalog.audit_retention", "30d")]).await;
    let now = app.clock.now();
    for (user, days) in [("old", 31), ("older", 400), ("young", 29)] {
        let at = now - jiff::SignedDuration::from_hours(24 * days);
        let at = if app.place.is_postgres() {
            format!("'{at}'")
        } else {
            at.as_microsecond().to_string()
        };
        app.place.sql(&format!(
            "INSERT INTO catalog_user_actions (timestamp, user_id, username, action_type, resource, outcome)
             VALUES ({at}, '{user}', '{user}', 'GET', '/', 'success')"
        ));
    }
    let kit = app.nodes[0].kit();
    let job = NewJob::new(TenantId::PLATFORM, "catalog.retention", &()).unwrap();
    let session = kit.platform("test");
    kit.queue.enqueue(&session, vec![job]).await.unwrap();
    eventually("the old entries are gone", PATIENCE, async || {
        let left = app.place.sql("SELECT user_id FROM catalog_user_actions");
        (left == "young").then_some(())
    })
    .await;
    app.stop().await;
}
