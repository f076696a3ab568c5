//! Tokens of other issuers, and the fetching of their keys.

use std::time::{Duration, Instant};

use brisk_auth::{
    AuthConfig, Discovery, Error, ForeignClaims, IssuerConfig, Refusal, TenantMap, Tokens, Verified,
};
use brisk_core::{Class, Failure as _};
use brisk_testkit::files::SqliteFile;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::Node;
use crate::provider::{Answer, Provider, Signer};
use crate::tokens::{ISSUER, refusal, start_with};

fn issuer_of(provider: &Provider) -> IssuerConfig {
    IssuerConfig {
        issuer: format!("{}/", provider.base),
        jwks_uri: Some(format!("{}/keys", provider.base)),
        audiences: vec!["api".to_owned()],
        algorithms: vec!["ES256".to_owned(), "RS256".to_owned()],
        tenant_map: TenantMap {
            fixed: Some("main".to_owned()),
            ..TenantMap::default()
        },
        ..IssuerConfig::default()
    }
}

pub(crate) fn trusted_issuer(provider: &Provider) -> AuthConfig {
    AuthConfig {
        issuers: vec![issuer_of(provider)],
        ..AuthConfig::default()
    }
}

/// A node with the file that it is on.
struct Home {
    node: Node,
    _file: SqliteFile,
}

impl std::ops::Deref for Home {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

async fn node() -> Home {
    let file = SqliteFile::new().unwrap();
    let node = Node::new_at(file.url()).await;
    Home { node, _file: file }
}

async fn trusting(node: &Node, issuers: Vec<IssuerConfig>) -> Tokens {
    let config = AuthConfig {
        issuers,
        ..AuthConfig::default()
    };
    start_with(node, &config).await
}

/// A provider with one key, and a node that takes its tokens.
async fn world() -> (Provider, Signer, Home, Tokens) {
    let (provider, signer) = (Provider::start().await, Signer::ec("a"));
    provider.keys(&[&signer]);
    let node = node().await;
    let tokens = trusting(&node, vec![issuer_of(&provider)]).await;
    (provider, signer, node, tokens)
}

pub(crate) fn claims(provider: &Provider, node: &Node) -> Value {
    let now = node.clock.now().as_second();
    json!({"iss": format!("{}/", provider.base), "sub": "auth0|7", "aud": ["api", "x"], "exp": now + 200_000, "iat": now})
}

/// A token like the others that nobody has presented yet.
fn next(provider: &Provider, node: &Node, n: usize) -> Value {
    let mut claims = claims(provider, node);
    claims["jti"] = json!(n);
    claims
}

fn foreign(verified: &Verified) -> &ForeignClaims {
    match verified {
        Verified::Foreign(claims) => claims,
        Verified::Own(_) => panic!("not ours"),
    }
}

#[tokio::test]
async fn a_token_of_a_known_issuer_is_taken() {
    let (provider, signer, node, tokens) = world().await;
    let rsa = Signer::rsa("b");
    provider.keys(&[&signer, &rsa]);
    for key in [&signer, &rsa] {
        let raw = key.sign(&claims(&provider, &node));
        let verified = tokens.verify(&raw).await.unwrap();
        let found = foreign(&verified);
        assert_eq!(found.subject, "auth0|7");
        assert_eq!(found.user_id.get_version_num(), 5);
        assert_eq!(found.tenant.as_ref().unwrap().slug, "main");
        assert_eq!(refusal(&tokens, &raw).await, None);
    }
    assert_eq!((provider.fetches(), tokens.stats().verifications), (1, 2));
}

#[tokio::test]
async fn bad_tokens_of_a_known_issuer_are_refused_without_a_fetch_too_many() {
    let (provider, signer, node, tokens) = world().await;
    let good = claims(&provider, &node);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signer.sign(&claims)
    };
    let head = |name: &str, value: Value| {
        let mut header = signer.header();
        header[name] = value;
        signer.sign_as(&header, &good)
    };
    // What is refused before any key is asked for.
    for (raw, why) in [
        (with("iss", json!("https://evil.example")), Refusal::Issuer),
        (with("iss", json!(provider.base)), Refusal::Issuer),
        (
            with("iss", json!([format!("{}/", provider.base)])),
            Refusal::Issuer,
        ),
        (with("iss", json!(ISSUER)), Refusal::Type),
        (head("alg", json!("none")), Refusal::Algorithm),
        (head("alg", json!("HS256")), Refusal::Algorithm),
        (head("alg", json!("ES384")), Refusal::Algorithm),
        (head("typ", json!("logout+jwt")), Refusal::Type),
        (head("crit", json!(["b64"])), Refusal::Critical),
    ] {
        assert_eq!(refusal(&tokens, &raw).await, Some(why));
    }
    assert_eq!(provider.fetches(), 0);
    let now = node.clock.now().as_second();
    for (raw, why) in [
        (head("alg", json!("RS256")), Refusal::Algorithm),
        (with("aud", json!("other")), Refusal::Audience),
        (with("exp", json!(now - 30)), Refusal::Expired),
        (with("exp", json!("1")), Refusal::Claim("exp")),
        (with("nbf", json!(now + 31)), Refusal::NotYet),
        (Signer::ec("a").sign(&good), Refusal::Signature),
    ] {
        assert_eq!(refusal(&tokens, &raw).await, Some(why));
    }
    assert_eq!(provider.fetches(), 1);
    // Addresses and keys in the header are neither used nor fetched.
    let mut header = Signer::ec("a").header();
    header["jku"] = json!(format!("{}/evil", provider.base));
    let evil = Signer::ec("a");
    header["jwk"] = evil.jwk.clone();
    let raw = evil.sign_as(&header, &good);
    assert_eq!(refusal(&tokens, &raw).await, Some(Refusal::Signature));
    assert_eq!(provider.asked("/evil"), 0);
    let fraction = with("exp", json!(f64::from(u32::MAX) + 0.5));
    assert_eq!(refusal(&tokens, &fraction).await, None, "a legal date");
}

#[tokio::test]
async fn the_keys_of_one_issuer_are_never_tried_for_another() {
    let (first, a) = (Provider::start().await, Signer::ec("k"));
    let (second, b) = (Provider::start().await, Signer::ec("k"));
    first.keys(&[&a]);
    second.keys(&[&b]);
    let node = node().await;
    let tokens = trusting(&node, vec![issuer_of(&first), issuer_of(&second)]).await;
    let of_first = a.sign(&claims(&first, &node));
    assert_eq!(refusal(&tokens, &of_first).await, None);
    assert_eq!(
        refusal(&tokens, &b.sign(&claims(&second, &node))).await,
        None
    );
    // Signed by the one, and says that it is the other's; also with a name that only the one has.
    let crossed = a.sign(&claims(&second, &node));
    assert_eq!(refusal(&tokens, &crossed).await, Some(Refusal::Signature));
    let only = Signer::ec("only");
    first.keys(&[&a, &only]);
    let crossed = only.sign(&claims(&second, &node));
    assert_eq!(refusal(&tokens, &crossed).await, Some(Refusal::UnknownKey));
    // Nor ours for theirs, nor theirs for ours.
    let mut ours = claims(&first, &node);
    ours["iss"] = json!(ISSUER);
    let mut header = a.header();
    header["typ"] = json!("at+jwt");
    let raw = a.sign_as(&header, &ours);
    assert_eq!(refusal(&tokens, &raw).await, Some(Refusal::UnknownKey));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_set_under_500_callers_is_one_fetch() {
    let (provider, signer, node, tokens) = world().await;
    let keys = Answer::Json(json!({"keys": [signer.jwk]}), None);
    let slow = Answer::Slow(Duration::from_millis(200), Box::new(keys));
    provider.answer("/keys", slow);
    let crowd = (0..500).map(|n| {
        let (tokens, raw) = (tokens.clone(), signer.sign(&next(&provider, &node, n)));
        tokio::spawn(async move { tokens.verify(&raw).await.map(|_| ()) })
    });
    for done in join_all(crowd).await {
        done.unwrap().unwrap();
    }
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_unknown_key_ids_are_one_fetch() {
    let (provider, signer, node, tokens) = world().await;
    let good = signer.sign(&claims(&provider, &node));
    assert_eq!(refusal(&tokens, &good).await, None);
    assert_eq!(provider.fetches(), 1);
    let crowd = (0..1_000).map(|n| {
        let raw = Signer::ec_named(&signer, &format!("x{n}")).sign(&claims(&provider, &node));
        let tokens = tokens.clone();
        tokio::spawn(async move { refusal(&tokens, &raw).await })
    });
    for done in join_all(crowd).await {
        assert_eq!(done.unwrap(), Some(Refusal::UnknownKey));
    }
    assert_eq!(provider.fetches(), 2, "the first and the forced one");
    // Nor after the cool-down for a name that was looked for in vain.
    node.clock.advance(Duration::from_secs(29));
    let late = Signer::ec_named(&signer, "y");
    provider.keys(&[&signer, &late]);
    let raw = late.sign(&claims(&provider, &node));
    assert_eq!(
        refusal(&tokens, &raw).await,
        Some(Refusal::UnknownKey),
        "cool-down"
    );
    node.clock.advance(Duration::from_secs(2));
    assert_eq!(refusal(&tokens, &raw).await, None, "rotated, and found");
    assert_eq!(provider.fetches(), 3);
    node.clock.advance(Duration::from_secs(31));
    let known = Signer::ec_named(&signer, "z");
    let raw = known.sign(&claims(&provider, &node));
    for n in [4, 4] {
        assert_eq!(refusal(&tokens, &raw).await, Some(Refusal::UnknownKey));
        assert_eq!(provider.fetches(), n);
        node.clock.advance(Duration::from_secs(31));
    }
}

#[tokio::test]
async fn a_token_without_a_key_id_fits_an_only_key() {
    let (provider, signer, node, tokens) = world().await;
    let mut header = signer.header();
    header.as_object_mut().unwrap().remove("kid");
    let raw = signer.sign_as(&header, &claims(&provider, &node));
    assert_eq!(refusal(&tokens, &raw).await, None);
    provider.keys(&[&signer, &Signer::ec("b")]);
    node.clock.advance(Duration::from_mins(50));
    assert_eq!(refusal(&tokens, &raw).await, None);
    let other = signer.sign_as(&header, &next(&provider, &node, 1));
    assert_eq!(
        refusal(&tokens, &other).await,
        None,
        "and a refresh behind it"
    );
    provider.until_fetched(2).await;
    let third = signer.sign_as(&header, &next(&provider, &node, 2));
    assert_eq!(refusal(&tokens, &third).await, Some(Refusal::NoKeyId));
}

#[tokio::test]
async fn a_set_is_refreshed_behind_the_requests_and_conditionally() {
    let (provider, signer, node, tokens) = world().await;
    let keys = json!({"keys": [signer.jwk]});
    let tagged = Answer::Json(
        keys,
        Some("etag: \"v1\"\r\ncache-control: public, max-age=600\r\n"),
    );
    provider.answer("/keys", tagged.clone());
    let verify = async |n| refusal(&tokens, &signer.sign(&next(&provider, &node, n))).await;
    assert_eq!(verify(1).await, None);
    node.clock.advance(Duration::from_secs(479));
    assert_eq!(verify(2).await, None);
    assert_eq!(provider.fetches(), 1);
    node.clock.advance(Duration::from_secs(2));
    provider.answer(
        "/keys",
        Answer::Slow(Duration::from_secs(1), Box::new(tagged)),
    );
    let began = Instant::now();
    assert_eq!(verify(3).await, None);
    assert!(began.elapsed() < Duration::from_millis(500), "nobody waits");
    provider.until_fetched(2).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(provider.not_modified(), 1);
    node.clock.advance(Duration::from_secs(479));
    assert_eq!(verify(4).await, None);
    assert_eq!(provider.fetches(), 2, "unchanged is as good as new");
}

#[tokio::test]
async fn a_removed_key_takes_along_what_it_signed() {
    let (provider, signer, node, tokens) = world().await;
    let other = Signer::ec("b");
    provider.keys(&[&signer, &other]);
    let (one, two) = (
        signer.sign(&claims(&provider, &node)),
        other.sign(&claims(&provider, &node)),
    );
    assert_eq!(refusal(&tokens, &one).await, None);
    assert_eq!(refusal(&tokens, &two).await, None);
    provider.keys(&[&other]);
    node.clock.advance(Duration::from_mins(50));
    // A remembered token is reason enough to look for what changed.
    assert_eq!(refusal(&tokens, &two).await, None);
    provider.until_fetched(2).await;
    let verified = tokens.stats().verifications;
    assert_eq!(refusal(&tokens, &two).await, None);
    assert_eq!(tokens.stats().verifications, verified, "still remembered");
    assert_eq!(refusal(&tokens, &one).await, Some(Refusal::UnknownKey));
}

#[tokio::test]
async fn a_provider_that_is_away_from_the_start_is_503_and_is_not_asked_again_and_again() {
    for broken in [
        Answer::Status(500),
        Answer::Status(404),
        Answer::Raw("<html>sign in</html>".to_owned()),
        Answer::Raw("{}".to_owned()),
        Answer::Json(json!({"keys": vec![json!({}); 101]}), None),
        Answer::Raw(format!(
            "{{\"keys\":[],\"x\":\"{}\"}}",
            "x".repeat(512 * 1024)
        )),
        Answer::To("http://localhost:1/keys".to_owned()),
    ] {
        let (provider, signer, node, tokens) = world().await;
        provider.answer("/keys", broken.clone());
        let raw = signer.sign(&claims(&provider, &node));
        for _ in 0..10 {
            let error = tokens.verify(&raw).await.unwrap_err();
            let Error::IssuerUnavailable { .. } = &error else {
                panic!("{error:?} at {broken:?}")
            };
            assert_eq!(
                (error.class(), error.code()),
                (Class::Unavailable, "issuer-unavailable")
            );
            assert!(error.retry_after().is_some());
        }
        assert_eq!(provider.fetches(), 1, "{broken:?}");
        provider.keys(&[&signer]);
        node.clock.advance(Duration::from_secs(2));
        assert_eq!(refusal(&tokens, &raw).await, None, "after {broken:?}");
    }
}

#[tokio::test]
async fn a_slow_provider_holds_nobody_up_for_long() {
    let (provider, signer, node, tokens) = world().await;
    let keys = Answer::Json(json!({"keys": [signer.jwk]}), None);
    provider.answer(
        "/keys",
        Answer::Slow(Duration::from_mins(1), Box::new(keys)),
    );
    let began = Instant::now();
    let error = tokens.verify(&signer.sign(&claims(&provider, &node))).await;
    assert!(
        matches!(error, Err(Error::IssuerUnavailable { .. })),
        "{error:?}"
    );
    let took = began.elapsed();
    assert!(
        took > Duration::from_secs(4) && took < Duration::from_secs(7),
        "{took:?}"
    );
}

#[tokio::test]
async fn keys_serve_for_a_day_while_their_issuer_is_away() {
    let (provider, signer, node, tokens) = world().await;
    let verify = async |n| {
        tokens
            .verify(&signer.sign(&next(&provider, &node, n)))
            .await
    };
    verify(1).await.unwrap();
    provider.answer("/keys", Answer::Status(500));
    node.clock.advance(Duration::from_hours(2));
    for n in 2..20 {
        verify(n).await.unwrap();
    }
    provider.until_fetched(2).await;
    verify(20).await.unwrap();
    assert_eq!(provider.fetches(), 2, "no fetch while it pauses");
    // An unknown name is no reason to ask meanwhile either.
    let unknown = Signer::ec_named(&signer, "x").sign(&claims(&provider, &node));
    assert_eq!(refusal(&tokens, &unknown).await, Some(Refusal::UnknownKey));
    assert_eq!(provider.fetches(), 2);
    node.clock
        .advance(Duration::from_hours(22) + Duration::from_mins(59));
    verify(21).await.unwrap();
    provider.until_fetched(3).await;
    node.clock.advance(Duration::from_mins(2));
    let late = verify(22).await;
    assert!(
        matches!(late, Err(Error::IssuerUnavailable { .. })),
        "{late:?}"
    );
    provider.keys(&[&signer]);
    node.clock.advance(Duration::from_mins(2));
    verify(23).await.unwrap();
}

#[tokio::test]
async fn the_place_of_the_keys_is_discovered_and_must_be_the_issuers_own() {
    let (provider, signer, node, _) = world().await;
    let at = "/.well-known/openid-configuration";
    let issuer = format!("{}/", provider.base);
    let uri = format!("{}/keys", provider.base);
    let mut config = issuer_of(&provider);
    config.jwks_uri = None;
    config.discovery = Discovery::Usual(true);
    provider.answer(
        at,
        Answer::Json(json!({"issuer": "https://evil", "jwks_uri": uri}), None),
    );
    let tokens = trusting(&node, vec![config]).await;
    let raw = signer.sign(&claims(&provider, &node));
    assert!(tokens.verify(&raw).await.is_err());
    assert_eq!((provider.asked(at), provider.fetches()), (1, 0));
    node.clock.advance(Duration::from_secs(2));
    let plain = json!({"issuer": issuer, "jwks_uri": "http://keys.example/keys"});
    provider.answer(at, Answer::Json(plain, None));
    assert!(tokens.verify(&raw).await.is_err());
    node.clock.advance(Duration::from_secs(4));
    provider.answer(
        at,
        Answer::Json(json!({"issuer": issuer, "jwks_uri": uri}), None),
    );
    assert_eq!(refusal(&tokens, &raw).await, None);
    assert_eq!((provider.asked(at), provider.fetches()), (3, 1));
}

#[tokio::test]
async fn a_redirect_at_home_is_followed_and_no_other() {
    let (provider, signer, node, tokens) = world().await;
    let elsewhere = Provider::start().await;
    elsewhere.keys(&[&signer]);
    provider.answer("/keys", Answer::To(format!("{}/keys", elsewhere.base)));
    let raw = signer.sign(&claims(&provider, &node));
    assert!(tokens.verify(&raw).await.is_err());
    assert_eq!(elsewhere.fetches(), 0);
    node.clock.advance(Duration::from_secs(2));
    provider.answer("/keys", Answer::To(format!("{}/moved", provider.base)));
    provider.answer("/moved", Answer::Json(json!({"keys": [signer.jwk]}), None));
    assert_eq!(refusal(&tokens, &raw).await, None);
}

#[tokio::test]
async fn keys_that_are_left_out_verify_nothing() {
    let (provider, signer, node, tokens) = world().await;
    let raw = signer.sign(&claims(&provider, &node));
    let with = |name: &str, value: Value| {
        let mut jwk = signer.jwk.clone();
        jwk[name] = value;
        jwk
    };
    for keys in [
        json!([signer.jwk, Signer::ec("a").jwk]),
        json!([with("use", json!("enc"))]),
        json!([with("key_ops", json!(["sign"]))]),
        json!([with("alg", json!("ES384"))]),
        json!([with("crv", json!("P-384"))]),
        json!([{"kty": "oct", "k": "AAAA", "kid": "a", "alg": "ES256"}]),
        json!([]),
    ] {
        provider.answer("/keys", Answer::Json(json!({ "keys": keys }), None));
        let reason = refusal(&tokens, &raw).await;
        assert_eq!(reason, Some(Refusal::UnknownKey), "{keys}");
        // Past the cool-down, and past what is known of the name.
        node.clock.advance(Duration::from_mins(6));
    }
    provider.keys(&[&signer]);
    assert_eq!(refusal(&tokens, &raw).await, None);
}
