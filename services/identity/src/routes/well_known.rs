//! What stands at the root of the installation, where everybody looks for it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use brisk_http::matches_etag;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::state::IdentityState;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The key set and the two documents of discovery; `base` is the address of the service's routes.
pub(crate) fn router(state: IdentityState, base: &str) -> Router {
    let server: Arc<str> = server(&state, base).to_string().into();
    let openid: Arc<str> = openid(&state, base).to_string().into();
    Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route(
            "/.well-known/oauth-authorization-server",
            get(move || async move { document(&server) }),
        )
        .route(
            "/.well-known/openid-configuration",
            get(move || async move { document(&openid) }),
        )
        .with_state(state)
}

fn document(text: &Arc<str>) -> Response {
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, FIVE_MINUTES)];
    (headers, text.to_string()).into_response()
}

/// The public keys of our tokens (RFC 7517): those that will sign, that sign, and that have signed what still counts.
async fn jwks(State(state): State<IdentityState>, headers: HeaderMap) -> Response {
    let keys = state.tokens.jwks();
    let tag = HeaderValue::from_str(&keys.etag).unwrap_or(HeaderValue::from_static("\"\""));
    let known = [(CACHE_CONTROL, FIVE_MINUTES), (ETAG, tag)];
    if matches_etag(&headers, &keys.etag) {
        return (StatusCode::NOT_MODIFIED, known).into_response();
    }
    (known, [(CONTENT_TYPE, JSON)], keys.bytes.clone()).into_response()
}

/// The metadata of an authorization server (RFC 8414).
fn server(state: &IdentityState, base: &str) -> Value {
    let issuer = state.tokens.issuer();
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "introspection_endpoint": format!("{base}/oauth2/introspect"),
        "revocation_endpoint": format!("{base}/oauth2/revoke"),
        "grant_types_supported": ["client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "response_types_supported": [],
    })
}

/// The same with what `OpenID` Connect Discovery asks for, because many verifiers read only this one. Nobody can be sent here to
/// sign in for another application; the address says so in a way that cannot be followed.
fn openid(state: &IdentityState, base: &str) -> Value {
    let mut document = server(state, base);
    let more = json!({
        "authorization_endpoint": "urn:brisk:programmatic_authorization",
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    if let (Some(document), Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
    document
}
