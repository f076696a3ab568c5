//! A code becomes a person: the tokens of the provider are used here and forgotten.

use brisk_core::Scope;
use reqwest::StatusCode;
use serde_json::Value;

use crate::error::Error;
use crate::model::oauth::{Profile, denial, subject};
use crate::model::provider::{Provider, ProviderKind, TokenAuth};
use crate::state::IdentityState;

/// What somebody brings back from a provider.
pub(super) struct Brought<'a> {
    pub(super) code: &'a str,
    pub(super) redirect_uri: &'a str,
    /// What the code was asked for with.
    pub(super) verifier: &'a str,
    /// The hash of the nonce that the ID token has to have.
    pub(super) nonce: Option<[u8; 32]>,
}

/// Who somebody is, by a code that the provider takes once.
///
/// # Errors
///
/// [`Error::ProviderDenied`] where the provider does not take the code; [`Error::Provider`] and [`Error::ProviderToken`] where
/// its answers cannot be used.
pub(super) async fn profile(
    state: &IdentityState,
    scope: &Scope,
    provider: &Provider,
    brought: Brought<'_>,
) -> Result<Profile, Error> {
    let _outgoing = scope.http_call("a sign-in provider");
    match provider.kind() {
        ProviderKind::Oidc => of_openid(state, provider, brought).await,
        ProviderKind::Oauth2 => of_oauth(state, provider, brought).await,
    }
}

async fn of_openid(
    state: &IdentityState,
    provider: &Provider,
    brought: Brought<'_>,
) -> Result<Profile, Error> {
    let config = provider
        .openid()
        .ok_or(Error::Provider("it has no issuer"))?;
    let issuer = state.issuers.issuer(&config);
    let spec = &provider.spec;
    let (token_url, listed) = if let Some(url) = &spec.token_url {
        (url.clone(), None)
    } else {
        let endpoints = issuer.endpoints().await.map_err(Error::ProviderToken)?;
        (endpoints.token.clone(), endpoints.userinfo.clone())
    };
    let nonce = brought
        .nonce
        .ok_or(Error::Provider("the sign-in has no nonce"))?;
    let tokens = exchange(state, provider, &token_url, brought).await?;
    let raw = tokens
        .get("id_token")
        .and_then(Value::as_str)
        .ok_or(Error::Provider("it gave no ID token"))?;
    let id_token = issuer.verify(raw, &spec.client_id, &nonce).await;
    let id_token = id_token.map_err(Error::ProviderToken)?;
    let claims = Value::Object(id_token.claims);
    let profile = Profile::of_claims(id_token.subject, &claims, &spec.claim_map);
    let userinfo = spec.userinfo_url.clone().or(listed);
    let (None, Some(url)) = (&profile.email, userinfo) else {
        return Ok(profile);
    };
    let more = state.outbound.get(&url, access_token(&tokens)?).await?;
    if more.get("sub").and_then(Value::as_str) != Some(&profile.subject) {
        return Err(Error::Provider("its userinfo is about somebody else"));
    }
    let told = Profile::of_claims(profile.subject, &more, &spec.claim_map);
    Ok(Profile {
        name: told.name.or(profile.name),
        ..told
    })
}

async fn of_oauth(
    state: &IdentityState,
    provider: &Provider,
    brought: Brought<'_>,
) -> Result<Profile, Error> {
    let spec = &provider.spec;
    let (Some(token_url), Some(userinfo)) = (&spec.token_url, &spec.userinfo_url) else {
        return Err(Error::Provider("it has no endpoints"));
    };
    let tokens = exchange(state, provider, token_url, brought).await?;
    let access = access_token(&tokens)?;
    let about = async { state.outbound.get(userinfo, access).await };
    let emails = async {
        match &spec.emails_url {
            Some(url) => state.outbound.get(url, access).await.map(Some),
            None => Ok(None),
        }
    };
    let (about, emails) = futures::try_join!(about, emails)?;
    let who = subject(&about, &spec.claim_map);
    let who = who.ok_or(Error::Provider("its userinfo has no id"))?;
    let profile = Profile::of_claims(who, &about, &spec.claim_map);
    Ok(match emails {
        Some(list) => profile.with_emails(&list),
        None => profile,
    })
}

fn access_token(tokens: &Value) -> Result<&str, Error> {
    let token = tokens.get("access_token").and_then(Value::as_str);
    token.ok_or(Error::Provider("it gave no access token"))
}

/// The provider's tokens for a code.
async fn exchange(
    state: &IdentityState,
    provider: &Provider,
    token_url: &str,
    brought: Brought<'_>,
) -> Result<Value, Error> {
    let spec = &provider.spec;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", brought.code),
        ("redirect_uri", brought.redirect_uri),
        ("code_verifier", brought.verifier),
    ];
    let mut basic = None;
    match (&spec.client_secret, spec.token_auth) {
        (Some(secret), Some(TokenAuth::Basic) | None) => {
            basic = Some((spec.client_id.as_str(), secret));
        }
        (Some(secret), Some(TokenAuth::Post)) => {
            form.push(("client_id", &spec.client_id));
            form.push(("client_secret", secret.expose()));
        }
        (None, _) => form.push(("client_id", &spec.client_id)),
    }
    let reply = state.outbound.post(token_url, basic, &form).await?;
    // GitHub says no with status 200.
    if let Some(error) = reply.body.get("error").and_then(Value::as_str)
        && !reply.status.is_server_error()
    {
        let reason = denial(error);
        let issuer = &spec.slug;
        tracing::info!(issuer, reason, "a provider did not take a code");
        return Err(Error::ProviderDenied(reason));
    }
    if reply.status != StatusCode::OK {
        return Err(Error::Provider("it did not take the code"));
    }
    Ok(reply.body)
}
