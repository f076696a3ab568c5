//! The tenant's own providers.

use std::collections::BTreeMap;

use brisk_config::Secret;
use brisk_core::TenantId;
use brisk_db::{Affected, Error, FromRow, Json, Record, Session, statements};
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::provider::{
    AutoLink, ClaimNames, Preset, ProviderKind, ProviderSpec, Provisioning, TokenAuth,
};

/// A provider as stored; the secret is sealed under the row's id.
#[derive(Clone, FromRow, Record)]
#[record(table = "identity_oauth_providers")]
pub(crate) struct ProviderRow {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) slug: String,
    pub(crate) kind: ProviderKind,
    pub(crate) preset: Option<Preset>,
    pub(crate) issuer: Option<String>,
    pub(crate) authorize_url: Option<String>,
    pub(crate) token_url: Option<String>,
    pub(crate) userinfo_url: Option<String>,
    pub(crate) emails_url: Option<String>,
    pub(crate) jwks_url: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_secret_enc: Option<Vec<u8>>,
    pub(crate) scopes: Json<Vec<String>>,
    pub(crate) extra_params: Json<BTreeMap<String, String>>,
    pub(crate) claim_map: Json<ClaimNames>,
    pub(crate) token_auth: TokenAuth,
    pub(crate) trust_email: bool,
    pub(crate) auto_link: AutoLink,
    pub(crate) provisioning: Provisioning,
    pub(crate) allowed_domains: Json<Vec<String>>,
    pub(crate) enabled: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl std::fmt::Debug for ProviderRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderRow")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl ProviderRow {
    /// A completed description with a sealed secret.
    pub(crate) fn new(
        id: Uuid,
        tenant: TenantId,
        spec: ProviderSpec,
        sealed: Option<Vec<u8>>,
        created_at: Timestamp,
        updated_at: Timestamp,
    ) -> Self {
        Self {
            id,
            tenant_id: Some(tenant),
            slug: spec.slug,
            kind: spec.kind.unwrap_or(ProviderKind::Oidc),
            preset: spec.preset,
            issuer: spec.issuer,
            authorize_url: spec.authorize_url,
            token_url: spec.token_url,
            userinfo_url: spec.userinfo_url,
            emails_url: spec.emails_url,
            jwks_url: spec.jwks_url,
            client_id: spec.client_id,
            client_secret_enc: sealed,
            scopes: Json(spec.scopes.unwrap_or_default()),
            extra_params: Json(spec.extra_params),
            claim_map: Json(spec.claim_map),
            token_auth: spec.token_auth.unwrap_or(TokenAuth::Basic),
            trust_email: spec.trust_email.unwrap_or_default(),
            auto_link: spec.auto_link,
            provisioning: spec.provisioning.unwrap_or(Provisioning::None),
            allowed_domains: Json(spec.allowed_domains),
            enabled: spec.enabled,
            created_at,
            updated_at,
        }
    }

    /// The description, with the secret where the caller has opened it.
    pub(crate) fn spec(self, secret: Option<Secret>) -> ProviderSpec {
        ProviderSpec {
            slug: self.slug,
            preset: self.preset,
            kind: Some(self.kind),
            issuer: self.issuer,
            authorize_url: self.authorize_url,
            token_url: self.token_url,
            userinfo_url: self.userinfo_url,
            emails_url: self.emails_url,
            jwks_url: self.jwks_url,
            client_id: self.client_id,
            client_secret: secret,
            scopes: Some(self.scopes.0),
            extra_params: self.extra_params.0,
            claim_map: self.claim_map.0,
            pkce: true,
            token_auth: Some(self.token_auth),
            trust_email: Some(self.trust_email),
            auto_link: self.auto_link,
            provisioning: Some(self.provisioning),
            allowed_domains: self.allowed_domains.0,
            enabled: self.enabled,
        }
    }
}

statements! {
    prefix "identity.provider";

    /// All providers of the tenant, of which it has at most a hundred.
    pub(crate) LIST(tenant: TenantId) -> Vec<ProviderRow>
        = "SELECT id, tenant_id, slug, kind, preset, issuer, authorize_url, token_url, userinfo_url, emails_url, jwks_url, client_id,
             client_secret_enc, scopes, extra_params, claim_map, token_auth, trust_email, auto_link, provisioning,
             allowed_domains, enabled, created_at, updated_at
           FROM identity_oauth_providers WHERE tenant_id = $1 ORDER BY slug LIMIT 100";

    /// The names of those that may be used.
    pub(crate) SLUGS(tenant: TenantId) -> Vec<String>
        = "SELECT slug FROM identity_oauth_providers WHERE tenant_id = $1 AND enabled ORDER BY slug LIMIT 100";

    /// One provider.
    pub(crate) GET(tenant: TenantId, id: Uuid) -> Option<ProviderRow>
        = "SELECT id, tenant_id, slug, kind, preset, issuer, authorize_url, token_url, userinfo_url, emails_url, jwks_url, client_id,
             client_secret_enc, scopes, extra_params, claim_map, token_auth, trust_email, auto_link, provisioning,
             allowed_domains, enabled, created_at, updated_at
           FROM identity_oauth_providers WHERE tenant_id = $1 AND id = $2";

    /// The provider of that name.
    pub(crate) BY_SLUG(tenant: TenantId, slug: String) -> Option<ProviderRow>
        = "SELECT id, tenant_id, slug, kind, preset, issuer, authorize_url, token_url, userinfo_url, emails_url, jwks_url, client_id,
             client_secret_enc, scopes, extra_params, claim_map, token_auth, trust_email, auto_link, provisioning,
             allowed_domains, enabled, created_at, updated_at
           FROM identity_oauth_providers WHERE tenant_id = $1 AND slug = $2";

    /// All that can be changed: whom it speaks of cannot.
    pub(crate) UPDATE(
        tenant: TenantId, id: Uuid, client_id: String, secret: Option<Vec<u8>>, scopes: Json<Vec<String>>,
        extra_params: Json<BTreeMap<String, String>>, claim_map: Json<ClaimNames>, token_auth: TokenAuth, trust_email: bool,
        auto_link: AutoLink, provisioning: Provisioning, allowed_domains: Json<Vec<String>>, enabled: bool, now: Timestamp,
    ) -> Affected
        = "UPDATE identity_oauth_providers SET client_id = $3, client_secret_enc = $4, scopes = $5, extra_params = $6,
             claim_map = $7, token_auth = $8, trust_email = $9, auto_link = $10, provisioning = $11, allowed_domains = $12,
             enabled = $13, updated_at = $14
           WHERE tenant_id = $1 AND id = $2";

    /// What people have linked to it goes with it.
    pub(crate) FORGET(tenant: TenantId, provider_key: String) -> Affected
        = "DELETE FROM identity_user_identities WHERE tenant_id = $1 AND provider_key = $2";

    /// Away with it.
    pub(crate) DELETE(tenant: TenantId, id: Uuid) -> Affected
        = "DELETE FROM identity_oauth_providers WHERE tenant_id = $1 AND id = $2";
}

/// Everything that the tenant asks of `identity_oauth_providers`.
pub(crate) struct Providers<'a>(pub(crate) &'a Session);

impl Providers<'_> {
    pub(crate) async fn list(&self) -> Result<Vec<ProviderRow>, Error> {
        self.0.run(&LIST, (self.0.tenant(),)).await
    }

    pub(crate) async fn list_slugs(&self) -> Result<Vec<String>, Error> {
        self.0.run(&SLUGS, (self.0.tenant(),)).await
    }

    pub(crate) async fn get(&self, id: Uuid) -> Result<Option<ProviderRow>, Error> {
        self.0.run(&GET, (self.0.tenant(), id)).await
    }

    pub(crate) async fn by_slug(&self, slug: &str) -> Result<Option<ProviderRow>, Error> {
        let params = (self.0.tenant(), slug.to_owned());
        self.0.run(&BY_SLUG, params).await
    }

    pub(crate) async fn update(&self, row: ProviderRow) -> Result<u64, Error> {
        let params = (
            self.0.tenant(),
            row.id,
            row.client_id,
            row.client_secret_enc,
            row.scopes,
            row.extra_params,
            row.claim_map,
            row.token_auth,
            row.trust_email,
            row.auto_link,
            row.provisioning,
            row.allowed_domains,
            row.enabled,
            row.updated_at,
        );
        self.0.run(&UPDATE, params).await
    }

    pub(crate) async fn delete_links(&self, id: Uuid) -> Result<u64, Error> {
        self.0.run(&FORGET, (self.0.tenant(), id.to_string())).await
    }

    pub(crate) async fn delete(&self, id: Uuid) -> Result<u64, Error> {
        self.0.run(&DELETE, (self.0.tenant(), id)).await
    }
}
