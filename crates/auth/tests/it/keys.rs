use std::time::Duration;

use brisk_auth::{ApiKeyId, Error, NewKey, TenantStatus};
use brisk_core::{Class, Failure as _, PrincipalKind, Role};

use crate::harness::{Node, on_both};

pub(crate) fn agent_of(tenant: brisk_core::TenantId) -> NewKey {
    NewKey {
        tenant: Some(tenant),
        name: "desk".to_owned(),
        role: Role::Agent,
        rate_per_min: Some(600),
        expires_at: None,
    }
}

fn first() -> ApiKeyId {
    ApiKeyId(uuid::Uuid::nil())
}

async fn used(node: &Node, tenant: brisk_core::TenantId) -> Option<jiff::Timestamp> {
    let keys = node.keys.page(&node.session, Some(tenant), first(), 10);
    keys.await.unwrap()[0].last_used_at
}

#[tokio::test]
async fn a_key_is_its_holder_until_it_is_revoked() {
    on_both(async |node| {
        let town = node.tenant("town").await;
        let made = node
            .keys
            .create(&node.session, agent_of(town.id))
            .await
            .unwrap();
        assert!(!format!("{made:?}").contains(&made.secret));
        let verified = node.keys.verify(&made.secret).await.unwrap();
        let principal = node.keys.authenticate(&made.secret).await.unwrap();
        assert_eq!(verified.principal, principal);
        assert_eq!(principal.kind, PrincipalKind::ApiKey);
        assert_eq!(
            (principal.id, principal.subject.as_str()),
            (made.key.id.0, "desk")
        );
        assert_eq!(
            (principal.tenant, principal.role),
            (Some(town.id), Some(Role::Agent))
        );
        assert_eq!(verified.rate_per_min, Some(600));
        let other = node.deaf().await;
        other.keys.verify(&made.secret).await.unwrap();
        let elsewhere = node.tenant("elsewhere").await;
        let revoke = |tenant| node.keys.revoke(&node.session, tenant, made.key.id);
        assert!(!revoke(Some(elsewhere.id)).await.unwrap());
        assert!(!revoke(None).await.unwrap());
        assert!(revoke(Some(town.id)).await.unwrap());
        assert!(!revoke(Some(town.id)).await.unwrap());
        let refused = node.keys.verify(&made.secret).await;
        assert!(
            matches!(refused, Err(Error::KeyRevoked { .. })),
            "at once here"
        );
        let refused = other.keys.verify(&made.secret).await;
        assert!(
            matches!(refused, Err(Error::KeyRevoked { .. })),
            "at once where nothing is kept"
        );
    })
    .await;
}

#[tokio::test]
async fn all_reasons_to_refuse_look_the_same_to_the_client() {
    on_both(async |node| {
        let mut town = node.tenant("town").await;
        let mut new = agent_of(town.id);
        let good = node.keys.create(&node.session, new.clone()).await.unwrap();
        new.expires_at = Some(node.clock.now() + Duration::from_secs(10));
        let short = node.keys.create(&node.session, new).await.unwrap();
        node.keys.verify(&short.secret).await.unwrap();
        node.clock.advance(Duration::from_secs(10));
        let other_home = node.other().await;
        town.status = TenantStatus::Suspended;
        let mut errors = vec![
            node.keys.verify("brisk_").await.unwrap_err(),
            node.keys.verify(&short.secret).await.unwrap_err(),
        ];
        node.tenants().update(town, &node.clock).await.unwrap();
        errors.push(other_home.keys.verify(&good.secret).await.unwrap_err());
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        for (error, word) in errors.iter().zip(["mistake", "expired", "suspended"]) {
            assert_eq!(
                (error.class(), error.code()),
                (Class::Unauthenticated, "unauthenticated")
            );
            assert_eq!(error.detail(), "the API key is not valid");
            assert!(error.to_string().contains(word), "{texts:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn warm_keys_known_or_not_cost_no_statement() {
    on_both(async |node| {
        let town = node.tenant("town").await;
        let made = node
            .keys
            .create(&node.session, agent_of(town.id))
            .await
            .unwrap();
        node.keys.verify(&made.secret).await.unwrap();
        let verified = node.keys.clone();
        // A key with a right checksum that this database never had.
        let file = brisk_testkit::files::SqliteFile::new().unwrap();
        let strange = Node::new_at(file.url()).await;
        let platform = NewKey {
            tenant: None,
            name: "root".to_owned(),
            role: Role::PlatformAdmin,
            rate_per_min: None,
            expires_at: None,
        };
        let foreign = strange
            .keys
            .create(&strange.session, platform)
            .await
            .unwrap();
        // Noting the uses is a write of its own, which ends what is remembered.
        node.keys.close().await;
        node.keys.verify(&made.secret).await.unwrap();
        let unknown = node.keys.verify(&foreign.secret).await;
        assert!(matches!(unknown, Err(Error::KeyUnknown)));
        node.db.close().await;
        verified.verify(&made.secret).await.unwrap();
        let unknown = node.keys.verify(&foreign.secret).await;
        assert!(
            matches!(unknown, Err(Error::KeyUnknown)),
            "no database was asked"
        );
        node.clock.advance(Duration::from_secs(1));
        // Nor is one from here on, once nobody tells of changes any more.
        let stream = node.db.changes();
        while stream.is_trusted() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let blind = node.keys.verify(&made.secret).await;
        assert!(matches!(blind, Err(Error::Cache(_))));
    })
    .await;
}

#[tokio::test]
async fn uses_are_noted_behind_the_request_once_a_minute() {
    on_both(async |node| {
        let town = node.tenant("town").await;
        let made = node
            .keys
            .create(&node.session, agent_of(town.id))
            .await
            .unwrap();
        assert_eq!(used(&node, town.id).await, None);
        let other = node.other().await;
        let begin = node.clock.now();
        other.keys.verify(&made.secret).await.unwrap();
        other.keys.close().await;
        assert_eq!(used(&node, town.id).await, Some(begin));
        node.clock.advance(Duration::from_secs(59));
        node.keys.verify(&made.secret).await.unwrap();
        node.keys.close().await;
        assert_eq!(used(&node, town.id).await, Some(begin));
        let third = node.other().await;
        node.clock.advance(Duration::from_secs(1));
        third.keys.verify(&made.secret).await.unwrap();
        third.keys.close().await;
        assert_eq!(used(&node, town.id).await, Some(node.clock.now()));
    })
    .await;
}

#[tokio::test]
async fn a_key_of_the_platform_has_no_tenant_and_no_other_key_is_without() {
    on_both(async |node| {
        let town = node.tenant("town").await;
        let mut new = agent_of(town.id);
        new.role = Role::PlatformAdmin;
        let wrong = node.keys.create(&node.session, new.clone()).await;
        assert!(matches!(
            wrong,
            Err(Error::Invalid {
                field: "tenant",
                ..
            })
        ));
        new.tenant = None;
        let made = node.keys.create(&node.session, new.clone()).await.unwrap();
        new.role = Role::Admin;
        assert!(node.keys.create(&node.session, new).await.is_err());
        let page = node
            .keys
            .page(&node.session, None, first(), 10)
            .await
            .unwrap();
        assert_eq!(page, std::slice::from_ref(&made.key));
        let of_town = node.keys.page(&node.session, Some(town.id), first(), 10);
        assert!(of_town.await.unwrap().is_empty());
        assert!(
            node.keys
                .revoke(&node.session, None, made.key.id)
                .await
                .unwrap()
        );
    })
    .await;
}
