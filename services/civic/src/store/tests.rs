//! Statements against both engines.

use serde_json::json;

use super::statements;
use super::tenant_config::TenantConfigs;
use crate::testing::on_both;

#[tokio::test]
async fn every_statement_fits_the_schema() {
    on_both(async |world| {
        let findings = world.state.db.verify(&statements()).await.unwrap();
        assert_eq!(findings, []);
    })
    .await;
}

#[tokio::test]
async fn names_of_statements_are_not_repeated() {
    let mut names: Vec<_> = statements().iter().map(|s| s.name()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[tokio::test]
async fn a_configuration_is_written_only_over_the_version_that_was_read() {
    on_both(async |world| {
        let session = world.session(world.acme);
        let configs = TenantConfigs(&session);
        let now = world.state.clock.now();
        assert_eq!(configs.get().await.unwrap(), (0, json!({})));
        let write = async |n: i64, expected| {
            let data = json!({"n": n});
            configs.update(data, expected, now).await.unwrap()
        };
        assert_eq!(write(1, 0).await, Some(1));
        assert_eq!(write(2, 0).await, None);
        assert_eq!(write(3, 1).await, Some(2));
        assert_eq!(configs.get().await.unwrap(), (2, json!({"n": 3})));
        let elsewhere = world.session(world.other);
        assert_eq!(TenantConfigs(&elsewhere).get().await.unwrap().0, 0);
    })
    .await;
}
