use std::sync::Arc;
use std::time::Duration;

use brisk_auth::{AuthConfig, Claims, Error, NewToken, Refusal, Tokens, Verified};
use brisk_core::{Class, Failure as _, TenantId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::forge::{Forge, encode, master};
use crate::harness::{Node, on_both};

pub(crate) const ISSUER: &str = "http://localhost:8080";

pub(crate) async fn start(node: &Node) -> Tokens {
    start_with(node, &AuthConfig::default()).await
}

pub(crate) async fn start_with(node: &Node, config: &AuthConfig) -> Tokens {
    let (clock, master) = (node.clock.clone(), master());
    let started = Tokens::start(&node.db, clock, &master, config);
    started.await.unwrap()
}

pub(crate) fn new_token(node: &Node) -> NewToken {
    NewToken {
        subject: Uuid::from_u128(7),
        tenant: TenantId(3),
        session: Some(Uuid::from_u128(8)),
        client: "web".to_owned(),
        epoch: 4,
        auth_time: node.clock.now(),
        amr: vec!["pwd".to_owned()],
        scope: Some("a b".to_owned()),
        permissions: Vec::new(),
        ttl: None,
    }
}

pub(crate) fn claims(node: &Node) -> Value {
    let now = node.clock.now().as_second();
    json!({
        "iss": ISSUER, "sub": Uuid::from_u128(7), "aud": "brisk", "exp": now + 900, "iat": now, "nbf": now,
        "jti": Uuid::from_u128(9), "client_id": "web", "sid": Uuid::from_u128(8), "tenant_id": 3, "ver": 4,
        "auth_time": now, "amr": ["pwd"],
    })
}

fn own(verified: &Verified) -> &Claims {
    match verified {
        Verified::Own(claims) => claims,
        Verified::Foreign(_) => panic!("not ours"),
    }
}

pub(crate) async fn refusal(tokens: &Tokens, raw: &str) -> Option<Refusal> {
    match tokens.verify(raw).await {
        Ok(_) => None,
        Err(error) => {
            assert_eq!(
                (error.class(), error.code()),
                (Class::Unauthenticated, "invalid-token"),
                "{error:?}"
            );
            assert_eq!(error.detail(), "the access token is not valid");
            match error {
                Error::TokenRefused { reason, token } => {
                    assert_eq!(token.len(), 8);
                    Some(reason)
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_issued_is_verified_and_says_the_same() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let new = new_token(&node);
        let issued = tokens.issue(new.clone()).unwrap();
        assert!(issued.text.len() < 1024, "{}", issued.text.len());
        assert!(!format!("{issued:?}").contains(&issued.text));
        let verified = tokens.verify(&issued.text).await.unwrap();
        let found = own(&verified);
        assert_eq!((found.subject, found.tenant), (new.subject, new.tenant));
        assert_eq!((found.session, found.epoch), (new.session, new.epoch));
        assert_eq!((&found.client, &found.amr), (&new.client, &new.amr));
        assert_eq!((&found.scope, &found.permissions), (&new.scope, &vec![]));
        assert_eq!(
            (found.jti, found.expires_at),
            (issued.jti, issued.expires_at)
        );
        assert_eq!(found.expires_at, node.clock.now() + Duration::from_mins(15));
        let machine = NewToken {
            session: None,
            scope: None,
            permissions: vec!["a:b".to_owned()],
            ttl: Some(Duration::from_mins(1)),
            ..new.clone()
        };
        let issued = tokens.issue(machine).unwrap();
        let verified = tokens.verify(&issued.text).await.unwrap();
        assert_eq!(own(&verified).session, None);
        assert_eq!(own(&verified).permissions, ["a:b"]);
        assert_eq!(issued.expires_at, node.clock.now() + Duration::from_mins(1));
        let many = NewToken {
            permissions: vec!["a:b".to_owned(); 65],
            ..new
        };
        assert!(matches!(tokens.issue(many), Err(Error::Invalid { .. })));
    })
    .await;
}

#[tokio::test]
async fn every_bad_token_is_the_same_401() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let forge = Forge::of(&node).await;
        let (header, good) = (forge.header(), claims(&node));
        let now = node.clock.now().as_second();
        let text = forge.sign(&header, &good);
        assert_eq!(refusal(&tokens, &text).await, None);
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            forge.sign(&header, &claims)
        };
        let head = |name: &str, value: Value| {
            let mut header = header.clone();
            header[name] = value;
            forge.sign(&header, &good)
        };
        let signature = text.rsplit('.').next().unwrap();
        let unsigned = |alg: &str| {
            let header = encode(&json!({"alg": alg, "kid": forge.kid, "typ": "at+jwt"}));
            format!("{header}.{}.{signature}", encode(&good))
        };
        for none in ["none", "None", "NONE", "nOnE"] {
            assert_eq!(
                refusal(&tokens, &unsigned(none)).await,
                Some(Refusal::Algorithm)
            );
            let bare = unsigned(none);
            let bare = &bare[..=bare.rfind('.').unwrap()];
            assert_eq!(refusal(&tokens, bare).await, Some(Refusal::Parts));
        }
        // Signed with the public key as a shared secret.
        let public = tokens.jwks();
        for alg in ["HS256", "HS384", "HS512"] {
            let header = encode(&json!({"alg": alg, "kid": forge.kid, "typ": "at+jwt"}));
            let message = format!("{header}.{}", encode(&good));
            let secret = jsonwebtoken::EncodingKey::from_secret(&public.bytes);
            let alg = alg.parse().unwrap();
            let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, alg).unwrap();
            let forged = format!("{message}.{mac}");
            assert_eq!(refusal(&tokens, &forged).await, Some(Refusal::Algorithm));
        }
        let attacks = [
            (
                "another algorithm",
                head("alg", json!("ES384")),
                Refusal::Algorithm,
            ),
            (
                "an unknown key",
                head("kid", json!("x")),
                Refusal::UnknownKey,
            ),
            (
                "a kid that is a number",
                head("kid", json!(1)),
                Refusal::UnknownKey,
            ),
            ("crit", head("crit", json!(["exp"])), Refusal::Critical),
            ("an empty crit", head("crit", json!([])), Refusal::Critical),
            ("typ JWT", head("typ", json!("JWT")), Refusal::Type),
            (
                "no text as typ",
                head("typ", json!(["at+jwt"])),
                Refusal::Type,
            ),
            ("an ID token", head("typ", json!("id+jwt")), Refusal::Type),
            ("no aud", with("aud", Value::Null), Refusal::Audience),
            (
                "another aud",
                with("aud", json!("other")),
                Refusal::Audience,
            ),
            (
                "auds without ours",
                with("aud", json!(["a", "b"])),
                Refusal::Audience,
            ),
            (
                "auds of mixed types",
                with("aud", json!(["brisk", 1])),
                Refusal::Audience,
            ),
            (
                "an object as aud",
                with("aud", json!({"brisk": 1})),
                Refusal::Audience,
            ),
            (
                "another iss",
                with("iss", json!("https://evil")),
                Refusal::Issuer,
            ),
            (
                "our iss and a slash",
                with("iss", json!("http://localhost:8080/")),
                Refusal::Issuer,
            ),
            (
                "a list as iss",
                with("iss", json!([ISSUER])),
                Refusal::Issuer,
            ),
            ("no iss", with("iss", Value::Null), Refusal::Issuer),
            ("expired", with("exp", json!(now - 30)), Refusal::Expired),
            ("exp 0", with("exp", json!(0)), Refusal::Expired),
            (
                "a text as exp",
                with("exp", json!("9999999999")),
                Refusal::Claim("exp"),
            ),
            (
                "a negative exp",
                with("exp", json!(-1)),
                Refusal::Claim("exp"),
            ),
            (
                "a huge exp",
                with("exp", json!(1e300)),
                Refusal::Claim("exp"),
            ),
            (
                "the largest exp",
                with("exp", json!(u64::MAX)),
                Refusal::Claim("exp"),
            ),
            (
                "exp in the year 9000",
                with("exp", json!(221_845_392_000_i64)),
                Refusal::TooLived,
            ),
            (
                "a fraction as exp of ours",
                with("exp", json!(0.5)),
                Refusal::Claim("exp"),
            ),
            (
                "a life of a day and a second",
                with("exp", json!(now + 86_401)),
                Refusal::TooLived,
            ),
            (
                "a future nbf",
                with("nbf", json!(now + 31)),
                Refusal::NotYet,
            ),
            (
                "a text as nbf",
                with("nbf", json!("1")),
                Refusal::Claim("nbf"),
            ),
            (
                "a future iat",
                with("iat", json!(now + 31)),
                Refusal::IssuedLater,
            ),
            (
                "a text as iat",
                with("iat", json!("1")),
                Refusal::Claim("iat"),
            ),
            (
                "a number as sub",
                with("sub", json!(1)),
                Refusal::Claim("sub"),
            ),
            (
                "sub that is no id",
                with("sub", json!("root")),
                Refusal::Claim("sub"),
            ),
            (
                "a number as sid",
                with("sid", json!(1)),
                Refusal::Claim("sid"),
            ),
            (
                "a text as tenant",
                with("tenant_id", json!("3")),
                Refusal::Claim("tenant_id"),
            ),
            (
                "a fraction as tenant",
                with("tenant_id", json!(3.5)),
                Refusal::Claim("tenant_id"),
            ),
            (
                "a text as ver",
                with("ver", json!("4")),
                Refusal::Claim("ver"),
            ),
            (
                "a number as jti",
                with("jti", json!(4)),
                Refusal::Claim("jti"),
            ),
            (
                "a text as amr",
                with("amr", json!("pwd")),
                Refusal::Claim("amr"),
            ),
            (
                "a list as scope",
                with("scope", json!(["a"])),
                Refusal::Claim("scope"),
            ),
            (
                "a text as permissions",
                with("permissions", json!("*:*")),
                Refusal::Claim("permissions"),
            ),
            (
                "an extra part",
                format!("{text}.{signature}"),
                Refusal::Parts,
            ),
            (
                "two parts",
                text.rsplit_once('.').unwrap().0.to_owned(),
                Refusal::Parts,
            ),
            ("padding", format!("{text}="), Refusal::Encoding),
            (
                "a truncated signature",
                text[..text.len() - 1].to_owned(),
                Refusal::Signature,
            ),
            (
                "half a signature",
                text[..text.len() - 43].to_owned(),
                Refusal::Signature,
            ),
            (
                "9 KiB",
                with("x", json!("x".repeat(9 * 1024))),
                Refusal::TooLong,
            ),
            (
                "a refresh token",
                format!("brr_{}", "x".repeat(43)),
                Refusal::Parts,
            ),
            ("nothing", String::new(), Refusal::Parts),
            ("no JSON", format!("{0}.{0}.{0}", "AAAA"), Refusal::Json),
        ];
        for (name, raw, reason) in attacks {
            assert_eq!(refusal(&tokens, &raw).await, Some(reason), "{name}");
        }
        for name in [
            "exp",
            "iat",
            "nbf",
            "sub",
            "sid",
            "tenant_id",
            "jti",
            "ver",
            "aud",
            "iss",
            "amr",
            "client_id",
        ] {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            let raw = forge.sign(&header, &claims);
            assert!(refusal(&tokens, &raw).await.is_some(), "without {name}");
        }
        for name in ["alg", "kid", "typ"] {
            let mut header = header.clone();
            header.as_object_mut().unwrap().remove(name);
            let raw = forge.sign(&header, &good);
            assert!(refusal(&tokens, &raw).await.is_some(), "without {name}");
        }
        for twice in [r#"{"exp":9999999999,"#, r#"{"x":{"a":1,"a":2},"#] {
            let claims = good.to_string().replacen('{', twice, 1);
            let raw = forge.sign_text(&header.to_string(), &claims);
            assert_eq!(
                refusal(&tokens, &raw).await,
                Some(Refusal::Json),
                "{claims}"
            );
        }
        let twice = header.to_string().replacen('{', r#"{"alg":"none","#, 1);
        let raw = forge.sign_text(&twice, &good.to_string());
        assert_eq!(refusal(&tokens, &raw).await, Some(Refusal::Json));
        let mut changed = good.clone();
        changed["tenant_id"] = json!(4);
        let mut parts: Vec<_> = text.split('.').map(str::to_owned).collect();
        parts[1] = encode(&changed);
        assert_eq!(
            refusal(&tokens, &parts.join(".")).await,
            Some(Refusal::Signature)
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_legal_is_taken() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let forge = Forge::of(&node).await;
        let (header, good) = (forge.header(), claims(&node));
        let now = node.clock.now().as_second();
        let mut legal = Vec::new();
        let mut with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            legal.push((name.to_owned(), forge.sign(&header, &claims)));
        };
        with("aud", json!(["other", "brisk"]));
        with("exp", json!(now - 29));
        with("nbf", json!(now + 30));
        with("iat", json!(now + 30));
        with("sid", Value::Null);
        with("unknown", json!({"a": [1]}));
        let mut typ = header.clone();
        typ["typ"] = json!("AT+JWT");
        legal.push(("typ".to_owned(), forge.sign(&typ, &good)));
        // A key or an address in the header is neither used nor fetched.
        let mut odd = header.clone();
        odd["jku"] = json!("http://127.0.0.1:1/keys");
        odd["x5u"] = json!("http://127.0.0.1:1/cert");
        odd["jwk"] = json!({"kty": "oct", "k": "AAAA"});
        odd["x5c"] = json!(["AAAA"]);
        legal.push(("jku".to_owned(), forge.sign(&odd, &good)));
        for (name, raw) in legal {
            assert_eq!(refusal(&tokens, &raw).await, None, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_counts_until_its_end_and_the_skew() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let issued = tokens.issue(new_token(&node)).unwrap();
        node.clock.advance(Duration::from_secs(929));
        assert_eq!(refusal(&tokens, &issued.text).await, None);
        node.clock.advance(Duration::from_secs(1));
        assert_eq!(refusal(&tokens, &issued.text).await, Some(Refusal::Expired));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_first_uses_of_a_token_are_one_verification() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let raw = Arc::new(tokens.issue(new_token(&node)).unwrap().text);
        let crowd = (0..1_000).map(|_| {
            let (tokens, raw) = (tokens.clone(), Arc::clone(&raw));
            tokio::spawn(async move { tokens.verify(&raw).await.map(|_| ()) })
        });
        for done in futures::future::join_all(crowd).await {
            done.unwrap().unwrap();
        }
        let stats = tokens.stats();
        assert_eq!(
            (stats.verifications, stats.hits, stats.entries),
            (1, 999, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn only_good_tokens_are_remembered_and_until_shortly_before_their_end() {
    on_both(async |node| {
        let tokens = start(&node).await;
        let good = tokens.issue(new_token(&node)).unwrap().text;
        let bad = &good[..good.len() - 2];
        for _ in 0..3 {
            assert_eq!(refusal(&tokens, bad).await, Some(Refusal::Signature));
        }
        assert_eq!(tokens.stats().entries, 0);
        assert_eq!(tokens.stats().verifications, 3);
        for _ in 0..3 {
            assert_eq!(refusal(&tokens, &good).await, None);
        }
        let verified = |n| assert_eq!(tokens.stats().verifications, n);
        verified(4);
        node.clock.advance(Duration::from_secs(869));
        assert_eq!(refusal(&tokens, &good).await, None);
        verified(4);
        // From here on each use is verified anew.
        for (n, seconds) in [(5, 1), (6, 30), (7, 29)] {
            node.clock.advance(Duration::from_secs(seconds));
            assert_eq!(refusal(&tokens, &good).await, None);
            verified(n);
        }
        assert_eq!(tokens.stats().entries, 0);
        node.clock.advance(Duration::from_secs(1));
        assert_eq!(refusal(&tokens, &good).await, Some(Refusal::Expired));
        // A clock that is put back does not make a remembered token older than it is.
        let now = node.clock.now();
        let next = tokens.issue(new_token(&node)).unwrap().text;
        assert_eq!(refusal(&tokens, &next).await, None);
        node.clock.set(now - Duration::from_mins(1));
        assert_eq!(refusal(&tokens, &next).await, Some(Refusal::NotYet));
    })
    .await;
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    on_both(async |node| {
        let config = AuthConfig {
            claims_capacity: 10,
            ..AuthConfig::default()
        };
        let tokens = start_with(&node, &config).await;
        for _ in 0..50 {
            let raw = tokens.issue(new_token(&node)).unwrap().text;
            assert_eq!(refusal(&tokens, &raw).await, None);
        }
        assert!(tokens.stats().entries <= 10, "{:?}", tokens.stats());
    })
    .await;
}
