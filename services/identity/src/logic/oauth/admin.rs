//! The tenant's own providers are set up.

use std::collections::BTreeMap;

use brisk_config::Secret;
use brisk_core::{Permissions, Scope};
use brisk_db::{OnConflict, Session};
use serde::Deserialize;
use uuid::Uuid;

use super::providers::{NO_PROVIDER, callback_address};
use crate::error::Error;
use crate::logic::audit::entry;
use crate::logic::rights;
use crate::model::audit::Device;
use crate::model::provider::{
    AutoLink, ClaimNames, OwnProvider, Owner, ProviderSpec, Provisioning, TokenAuth,
};
use crate::state::IdentityState;
use crate::store::provider::{ProviderRow, Providers};

/// Providers of one tenant.
const MOST: usize = 100;

/// What changes of a provider; what is left out stays. Whom it speaks of, by which people are known, never changes: that is
/// another provider.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProviderChange {
    client_id: Option<String>,
    #[schema(value_type = Option<String>, write_only)]
    client_secret: Option<Secret>,
    scopes: Option<Vec<String>>,
    extra_params: Option<BTreeMap<String, String>>,
    claim_map: Option<ClaimNames>,
    token_auth: Option<TokenAuth>,
    trust_email: Option<bool>,
    auto_link: Option<AutoLink>,
    provisioning: Option<Provisioning>,
    allowed_domains: Option<Vec<String>>,
    enabled: Option<bool>,
}

impl ProviderChange {
    fn apply(self, spec: &mut ProviderSpec) {
        fn put<T>(place: &mut T, new: Option<T>) {
            if let Some(new) = new {
                *place = new;
            }
        }
        put(&mut spec.client_id, self.client_id);
        put(&mut spec.extra_params, self.extra_params);
        put(&mut spec.claim_map, self.claim_map);
        put(&mut spec.auto_link, self.auto_link);
        put(&mut spec.allowed_domains, self.allowed_domains);
        put(&mut spec.enabled, self.enabled);
        spec.client_secret = self.client_secret.or(spec.client_secret.take());
        spec.scopes = self.scopes.or(spec.scopes.take());
        spec.token_auth = self.token_auth.or(spec.token_auth);
        spec.trust_email = self.trust_email.or(spec.trust_email);
        spec.provisioning = self.provisioning.or(spec.provisioning);
    }
}

/// A completed description that the caller may write.
///
/// # Errors
///
/// [`Error::Fields`]; [`Error::Lacks`] where it would let the caller be people who may do more.
fn checked(
    state: &IdentityState,
    session: &Session,
    spec: ProviderSpec,
) -> Result<ProviderSpec, Error> {
    let spec = spec.completed(Owner::Tenant);
    let mut errors = Vec::new();
    spec.check(Owner::Tenant, state.is_development, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Fields(errors));
    }
    // Whoever runs such a provider can sign in as anybody of the tenant.
    if spec.auto_link == AutoLink::VerifiedBoth {
        everything(session)?;
    }
    Ok(spec)
}

/// Passes who may do everything in the tenant.
fn everything(session: &Session) -> Result<(), Error> {
    let all = Permissions::of(["*:*"]);
    rights::cover(session.scope().principal(), session.tenant(), &all)
}

fn shown(state: &IdentityState, row: ProviderRow) -> OwnProvider {
    OwnProvider {
        id: row.id,
        redirect_uri: callback_address(state, &row.id.to_string()),
        has_secret: row.client_secret_enc.is_some(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        spec: row.spec(None),
    }
}

/// All of the tenant, by name.
pub(crate) async fn list(state: &IdentityState, scope: &Scope) -> Result<Vec<OwnProvider>, Error> {
    let session = state.db.session(scope.clone());
    let rows = Providers(&session).list().await?;
    Ok(rows.into_iter().map(|row| shown(state, row)).collect())
}

/// One of them.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn get(
    state: &IdentityState,
    scope: &Scope,
    id: Uuid,
) -> Result<OwnProvider, Error> {
    let session = state.db.session(scope.clone());
    let row = Providers(&session).get(id).await?;
    Ok(shown(state, row.ok_or(NO_PROVIDER)?))
}

/// Sets one up.
///
/// # Errors
///
/// [`Error::Fields`], [`Error::Lacks`]; [`Error::Conflict`] for a name that another one has, or where there are a hundred.
pub(crate) async fn create(
    state: &IdentityState,
    scope: &Scope,
    spec: ProviderSpec,
    device: &Device,
) -> Result<OwnProvider, Error> {
    let session = state.db.session(scope.clone());
    let spec = checked(state, &session, spec)?;
    let id = state.ids.uuid();
    let now = state.clock.now();
    let sealed = sealed(state, id, spec.client_secret.as_ref())?;
    let row = ProviderRow::new(id, scope.tenant(), spec, sealed, now, now);
    session
        .transaction(async |session: Session| {
            if Providers(&session).list_slugs().await?.len() >= MOST {
                return Err(Error::Conflict {
                    field: "slug",
                    detail: "there are as many providers as a tenant may have",
                });
            }
            let inserted = session
                .insert_many(vec![row.clone()], OnConflict::Fail)
                .await;
            inserted.map_err(taken)?;
            let entry = entry(&session, "oauth_provider.created", device);
            let entry = entry
                .on("oauth_provider", id)
                .with("slug", row.slug.clone());
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(shown(state, row))
}

/// Turns the refusal of a name that another one has into its answer.
fn taken(error: brisk_db::Error) -> Error {
    match error.unique_rule() {
        Some(_) => Error::Conflict {
            field: "slug",
            detail: "another provider of the tenant has this name",
        },
        None => Error::Db(error),
    }
}

/// Changes one.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Fields`], [`Error::Lacks`].
pub(crate) async fn update(
    state: &IdentityState,
    scope: &Scope,
    id: Uuid,
    change: ProviderChange,
    device: &Device,
) -> Result<OwnProvider, Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let providers = Providers(&session);
            let before = providers.get(id).await?.ok_or(NO_PROVIDER)?;
            let created_at = before.created_at;
            let mut secret = before.client_secret_enc.clone();
            // By other claims people would be other people.
            if change.claim_map.is_some() {
                everything(&session)?;
            }
            let mut spec = before.spec(None);
            change.clone().apply(&mut spec);
            let spec = checked(state, &session, spec)?;
            let has_new_secret = spec.client_secret.is_some();
            if has_new_secret {
                secret = sealed(state, id, spec.client_secret.as_ref())?;
            }
            let now = state.clock.now();
            let row = ProviderRow::new(id, session.tenant(), spec, secret, created_at, now);
            providers.update(row.clone()).await?;
            let mut entry = entry(&session, "oauth_provider.updated", device);
            if has_new_secret {
                entry = entry.secret("client_secret");
            }
            let entry = entry
                .on("oauth_provider", id)
                .with("slug", row.slug.clone());
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(shown(state, row))
        })
        .await
}

/// Takes one away, and with it what people have linked to it.
///
/// # Errors
///
/// [`Error::NotFound`].
pub(crate) async fn delete(
    state: &IdentityState,
    scope: &Scope,
    id: Uuid,
    device: &Device,
) -> Result<(), Error> {
    let session = state.db.session(scope.clone());
    session
        .transaction(async |session: Session| {
            let providers = Providers(&session);
            if providers.delete(id).await? == 0 {
                return Err(NO_PROVIDER);
            }
            let links = providers.delete_links(id).await?;
            let entry = entry(&session, "oauth_provider.deleted", device);
            let entry = entry.on("oauth_provider", id).with("links", links);
            state.audit.with(&session, entry).await?;
            Ok::<_, Error>(())
        })
        .await
}

/// The secret as it is stored: it opens for this row alone.
fn sealed(
    state: &IdentityState,
    id: Uuid,
    secret: Option<&Secret>,
) -> Result<Option<Vec<u8>>, Error> {
    let seal = |secret: &Secret| state.sealer.seal(id.as_bytes(), secret.expose().as_bytes());
    Ok(secret.map(seal).transpose()?)
}
