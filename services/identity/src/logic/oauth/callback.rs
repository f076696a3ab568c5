//! The way back from a provider.

use brisk_core::{Scope, TenantId};
use metrics::counter;
use subtle::ConstantTimeEq as _;

use super::profile::{Brought, profile};
use super::{finish, person, providers};
use crate::error::Error;
use crate::logic::session::Granted;
use crate::model::audit::{Actor, Device, Entry};
use crate::model::oauth::{ResponseMode, denial};
use crate::model::provider::Provider;
use crate::model::return_to::with_parameter;
use crate::model::secret::hash;
use crate::state::IdentityState;
use crate::store::oauth_state::OauthStateRow;
use crate::store::system::AllTenants;

/// What a browser brings back.
#[derive(Clone, Default)]
pub(crate) struct Returned<'a> {
    /// The provider, as the address names it.
    pub(crate) provider: &'a str,
    pub(crate) state: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    /// Who the provider says it is (RFC 9207).
    pub(crate) iss: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    /// What the browser was given when it went.
    pub(crate) binding: Option<&'a str>,
}

/// What somebody who is back gets.
#[derive(Debug)]
pub(crate) enum Back {
    /// A session.
    In(Box<Granted>),
    /// A page, with a token to fetch a session by.
    To(String),
}

/// Lets somebody in who comes back from a provider.
///
/// Five steps before anybody else is asked: the state is taken, once, on whichever node; the browser is the one that it was given
/// to; the provider names itself right; it does not say no; it brings a code. Then the code is exchanged, and who it is decides.
///
/// # Errors
///
/// [`Error::InvalidState`], [`Error::ProviderDenied`], [`Error::Provider`], [`Error::ProviderToken`]; [`Error::TenantChoice`],
/// [`Error::AccountLinkRequired`], [`Error::Forbidden`] and [`Error::Conflict`] by who it is; and what is said of accounts
/// and tenants that may not sign in.
pub(crate) async fn callback(
    state: &IdentityState,
    scope: &Scope,
    returned: Returned<'_>,
    device: &Device,
) -> Result<Back, Error> {
    let mut met = Met::default();
    let outcome = come_back(state, scope, &returned, device, &mut met).await;
    let provider = met.provider.as_ref();
    let label = provider.map_or_else(|| "unknown".to_owned(), Provider::label);
    let result = match &outcome {
        Ok(_) => "ok",
        Err(error) => result(error),
    };
    counter!("brisk_identity_oauth_flow_total", "provider" => label, "result" => result)
        .increment(1);
    if let (Err(error), Some(provider)) = (&outcome, provider) {
        log(provider, error);
        if result != "error" {
            let tenant = met.tenant;
            let actor = Actor::default();
            let named = tenant.unwrap_or(TenantId::PLATFORM);
            let mut entry = Entry::new("login.failed", named, actor, device.clone());
            entry.tenant = tenant;
            let entry = entry
                .with("provider", provider.spec.slug.clone())
                .with("result", result);
            state.audit.note(entry.denied());
        }
    }
    outcome
}

/// What was found out before it went wrong.
#[derive(Default)]
struct Met {
    provider: Option<Provider>,
    tenant: Option<TenantId>,
}

async fn come_back(
    state: &IdentityState,
    scope: &Scope,
    returned: &Returned<'_>,
    device: &Device,
    met: &mut Met,
) -> Result<Back, Error> {
    let row = take(state, scope, returned).await?;
    met.tenant = row.tenant_id;
    let provider = providers::by_key(state, scope, returned.provider, row.tenant_id).await?;
    let provider = &*met.provider.insert(provider);
    names_itself(state, scope, provider, returned.iss).await?;
    if let Some(error) = returned.error {
        return Err(Error::ProviderDenied(denial(error)));
    }
    let code = returned.code.ok_or(Error::Provider("it brought no code"))?;
    let verifier = state
        .sealer
        .open(row.id.as_bytes(), &row.pkce_verifier_enc)
        .ok_or(Error::InvalidState)?;
    let brought = Brought {
        code,
        redirect_uri: &row.redirect_uri,
        verifier: std::str::from_utf8(&verifier).map_err(|_any| Error::InvalidState)?,
        nonce: row.nonce_hash.as_deref().and_then(|n| n.try_into().ok()),
    };
    let profile = profile(state, scope, provider, brought).await?;
    let who = person::find(state, scope, provider, &profile, &row, device).await?;
    met.tenant = Some(who.tenant_id);
    let slug = &provider.spec.slug;
    if let (ResponseMode::Redirect, Some(to)) = (row.response_mode, &row.return_to) {
        let token = finish::ticket(state, scope, &who, slug, &row.binding_hash).await?;
        return Ok(Back::To(with_parameter(to, "exchange", token.expose())));
    }
    let granted = finish::enter(state, scope, &who, slug, device).await?;
    Ok(Back::In(Box::new(granted)))
}

/// Takes the state, which is gone then whatever comes of it, and compares the browser.
async fn take(
    state: &IdentityState,
    scope: &Scope,
    returned: &Returned<'_>,
) -> Result<OauthStateRow, Error> {
    let shown = returned.state.ok_or(Error::InvalidState)?;
    let now = state.clock.now();
    let row = AllTenants(&state.platform(scope))
        .take_oauth_state(hash(shown), returned.provider, now)
        .await?
        .ok_or(Error::InvalidState)?;
    let binding = hash(returned.binding.unwrap_or_default());
    if !bool::from(row.binding_hash.ct_eq(&binding)) {
        return Err(Error::InvalidState);
    }
    Ok(row)
}

/// Whether the provider that answers is the one that was asked (RFC 9207): another one's code must not be shown to it.
async fn names_itself(
    state: &IdentityState,
    scope: &Scope,
    provider: &Provider,
    iss: Option<&str>,
) -> Result<(), Error> {
    let Some(config) = provider.openid() else {
        let named = (iss, provider.spec.issuer.as_deref());
        return match named {
            (Some(iss), Some(issuer)) if iss != issuer => Err(Error::InvalidState),
            _ => Ok(()),
        };
    };
    let issuer = state.issuers.issuer(&config);
    match iss {
        Some(iss) if issuer.is(iss) => Ok(()),
        Some(_) => Err(Error::InvalidState),
        None if provider.spec.authorize_url.is_some() => Ok(()),
        None => {
            let _outgoing = scope.http_call("a sign-in provider");
            let endpoints = issuer.endpoints().await.map_err(Error::ProviderToken)?;
            if endpoints.names_itself {
                return Err(Error::InvalidState);
            }
            Ok(())
        }
    }
}

/// One word for a metric.
fn result(error: &Error) -> &'static str {
    match error {
        Error::InvalidState => "invalid_state",
        Error::ProviderDenied(_) => "denied",
        Error::Provider(_) | Error::ProviderToken(_) => "provider_error",
        Error::TenantChoice(_) => "choice",
        Error::AccountLinkRequired => "link_required",
        Error::AccountDisabled
        | Error::TenantSuspended
        | Error::EmailNotVerified
        | Error::Conflict { .. }
        | Error::Forbidden(_) => "refused",
        _ => "error",
    }
}

/// Tells the operator, who alone can do something about it.
fn log(provider: &Provider, error: &Error) {
    let provider = &provider.key;
    match error {
        Error::ProviderToken(cause) => {
            tracing::warn!(provider, %cause, "a provider's answer cannot be used");
        }
        Error::Provider(cause) => {
            tracing::warn!(provider, cause, "a provider's answer cannot be used");
        }
        _ => {}
    }
}
