//! People with live sessions: rows loaded past the service, tokens asked from it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brisk_core::TenantId;
use brisk_db::{Db, DbConfig, Json, OnConflict, Record};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::engine::{Place, system};
use crate::load::{Ask, callers};
use crate::program::Server;

/// A password that nobody guesses.
pub(super) const PASSWORD: &str = "correct horse battery staple";

/// Callers that ask for tokens at once.
const AT_ONCE: usize = 16;

#[derive(Clone, Debug, Record)]
#[record(table = "identity_users")]
struct User {
    id: Uuid,
    tenant_id: TenantId,
    email: String,
    email_norm: String,
    full_name: String,
    name_norm: String,
    status: String,
    metadata: Json<Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone, Debug, Record)]
#[record(table = "identity_sessions")]
struct Session {
    id: Uuid,
    tenant_id: TenantId,
    user_id: Uuid,
    auth_time: Timestamp,
    amr: Json<Value>,
    created_at: Timestamp,
    last_used_at: Timestamp,
    idle_expires_at: Timestamp,
    absolute_expires_at: Timestamp,
}

#[derive(Clone, Debug, Record)]
#[record(table = "identity_refresh_tokens")]
struct RefreshToken {
    id: Uuid,
    tenant_id: TenantId,
    session_id: Uuid,
    user_id: Uuid,
    token_hash: Vec<u8>,
    generation: i64,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// Sends one question and answers what came back, when it is a success.
pub(super) async fn ask(server: &Server, ask: Ask) -> Result<Value> {
    let mut one = callers(server.address, None, 1, |_| Ask::get("/")).await?;
    let caller = one.first_mut().context("one caller was asked for")?;
    let (status, body) = caller.ask(ask).await?;
    let text = String::from_utf8_lossy(&body);
    ensure!((200..300).contains(&status), "{status}: {text}");
    if body.is_empty() {
        return Ok(Value::Null);
    }
    Ok(serde_json::from_slice(&body)?)
}

/// Registers a tenant; answers what its owner was granted.
pub(super) async fn register(server: &Server, name: &str) -> Result<Value> {
    let body = json!({
        "email": format!("owner@{name}.example"), "password": PASSWORD, "full_name": "Olga Owner", "tenant_name": name,
    });
    ask(server, Ask::post("/identity/auth/register", &body)).await
}

/// Makes `count` people of a new tenant, each with one session; answers their access tokens.
pub(super) async fn with_sessions(
    server: &Server,
    place: &Place,
    name: &str,
    count: usize,
) -> Result<Vec<String>> {
    let granted = register(server, name).await?;
    let tenant = TenantId(
        granted["user"]["tenant_id"]
            .as_i64()
            .context("the tenant's number")?,
    );
    let db = Db::open(DbConfig::new(place.url())).await?;
    let session = system(&db, tenant);
    let now = Timestamp::from_microsecond(
        Timestamp::from_second(ask_time(server).await?)?.as_microsecond(),
    )?;
    let end = now.checked_add(160.hours())?;
    let (mut users, mut sessions, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    let mut shown = Vec::new();
    for n in 0..count {
        let (user, id) = (Uuid::now_v7(), Uuid::now_v7());
        let text = format!(
            "brt_{}",
            URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{name} {n}")))
        );
        let email = format!("person{n}@{name}.example");
        users.push(User {
            id: user,
            tenant_id: tenant,
            email: email.clone(),
            email_norm: email,
            full_name: format!("Person {n}"),
            name_norm: format!("person {n}"),
            status: "active".to_owned(),
            metadata: Json(json!({})),
            created_at: now,
            updated_at: now,
        });
        sessions.push(Session {
            id,
            tenant_id: tenant,
            user_id: user,
            auth_time: now,
            amr: Json(json!(["pwd"])),
            created_at: now,
            last_used_at: now,
            idle_expires_at: end,
            absolute_expires_at: end,
        });
        tokens.push(RefreshToken {
            id: Uuid::now_v7(),
            tenant_id: tenant,
            session_id: id,
            user_id: user,
            token_hash: Sha256::digest(text.as_bytes()).to_vec(),
            generation: 1,
            issued_at: now,
            expires_at: end,
        });
        shown.push(text);
    }
    session.insert_many(users, OnConflict::Fail).await?;
    session.insert_many(sessions, OnConflict::Fail).await?;
    session.insert_many(tokens, OnConflict::Fail).await?;
    let roles = "INSERT INTO identity_user_roles (tenant_id, user_id, role_id, granted_at)
        SELECT u.tenant_id, u.id, r.id, u.created_at FROM identity_users u
        JOIN identity_roles r ON r.tenant_id = u.tenant_id AND r.name = 'member'
        WHERE u.email_norm LIKE 'person%'
          AND NOT EXISTS (SELECT 1 FROM identity_user_roles h WHERE h.user_id = u.id)";
    place.run(&[roles])?;
    db.close().await;
    futures::stream::iter(shown)
        .map(|text| async move {
            let body = json!({ "refresh_token": text });
            let granted = ask(server, Ask::post("/identity/auth/refresh", &body)).await?;
            let token = granted["access_token"]
                .as_str()
                .context("an access token")?;
            anyhow::Ok(token.to_owned())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// The time as the server has it, in seconds: a token's own.
async fn ask_time(server: &Server) -> Result<i64> {
    let granted = register(server, &format!("clock{}", Uuid::now_v7().simple())).await?;
    let token = granted["access_token"]
        .as_str()
        .context("an access token")?;
    let claims = token.split('.').nth(1).context("a token has three parts")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    claims["iat"].as_i64().context("when it was made")
}
