use std::sync::Arc;
use std::time::Duration;

use brisk_auth::{AuthConfig, Error, MasterKey, Refusal, Tokens};
use brisk_testkit::servers::Postgres;
use serde_json::Value;
use tokio::time::timeout;

use crate::forge::{STORED, Stored};
use crate::harness::{Node, on_both};
use crate::tokens::{new_token, refusal, start, start_with};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn stored(node: &Node) -> Vec<Stored> {
    node.session.run(&STORED, ()).await.unwrap()
}

async fn states(node: &Node) -> Vec<String> {
    stored(node).await.into_iter().map(|s| s.state).collect()
}

fn published(tokens: &Tokens) -> Vec<String> {
    let document: Value = serde_json::from_slice(&tokens.jwks().bytes).unwrap();
    let keys = document["keys"].as_array().unwrap();
    for key in keys {
        let mut members: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }
    let name = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_agree_on_one_key() {
    on_both(async |node| {
        let others = [node.other().await, node.deaf().await];
        let (first, second, third) =
            tokio::join!(start(&node), start(&others[0]), start(&others[1]));
        assert_eq!(states(&node).await, ["active"]);
        let raw = first.issue(new_token(&node)).unwrap().text;
        for tokens in [&first, &second, &third] {
            assert_eq!(refusal(tokens, &raw).await, None);
            assert_eq!(tokens.jwks().bytes, first.jwks().bytes);
            assert_eq!(tokens.jwks().etag, first.jwks().etag);
        }
        for other in others {
            other.db.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn another_master_key_is_a_clear_error_at_the_start() {
    on_both(async |node| {
        start(&node).await;
        let other = MasterKey::from_setting(&"x".repeat(32)).unwrap();
        let clock = node.clock.clone();
        let config = AuthConfig::default();
        let wrong = Tokens::start(&node.db, clock, &other, &config).await;
        let Err(error @ Error::WrongMasterKey { .. }) = wrong else {
            panic!("{wrong:?}")
        };
        assert!(error.to_string().contains("not the master key"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn warm_keys_cost_no_statement() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let raw = tokens.issue(new_token(&node)).unwrap().text;
        assert_eq!(refusal(&tokens, &raw).await, None);
        node.db.close().await;
        assert_eq!(refusal(&tokens, &raw).await, None, "no database was asked");
        assert_eq!(published(&tokens).len(), 1);
        tokens.issue(new_token(&node)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_key_is_published_signs_retires_and_is_erased() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let first = published(&tokens);
        let early = tokens.issue(new_token(&node)).unwrap().text;
        // A day before the end of its 90 the next key is published, and not before.
        node.clock.advance(88 * DAY + 23 * HOUR);
        assert!(!tokens.maintain().await.unwrap().made);
        node.clock.advance(HOUR);
        assert!(tokens.maintain().await.unwrap().made);
        assert!(!tokens.maintain().await.unwrap().made);
        assert_eq!(states(&node).await, ["active", "pending"]);
        let both = published(&tokens);
        assert_eq!(both.len(), 2);
        let old = tokens.issue(new_token(&node)).unwrap().text;
        let again = tokens.rotate(&node.session, false).await.unwrap();
        assert!(!again.made && again.kid == both[1]);
        node.clock.advance(DAY);
        let late = tokens.issue(new_token(&node)).unwrap().text;
        assert!(tokens.maintain().await.unwrap().activated);
        assert_eq!(states(&node).await, ["retiring", "active"]);
        let new = tokens.issue(new_token(&node)).unwrap().text;
        assert_eq!(refusal(&tokens, &late).await, None);
        assert_eq!(refusal(&tokens, &new).await, None);
        assert_eq!(refusal(&tokens, &early).await, Some(Refusal::Expired));
        assert_eq!(refusal(&tokens, &old).await, Some(Refusal::Expired));
        assert_ne!(late.split('.').next(), new.split('.').next());
        node.clock.advance(HOUR + Duration::from_secs(929));
        assert_eq!(tokens.maintain().await.unwrap().retired, 0);
        node.clock.advance(Duration::from_secs(1));
        assert_eq!(tokens.maintain().await.unwrap().retired, 1);
        assert_eq!(published(&tokens), [both[1].clone()]);
        let rows = stored(&node).await;
        assert_eq!(rows[0].kid, first[0]);
        assert_eq!(
            (rows[0].state.as_str(), &rows[0].private_enc),
            ("retired", &None)
        );
        assert_eq!(refusal(&tokens, &late).await, Some(Refusal::UnknownKey));
        node.clock.advance(366 * DAY);
        assert_eq!(tokens.maintain().await.unwrap().purged, 1);
    })
    .await;
}

#[tokio::test]
async fn an_emergency_ends_every_earlier_token_at_once() {
    on_both(async |node| {
        let tokens = start(&node).await;
        tokens.rotate(&node.session, false).await.unwrap();
        let before = tokens.issue(new_token(&node)).unwrap().text;
        assert_eq!(refusal(&tokens, &before).await, None);
        let rotated = tokens.rotate(&node.session, true).await.unwrap();
        assert_eq!(published(&tokens), [rotated.kid]);
        assert_eq!(refusal(&tokens, &before).await, Some(Refusal::UnknownKey));
        let after = tokens.issue(new_token(&node)).unwrap().text;
        assert_eq!(refusal(&tokens, &after).await, None);
        let mut words = states(&node).await;
        words.sort();
        assert_eq!(words, ["active", "retired", "retired"]);
        let two = tokio::join!(
            tokens.rotate(&node.session, true),
            tokens.rotate(&node.session, true)
        );
        assert!(two.0.is_ok() && two.1.is_ok(), "{two:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_verification_fails_while_keys_rotate_on_another_node() {
    let database = Postgres::shared().database().unwrap();
    let node = Node::new_at(database.url()).await;
    let other = node.other().await;
    let config = AuthConfig {
        key_lead: Duration::ZERO,
        ..AuthConfig::default()
    };
    let here = start_with(&node, &config).await;
    let there = start_with(&other, &config).await;
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let (issuer, verifier) = (here.clone(), there.clone());
    let new = new_token(&node);
    let load = tokio::spawn(async move {
        let mut count = 0_u32;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let mut new = new.clone();
            new.ttl = Some(HOUR);
            let raw = issuer.issue(new).unwrap().text;
            assert_eq!(refusal(&verifier, &raw).await, None, "after {count}");
            count += 1;
            tokio::task::yield_now().await;
        }
        count
    });
    for _ in 0..4 {
        let rotated = here.rotate(&node.session, false).await.unwrap();
        // What the lead is for: the other node knows the key before it signs.
        let known = async {
            while !published(&there).contains(&rotated.kid) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(10), known).await.unwrap();
        assert!(here.maintain().await.unwrap().activated);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(load.await.unwrap() > 100);
    // And what an emergency dropped is dropped there within the stream's delay.
    let raw = there.issue(new_token(&node)).unwrap().text;
    assert_eq!(refusal(&there, &raw).await, None);
    here.rotate(&node.session, true).await.unwrap();
    let gone = async {
        while refusal(&there, &raw).await.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let new = here.issue(new_token(&node)).unwrap().text;
    assert_eq!(refusal(&there, &new).await, None, "it looks again");
    timeout(Duration::from_secs(5), gone).await.unwrap();
    other.db.close().await;
}
