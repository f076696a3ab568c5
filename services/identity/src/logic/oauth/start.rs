//! The way to a provider.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brisk_core::{Scope, TenantId};
use brisk_db::OnConflict;

use super::providers;
use crate::error::Error;
use crate::ids::UserId;
use crate::model::oauth::{Intent, ResponseMode, STATE_LIFE};
use crate::model::provider::{Provider, ProviderKind};
use crate::model::return_to::is_listed;
use crate::model::secret::{Secret, hash};
use crate::model::session::later;
use crate::state::IdentityState;
use crate::store::oauth_state::NewOauthStateRow;

/// Who wants to go where, and come back how.
#[derive(Clone, Default)]
pub(crate) struct Wish<'a> {
    /// The provider's slug.
    pub(crate) provider: &'a str,
    /// The tenant's slug or number.
    pub(crate) tenant: Option<&'a str>,
    /// Where the browser goes in the end.
    pub(crate) return_to: Option<&'a str>,
    /// Where the provider sends the browser, if not to us.
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) mode: ResponseMode,
    /// The token of an invitation.
    pub(crate) invite: Option<&'a str>,
    /// Who links the provider to its account, with its tenant.
    pub(crate) link: Option<(TenantId, UserId)>,
}

/// A way that was begun.
pub(crate) struct Started {
    /// Where to send the browser.
    pub(crate) url: String,
    pub(crate) state: Secret,
    /// For the browser's cookie.
    pub(crate) binding: Secret,
    /// Whether the provider sends the browser back by a form.
    pub(crate) is_form_post: bool,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Started(..)")
    }
}

/// Begins the way to a provider: one statement, two where a tenant is named.
///
/// # Errors
///
/// [`Error::NotFound`] for a provider that there is not, [`Error::Fields`] for an address that is not on the list,
/// [`Error::ProviderToken`] where the provider does not say where it wants to be asked.
pub(crate) async fn start(
    state: &IdentityState,
    scope: &Scope,
    wish: Wish<'_>,
) -> Result<Started, Error> {
    for (field, address) in [
        ("return_to", wish.return_to),
        ("redirect_uri", wish.redirect_uri),
    ] {
        let listed = &state.settings.oauth_return_to;
        if address.is_some_and(|address| !is_listed(address, listed)) {
            let message = "must be one of the addresses of `oauth_return_to`, letter by letter";
            return Err(Error::field(field, "not_allowed", message));
        }
    }
    let tenant = match wish.link {
        Some((own, _)) => Some(own),
        None => providers::tenant(state, wish.tenant).await?,
    };
    let provider = providers::by_slug(state, scope, wish.provider, tenant).await?;
    let authorize = authorize_url(state, scope, &provider).await?;

    let (value, binding) = (Secret::random("")?, Secret::random("")?);
    let (verifier, nonce) = (Secret::random("")?, Secret::random("")?);
    let is_openid = provider.kind() == ProviderKind::Oidc;
    let id = state.ids.uuid();
    let now = state.clock.now();
    let redirect_uri = wish.redirect_uri.map_or_else(
        || providers::callback_address(state, &provider.key),
        str::to_owned,
    );
    let scopes = provider
        .spec
        .scopes
        .as_deref()
        .unwrap_or_default()
        .join(" ");
    let url = {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.spec.client_id)
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("scope", &scopes)
            .append_pair("state", value.expose())
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        if is_openid {
            query.append_pair("nonce", nonce.expose());
        }
        query.extend_pairs(&provider.spec.extra_params);
        let joint = if authorize.contains('?') { '&' } else { '?' };
        format!("{authorize}{joint}{}", query.finish())
    };
    let row = NewOauthStateRow {
        id,
        state_hash: value.hash().to_vec(),
        binding_hash: binding.hash().to_vec(),
        pkce_verifier_enc: state
            .sealer
            .seal(id.as_bytes(), verifier.expose().as_bytes())?,
        provider_key: provider.key.clone(),
        tenant_id: tenant,
        intent: wish.link.map_or(Intent::Login, |_| Intent::Link),
        user_id: wish.link.map(|(_, user)| user),
        nonce_hash: is_openid.then(|| nonce.hash().to_vec()),
        redirect_uri,
        // Who names no place to go to is answered where it comes back.
        response_mode: match wish.return_to {
            Some(_) => wish.mode,
            None => ResponseMode::Json,
        },
        return_to: wish.return_to.map(str::to_owned),
        invite_hash: wish.invite.map(|token| hash(token).to_vec()),
        created_at: now,
        expires_at: later(now, STATE_LIFE),
    };
    state
        .platform(scope)
        .insert_many(vec![row], OnConflict::Fail)
        .await?;
    Ok(Started {
        url,
        state: value,
        binding,
        is_form_post: provider.is_form_post(),
    })
}

/// Where people are sent.
async fn authorize_url(
    state: &IdentityState,
    scope: &Scope,
    provider: &Provider,
) -> Result<String, Error> {
    if let Some(url) = &provider.spec.authorize_url {
        return Ok(url.clone());
    }
    let config = provider.openid().ok_or(super::providers::NO_PROVIDER)?;
    let _outgoing = scope.http_call("a sign-in provider");
    let endpoints = state.issuers.issuer(&config).endpoints().await;
    Ok(endpoints
        .map_err(Error::ProviderToken)?
        .authorization
        .clone())
}

/// What shows the verifier without telling it (RFC 7636, S256).
fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(verifier.hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = URL_SAFE_NO_PAD.encode(hash(verifier));
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
