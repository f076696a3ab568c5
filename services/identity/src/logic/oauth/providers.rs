//! Which provider is meant.

use brisk_config::Secret;
use brisk_core::{Scope, TenantId};
use uuid::Uuid;

use crate::error::Error;
use crate::logic::tenant;
use crate::model::provider::Provider;
use crate::state::IdentityState;
use crate::store::provider::{ProviderRow, Providers};

/// There is no such provider, or it is another tenant's.
pub(super) const NO_PROVIDER: Error = Error::NotFound { what: "provider" };

/// The address at which people of a provider come back.
pub(crate) fn callback_address(state: &IdentityState, key: &str) -> String {
    format!("{}/auth/oauth/{key}/callback", state.base)
}

/// The tenant of that slug or number; who names none that there is, asks for no provider that there is.
///
/// # Errors
///
/// [`NO_PROVIDER`].
pub(super) async fn tenant(
    state: &IdentityState,
    name: Option<&str>,
) -> Result<Option<TenantId>, Error> {
    let Some(name) = name else { return Ok(None) };
    let found = tenant::named(state, name).await?;
    Ok(Some(found.ok_or(NO_PROVIDER)?.id))
}

/// The names of the providers that may be used, in order: the tenant's own and those of the settings.
///
/// # Errors
///
/// [`NO_PROVIDER`] for a tenant that there is not.
pub(crate) async fn slugs(
    state: &IdentityState,
    scope: &Scope,
    name: Option<&str>,
) -> Result<Vec<String>, Error> {
    let global = state.providers.iter().map(|p| p.spec.slug.clone());
    let mut all: Vec<_> = global.collect();
    if let Some(tenant) = tenant(state, name).await? {
        let session = state.session(scope, tenant);
        all.extend(Providers(&session).list_slugs().await?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// The provider of that name: the tenant's own, else that of the settings.
///
/// # Errors
///
/// [`NO_PROVIDER`].
pub(super) async fn by_slug(
    state: &IdentityState,
    scope: &Scope,
    slug: &str,
    tenant: Option<TenantId>,
) -> Result<Provider, Error> {
    if let Some(tenant) = tenant {
        let session = state.session(scope, tenant);
        let own = Providers(&session).by_slug(slug).await?;
        if let Some(row) = own.filter(|row| row.enabled) {
            return opened(state, tenant, row);
        }
    }
    global(state, slug)
}

/// The provider of a key, as it stands in addresses and states.
///
/// # Errors
///
/// [`Error::InvalidState`] where there is none: the way there has ended.
pub(super) async fn by_key(
    state: &IdentityState,
    scope: &Scope,
    key: &str,
    tenant: Option<TenantId>,
) -> Result<Provider, Error> {
    let (Ok(id), Some(tenant)) = (Uuid::try_parse(key), tenant) else {
        return global(state, key).map_err(|_none| Error::InvalidState);
    };
    let session = state.session(scope, tenant);
    let own = Providers(&session).get(id).await?;
    let row = own.filter(|row| row.enabled).ok_or(Error::InvalidState)?;
    opened(state, tenant, row)
}

fn global(state: &IdentityState, slug: &str) -> Result<Provider, Error> {
    let mut all = state.providers.iter();
    let found = all.find(|provider| provider.spec.slug == slug);
    found.cloned().ok_or(NO_PROVIDER)
}

/// A tenant's own provider with its secret.
fn opened(state: &IdentityState, tenant: TenantId, row: ProviderRow) -> Result<Provider, Error> {
    let id = row.id;
    let secret = match &row.client_secret_enc {
        None => None,
        Some(sealed) => {
            let opened = state.sealer.open(id.as_bytes(), sealed);
            let text = opened.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
            Some(Secret::new(text.ok_or(Error::Provider(
                "its secret was sealed under another master key",
            ))?))
        }
    };
    Ok(Provider::own(id, tenant, row.spec(secret)))
}
