//! The endpoints of OAuth 2.0 for machines: token (RFC 6749), introspection (RFC 7662) and revocation (RFC 7009). Their errors
//! are OAuth's own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brisk_auth::{Accounts as _, Claims, Verified};
use brisk_core::{Class, Failure, Principal, Scope, TenantId};
use brisk_http::{Caller, Json, Problem, status_of};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::device::From as Device;
use crate::error::Error;
use crate::logic::client::{self, Known};
use crate::logic::{logout, refresh};
use crate::state::IdentityState;
use crate::store::revoked::Revoked;

pub(super) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .routes(routes!(token))
        .routes(routes!(introspect))
        .routes(routes!(revoke))
}

/// An error in OAuth's words (RFC 6749, section 5.2).
struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
}

fn refusal(status: StatusCode, error: &'static str, description: &str) -> Refusal {
    Refusal {
        status,
        error,
        description: description.to_owned(),
    }
}

fn invalid_request(description: &str) -> Refusal {
    refusal(StatusCode::BAD_REQUEST, "invalid_request", description)
}

fn invalid_client() -> Refusal {
    let text = "the client is not known, or its secret is wrong";
    refusal(StatusCode::UNAUTHORIZED, "invalid_client", text)
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (class, detail) = (error.class(), error.detail().into_owned());
        let word = match class {
            Class::Unauthenticated | Class::Forbidden => {
                return refusal(StatusCode::BAD_REQUEST, "invalid_grant", &detail);
            }
            Class::Unavailable | Class::Timeout => "temporarily_unavailable",
            _ => {
                tracing::error!(error = %error, "an OAuth endpoint failed");
                "server_error"
            }
        };
        refusal(status_of(class), word, &detail)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = (self.status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"brisk\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// The parameters of a form; one that stands twice is an error, as the RFC says.
fn form(headers: &HeaderMap, body: &[u8]) -> Result<HashMap<String, String>, Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(invalid_request("send application/x-www-form-urlencoded"));
    }
    let mut fields = HashMap::new();
    for (name, value) in form_urlencoded::parse(body).into_owned() {
        if fields.insert(name, value).is_some() {
            return Err(invalid_request("a parameter stands twice"));
        }
    }
    Ok(fields)
}

/// Id and secret from the header (both form-encoded, RFC 6749, section 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        pairs
            .next()
            .map(|(name, _)| name.into_owned())
            .unwrap_or_default()
    };
    Some((plain(id), plain(secret)))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The client that asks, by header or by form, not both.
async fn known(
    state: &IdentityState,
    scope: &Scope,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<Known, Refusal> {
    let posted = match (form.get("client_id"), form.get("client_secret")) {
        (Some(id), Some(secret)) => Some((id.clone(), secret.clone())),
        _ => None,
    };
    let (id, secret) = match (basic(headers), posted) {
        (Some(_), Some(_)) => return Err(invalid_request("the client shows its secret twice")),
        (Some(shown), None) | (None, Some(shown)) => shown,
        (None, None) => return Err(invalid_client()),
    };
    let found = client::authenticate(state, scope, &id, &secret).await?;
    found.ok_or_else(invalid_client)
}

fn answer(body: Value) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Gives out tokens: `client_credentials` for machines, `refresh_token` for those who signed in.
#[utoipa::path(
    post,
    path = "/oauth2/token",
    tag = "oauth2",
    operation_id = "oauth2_token",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200), (status = 400), (status = 401))
)]
async fn token(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let scope = caller.scope(TenantId::PLATFORM);
    let made = async {
        let form = form(&headers, &body)?;
        match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") => {
                let client = known(&state, &scope, &headers, &form).await?;
                let asked = form.get("scope").map(String::as_str);
                let made = client::token(&state, &client, asked)?;
                let (issued, scope) = made.ok_or_else(|| {
                    let text = "the client has not all of these scopes";
                    refusal(StatusCode::BAD_REQUEST, "invalid_scope", text)
                })?;
                Ok(json!({
                    "access_token": issued.text, "token_type": "Bearer", "expires_in": client.token_ttl_s, "scope": scope,
                }))
            }
            Some("refresh_token") => {
                let shown = form.get("refresh_token").map(String::as_str);
                let shown = shown.ok_or_else(|| invalid_request("refresh_token is missing"))?;
                let granted = refresh::refresh(&state, &scope, shown, &device).await?;
                Ok(json!({
                    "access_token": granted.access_token, "token_type": "Bearer", "expires_in": granted.expires_in,
                    "refresh_token": granted.refresh_token,
                }))
            }
            Some(_) => {
                let text = "there are client_credentials and refresh_token";
                Err(refusal(
                    StatusCode::BAD_REQUEST,
                    "unsupported_grant_type",
                    text,
                ))
            }
            None => Err(invalid_request("grant_type is missing")),
        }
    };
    made.await.map_or_else(Refusal::into_response, answer)
}

/// Who asks about tokens: a client or a person with the permission for it.
async fn asker(
    state: &IdentityState,
    scope: &Scope,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<TenantId, Refusal> {
    const NEEDED: &str = "tokens:introspect";
    if let Some(token) = bearer(headers) {
        let caller = caller_of(state, scope, token).await;
        let caller = caller
            .map(|(caller, _)| caller)
            .ok_or_else(invalid_client)?;
        return caller
            .tenant
            .filter(|tenant| caller.can(NEEDED, *tenant))
            .ok_or_else(|| {
                refusal(
                    StatusCode::FORBIDDEN,
                    "insufficient_scope",
                    "this needs tokens:introspect",
                )
            });
    }
    let client = known(state, scope, headers, form).await?;
    if brisk_core::Permissions::of(&client.scopes).allow(NEEDED) {
        Ok(client.tenant)
    } else {
        let text = "this needs tokens:introspect";
        Err(refusal(StatusCode::FORBIDDEN, "insufficient_scope", text))
    }
}

/// Whom an access token of ours speaks for now; none for anything that does not count.
async fn caller_of(
    state: &IdentityState,
    scope: &Scope,
    token: &str,
) -> Option<(Arc<Principal>, Claims)> {
    let verified = state.tokens.verify(token).await.ok()?;
    let Verified::Own(claims) = verified.as_ref() else {
        return None;
    };
    let caller = state.callers.caller(claims, scope).await.ok()?;
    Some((caller, claims.clone()))
}

/// Whether an access token counts now, and what it says. Anything else is `{"active": false}`.
#[utoipa::path(
    post,
    path = "/oauth2/introspect",
    tag = "oauth2",
    operation_id = "oauth2_introspect",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200), (status = 400), (status = 401), (status = 403))
)]
async fn introspect(
    State(state): State<IdentityState>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let scope = caller.scope(TenantId::PLATFORM);
    let told = async {
        let form = form(&headers, &body)?;
        let tenant = asker(&state, &scope, &headers, &form).await?;
        let shown = form
            .get("token")
            .ok_or_else(|| invalid_request("token is missing"))?;
        let found = caller_of(&state, &scope, shown).await;
        let Some((_, claims)) = found.filter(|(_, claims)| claims.tenant == tenant) else {
            return Ok(json!({ "active": false }));
        };
        let mut told = json!({
            "active": true, "iss": state.tokens.issuer(), "sub": claims.subject, "aud": state.tokens.audience(),
            "exp": claims.expires_at.as_second(), "iat": claims.issued_at.as_second(),
            "nbf": claims.not_before.as_second(), "jti": claims.jti, "client_id": claims.client, "token_type": "Bearer",
            "tenant_id": claims.tenant,
        });
        if let Some(session) = claims.session {
            told["sid"] = json!(session);
        }
        if let Some(scope) = claims.scope {
            told["scope"] = json!(scope);
        }
        Ok::<_, Refusal>(told)
    };
    told.await.map_or_else(Refusal::into_response, answer)
}

/// Makes a token void: an access token by itself, a refresh token with its session. 200 for whatever is shown; a client
/// reaches its own tokens only.
#[utoipa::path(
    post,
    path = "/oauth2/revoke",
    tag = "oauth2",
    operation_id = "oauth2_revoke",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200), (status = 400), (status = 401))
)]
async fn revoke(
    State(state): State<IdentityState>,
    caller: Caller,
    Device(device): Device,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let scope = caller.scope(TenantId::PLATFORM);
    let done = async {
        let form = form(&headers, &body)?;
        let shown = form
            .get("token")
            .ok_or_else(|| invalid_request("token is missing"))?;
        let is_client = basic(&headers).is_some() || form.contains_key("client_secret");
        let client = if is_client {
            Some(known(&state, &scope, &headers, &form).await?)
        } else {
            None
        };
        let Some((_, claims)) = caller_of(&state, &scope, shown).await else {
            if client.is_none() {
                logout::logout(&state, &scope, Some(shown), None, &device).await?;
            }
            return Ok::<_, Refusal>(());
        };
        let is_own = client.is_none_or(|client| claims.client == client.id.to_string());
        if is_own {
            let session = state.session(&scope, claims.tenant);
            let insert = Revoked(&session);
            insert
                .insert(claims.jti, claims.expires_at)
                .await
                .map_err(Error::from)?;
        }
        Ok(())
    };
    Ok(match done.await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.into_response(),
    })
}
