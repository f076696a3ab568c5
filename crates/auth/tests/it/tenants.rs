use std::time::Duration;

use brisk_auth::{Error, NewTenant, TenantKind, TenantStatus};
use brisk_core::TenantId;
use tokio::time::timeout;

use crate::harness::on_both;
use crate::keys::agent_of;

#[tokio::test]
async fn every_statement_fits_both_engines() {
    on_both(async |node| {
        let findings = node.db.verify(&brisk_auth::statements()).await.unwrap();
        assert_eq!(findings, []);
    })
    .await;
}

#[tokio::test]
async fn a_tenant_is_found_by_number_slug_and_jurisdiction() {
    on_both(async |node| {
        let mut new = NewTenant::new("springfield", "Springfield", TenantKind::City);
        new.jurisdiction_id = Some("springfield.gov".to_owned());
        new.timezone = "America/New_York".to_owned();
        new.settings = serde_json::json!({"a": [1, "ü"]});
        let made = node
            .tenants()
            .insert(new.clone(), &node.clock)
            .await
            .unwrap();
        assert_eq!(
            (made.kind, made.status),
            (TenantKind::City, TenantStatus::Active)
        );
        assert_eq!(made.settings.0, new.settings);
        let found = [
            node.tenants().get(made.id).await.unwrap(),
            node.tenants().by_slug("springfield").await.unwrap(),
            node.tenants()
                .by_jurisdiction("springfield.gov")
                .await
                .unwrap(),
        ];
        assert!(found.into_iter().all(|t| t.as_ref() == Some(&made)));
        let jurisdiction = new.jurisdiction_id.take();
        let again = node.tenants().insert(new.clone(), &node.clock).await;
        assert!(
            matches!(again, Err(Error::Taken { field: "slug" })),
            "{again:?}"
        );
        new.slug = "other".to_owned();
        new.jurisdiction_id = jurisdiction;
        let again = node.tenants().insert(new.clone(), &node.clock).await;
        assert!(
            matches!(
                again,
                Err(Error::Taken {
                    field: "jurisdiction_id"
                })
            ),
            "{again:?}"
        );
        new.slug = "Other".to_owned();
        let wrong = node.tenants().insert(new, &node.clock).await;
        assert!(matches!(wrong, Err(Error::Invalid { field: "slug", .. })));
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    on_both(async |node| {
        let mut made = Vec::new();
        for slug in ["a", "b", "c", "d", "e"] {
            made.push(node.tenant(slug).await.id);
        }
        let mut found = Vec::new();
        let mut after = TenantId(0);
        loop {
            let page = node.tenants().page(after, 2).await.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            after = last.id;
            found.extend(page.iter().map(|t| t.id));
        }
        assert_eq!(found, made);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_change_stream_tells_of_others_writes_and_nothing_grows_old() {
    on_both(async |node| {
        let mut town = node.tenant("town").await;
        let key = node
            .keys
            .create(&node.session, agent_of(town.id))
            .await
            .unwrap();
        let stream = node.db.changes();
        let mut events = stream.subscribe();
        while !stream.is_trusted() {
            events.next().await.unwrap();
        }
        node.directory.get(town.id).await.unwrap();
        node.keys.verify(&key.secret).await.unwrap();
        node.clock.advance(Duration::from_hours(1));
        // The clock stands still from here on: what is seen is told by the stream.
        let other = node.other().await;
        town.name = "Renamed".to_owned();
        other
            .tenants()
            .update(town.clone(), &other.clock)
            .await
            .unwrap();
        let heard = async {
            while node.directory.get(town.id).await.unwrap().unwrap().name != "Renamed" {
                events.next().await.unwrap();
            }
        };
        timeout(Duration::from_secs(10), heard).await.unwrap();
        let revoked = other.keys.revoke(&other.session, Some(town.id), key.key.id);
        assert!(revoked.await.unwrap());
        let heard = async {
            while node.keys.verify(&key.secret).await.is_ok() {
                events.next().await.unwrap();
            }
        };
        timeout(Duration::from_secs(10), heard).await.unwrap();
        other.keys.close().await;
        other.db.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_writes_are_seen_at_once_and_without_the_stream_nothing_is_kept() {
    on_both(async |node| {
        assert!(node.directory.by_slug("town").await.unwrap().is_none());
        let mut town = node.tenant("town").await;
        let found = node.directory.by_slug("town").await.unwrap().unwrap();
        assert_eq!(*found, town);
        let deaf = node.deaf().await;
        deaf.directory.get(town.id).await.unwrap();
        town.name = "Renamed".to_owned();
        town.status = TenantStatus::Suspended;
        let update = async |town: &brisk_auth::Tenant| {
            node.tenants()
                .update(town.clone(), &node.clock)
                .await
                .unwrap()
        };
        assert_eq!(update(&town).await.unwrap().name, "Renamed");
        let seen = node.directory.get(town.id).await.unwrap().unwrap();
        assert_eq!(seen.status, TenantStatus::Suspended);
        let seen = deaf.directory.get(town.id).await.unwrap().unwrap();
        assert_eq!(seen.name, "Renamed");
        town.id = TenantId(town.id.get() + 1);
        assert!(update(&town).await.is_none());
    })
    .await;
}
