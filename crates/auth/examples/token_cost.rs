//! What a token costs: remembered, and verified anew beside the bare `jsonwebtoken`.
//!
//! `cargo run --release -p brisk-auth --example token_cost`. The two ways take turns; each figure is the median of their
//! rounds, so that other work on the machine concerns both.
#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "figures for people"
)]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use brisk_auth::{AuthConfig, MIGRATIONS, MasterKey, NewToken, Tokens};
use brisk_core::{Clock, TenantId};
use brisk_db::{Db, DbConfig};
use brisk_testkit::files::SqliteFile;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use uuid::Uuid;

const ROUNDS: usize = 101;
const VERIFIED: usize = 100;
const REMEMBERED: usize = 10_000;

/// The same claims as ours, for the other side.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read as ours are, and dropped")]
struct Claims {
    iss: String,
    sub: Uuid,
    aud: String,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: Uuid,
    client_id: String,
    sid: Option<Uuid>,
    tenant_id: i64,
    ver: i64,
    auth_time: i64,
    amr: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = SqliteFile::new()?;
    let db = Db::open(DbConfig::new(file.url())).await?;
    db.migrate(&[MIGRATIONS]).await?;
    let stream = db.changes();
    let mut events = stream.subscribe();
    while !stream.is_trusted() {
        events.next().await;
    }
    let (clock, master) = (Clock::system(), MasterKey::from_setting(&"k".repeat(32))?);
    let config = AuthConfig::default();
    let tokens = Tokens::start(&db, clock.clone(), &master, &config).await?;
    let new = NewToken {
        subject: Uuid::from_u128(7),
        tenant: TenantId(3),
        session: Some(Uuid::from_u128(8)),
        client: "web".to_owned(),
        epoch: 4,
        auth_time: clock.now(),
        amr: vec!["pwd".to_owned()],
        scope: None,
        permissions: Vec::new(),
        ttl: None,
    };
    let issue = || tokens.issue(new.clone()).map(|token| token.text);
    let set: JwkSet = serde_json::from_slice(&tokens.jwks().bytes)?;
    let key = DecodingKey::from_jwk(&set.keys[0])?;
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&[tokens.audience()]);
    rules.set_issuer(&[tokens.issuer()]);
    rules.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    rules.validate_nbf = true;

    let (mut ours, mut raw, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    let known = issue()?;
    println!(
        "a token of {} bytes; medians of {ROUNDS} rounds",
        known.len()
    );
    tokens.verify(&known).await?;
    for _ in 0..ROUNDS {
        let fresh: Vec<String> = (0..VERIFIED).map(|_| issue()).collect::<Result<_, _>>()?;
        let began = Instant::now();
        for text in &fresh {
            black_box(tokens.verify(text).await?);
        }
        ours.push(began.elapsed().as_nanos() as f64 / VERIFIED as f64);
        let began = Instant::now();
        for text in &fresh {
            black_box(decode::<Claims>(text, &key, &rules)?);
        }
        raw.push(began.elapsed().as_nanos() as f64 / VERIFIED as f64);
        let began = Instant::now();
        for _ in 0..REMEMBERED {
            black_box(tokens.verify(black_box(&known)).await?);
        }
        hits.push(began.elapsed().as_nanos() as f64 / REMEMBERED as f64);
    }
    let (ours, raw, hits) = (median(ours), median(raw), median(hits));
    let told = |target: bool| if target { "met" } else { "missed" };
    let (hit_us, ratio) = (hits / 1e3, ours / raw);
    println!(
        "remembered          {hit_us:8.2} us   <= 2 us: {}",
        told(hit_us <= 2.0)
    );
    println!("verified anew       {:8.2} us", ours / 1e3);
    println!("jsonwebtoken alone  {:8.2} us", raw / 1e3);
    println!(
        "ratio               {ratio:8.2}      <= 1.2: {}",
        told(ratio <= 1.2)
    );
    db.close().await;
    Ok(())
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
