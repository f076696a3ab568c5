//! The counters move with what they count, under both names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use brisk_auth::{HashConfig, Passwords};
use brisk_testkit::files::SqliteFile;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};

use crate::foreign::{claims, trusted_issuer};
use crate::harness::Node;
use crate::provider::{Provider, Signer};
use crate::tokens::{new_token, refusal, start_with};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeMap<String, f64>>>);

struct Value(Seen, String);

impl Value {
    fn add(&self, by: f64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += by;
    }
}

impl CounterFn for Value {
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn increment(&self, by: u64) {
        self.add(by as f64);
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for Value {
    fn increment(&self, by: f64) {
        self.add(by);
    }

    fn decrement(&self, by: f64) {
        self.add(-by);
    }

    fn set(&self, to: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), to);
    }
}

impl Seen {
    fn value(&self, key: &Key) -> Arc<Value> {
        // The issuer's port differs from run to run.
        let labels = key.labels().filter(|l| l.key() != "issuer");
        let labels: Vec<_> = labels.map(metrics::Label::value).collect();
        let name = [&[key.name()], labels.as_slice()].concat().join(" ");
        Arc::new(Value(self.clone(), name))
    }

    #[expect(clippy::cast_possible_truncation, reason = "small counts")]
    fn get(&self, name: &str) -> i64 {
        let seen = self.0.lock().unwrap();
        seen.get(name).map_or(0, |value| value.round() as i64)
    }
}

impl Recorder for Seen {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn verifications_and_fetches_are_counted_and_remembered_tokens_are_not() {
    let seen = Seen::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let work = async {
        let file = SqliteFile::new().unwrap();
        let node = Node::new_at(file.url()).await;
        let (provider, signer) = (Provider::start().await, Signer::ec("a"));
        provider.keys(&[&signer]);
        let tokens = start_with(&node, &trusted_issuer(&provider)).await;
        let own = tokens.issue(new_token(&node)).unwrap().text;
        for _ in 0..3 {
            assert_eq!(refusal(&tokens, &own).await, None);
        }
        assert!(refusal(&tokens, "a.b.c").await.is_some());
        let first = signer.sign(&claims(&provider, &node));
        assert_eq!(refusal(&tokens, &first).await, None);
        let mut other = claims(&provider, &node);
        other["jti"] = 1.into();
        assert_eq!(refusal(&tokens, &signer.sign(&other)).await, None);
        let unknown = Signer::ec("b").sign(&other);
        assert!(refusal(&tokens, &unknown).await.is_some());
        tokens.write_aliases(false);
        assert!(refusal(&tokens, "a.b.d").await.is_some());
        let passwords = Passwords::new(&HashConfig::default(), None).unwrap();
        passwords.hash("plum").await.unwrap();
    };
    metrics::with_local_recorder(&seen, || runtime.block_on(work));
    for (ours, alias, n) in [
        (
            "brisk_auth_token_verifications_total ok",
            "auth_token_verifications_total ok",
            3,
        ),
        ("brisk_auth_jwks_fetches_total ok", "jwks_fetch_total ok", 2),
        ("brisk_auth_jwks_misses_total", "jwks_cache_misses_total", 1),
        ("brisk_auth_jwks_hits_total", "jwks_cache_hits_total", 2),
        (
            "brisk_auth_jwks_unknown_kid_total",
            "jwks_unknown_kid_total",
            1,
        ),
        ("brisk_auth_jwks_stale_seconds", "jwks_stale_seconds", 0),
        (
            "brisk_auth_token_verifications_total unknown_key",
            "auth_token_verifications_total unknown_key",
            1,
        ),
    ] {
        assert_eq!((seen.get(ours), seen.get(alias)), (n, n), "{ours}");
    }
    let malformed = "token_verifications_total malformed";
    assert_eq!(seen.get(&format!("brisk_auth_{malformed}")), 2);
    assert_eq!(
        seen.get(&format!("auth_{malformed}")),
        1,
        "and then no more"
    );
    assert_eq!(
        seen.get("brisk_auth_password_hash_queue"),
        1,
        "left on another thread"
    );
}
