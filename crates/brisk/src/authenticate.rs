//! Connects the edge's seams with the keys, tokens and tenants of `brisk-auth`.

use std::sync::Arc;
use std::time::Duration;

use brisk_auth::{
    Accounts, ForeignClaims, Keys, NewTenant, Tenant, TenantDirectory, TenantHint, TenantKind,
    TenantStatus, Tenants, Tokens, Verified, presented,
};
use brisk_core::{
    Clock, Origin, Permissions, Principal, PrincipalKind, Role, Scope, SignIn, TenantId,
};
use brisk_db::Db;
use brisk_http::{Authenticate, Problem};
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use uuid::Uuid;

use crate::{Kit, RoleWord};

const API_KEY: &str = "x-api-key";

/// What every API key begins with; a bearer that does not is a token.
const KEY: &str = "brisk_";

/// Knows callers by their API key or their token; any other credential in those two headers is refused.
pub(crate) struct Callers {
    keys: Keys,
    tokens: Tokens,
    accounts: Option<Arc<dyn Accounts>>,
    tenants: TenantDirectory,
    db: Db,
    clock: Clock,
    /// What roles of other issuers stand for.
    role_words: Vec<RoleWord>,
}

impl Callers {
    pub(crate) fn new(
        kit: &Kit,
        accounts: Option<Arc<dyn Accounts>>,
        role_words: Vec<RoleWord>,
    ) -> Self {
        Self {
            keys: kit.keys.clone(),
            tokens: kit.tokens.clone(),
            accounts,
            tenants: kit.tenants.clone(),
            db: kit.db.clone(),
            clock: kit.clock.clone(),
            role_words,
        }
    }

    async fn by_token(&self, token: &str, scope: &Scope) -> Result<Arc<Principal>, Problem> {
        let verified = self.tokens.verify(token).await?;
        match (verified.as_ref(), &self.accounts) {
            (Verified::Own(claims), Some(accounts)) => Ok(accounts.caller(claims, scope).await?),
            // Nobody here knows the people of our own tokens.
            (Verified::Own(_), None) => Err(Problem::invalid_token()),
            (Verified::Foreign(claims), _) => self.foreign(claims).await,
        }
    }

    /// Somebody whom another issuer vouches for: what it may do is what the token says, within a tenant. No other issuer speaks for
    /// those who run the installation.
    async fn foreign(&self, claims: &ForeignClaims) -> Result<Arc<Principal>, Problem> {
        let tenant = match &claims.tenant {
            Some(hint) => self.tenant(hint).await?,
            None => None,
        };
        let Some(tenant) = tenant.filter(|tenant| {
            tenant.status == TenantStatus::Active && tenant.kind != TenantKind::System
        }) else {
            return Err(Problem::forbidden(
                "the token names no tenant that is served here",
            ));
        };
        Ok(Arc::new(Principal {
            kind: PrincipalKind::Person,
            id: claims.user_id,
            subject: claims.subject.clone(),
            tenant: Some(tenant.id),
            role: None,
            permissions: rights(&claims.roles, &claims.permissions, &self.role_words),
            sign_in: Some(SignIn {
                session: None,
                token: Uuid::nil(),
                at: self.clock.now(),
                expires_at: claims.expires_at,
                origin: Origin::Foreign,
                profile: None,
            }),
        }))
    }

    /// The tenant that an issuer names; made at first sight where the settings say so.
    async fn tenant(&self, hint: &TenantHint) -> Result<Option<Arc<Tenant>>, Problem> {
        if let Some(found) = self.tenants.by_slug(&hint.slug).await? {
            return Ok(Some(found));
        }
        if !hint.create {
            return Ok(None);
        }
        let session = self.db.session(Scope::platform("auth.tenant"));
        let new = NewTenant::new(&*hint.slug, &*hint.slug, TenantKind::Organisation);
        match Tenants::new(&session).insert(new, &self.clock).await {
            Ok(made) => Ok(Some(Arc::new(made))),
            // Somebody else was first.
            Err(brisk_auth::Error::Taken { .. }) => Ok(self.tenants.by_slug(&hint.slug).await?),
            // No slug at all.
            Err(brisk_auth::Error::Invalid { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl Authenticate for Callers {
    fn has_credentials(&self, parts: &Parts) -> bool {
        parts.headers.contains_key(API_KEY) || parts.headers.contains_key(AUTHORIZATION)
    }

    fn authenticate<'a>(
        &'a self,
        parts: &'a Parts,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Arc<Principal>, Problem>> {
        Box::pin(async move {
            let many = |name: &str| parts.headers.get_all(name).iter().nth(1).is_some();
            if many(AUTHORIZATION.as_str()) || many(API_KEY) {
                return Err(Problem::invalid_token());
            }
            let text = |name: &str| text(&parts.headers, name);
            let Some(shown) = presented(text(API_KEY), text(AUTHORIZATION.as_str())) else {
                return Err(Problem::unauthenticated());
            };
            if shown.starts_with(KEY) || parts.headers.contains_key(API_KEY) {
                Ok(Arc::new(self.keys.authenticate(shown).await?))
            } else {
                self.by_token(shown, scope).await
            }
        })
    }

    fn confirm<'a>(
        &'a self,
        scope: &'a Scope,
        span: Duration,
    ) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(async move {
            let own = scope
                .principal()
                .sign_in
                .as_ref()
                .filter(|s| s.origin == Origin::Own);
            let (Some(sign_in), Some(accounts)) = (own, &self.accounts) else {
                return Err(Problem::reauthenticate());
            };
            let age = self.clock.now().duration_since(sign_in.at);
            if Duration::try_from(age).unwrap_or_default() > span {
                return Err(Problem::reauthenticate());
            }
            accounts.confirm(scope).await?;
            Ok(())
        })
    }
}

/// What roles and permissions of another issuer allow within a tenant: permissions by their names, steps of the ladder, and
/// roles that a service has words for.
fn rights(roles: &[String], permissions: &[String], words: &[RoleWord]) -> Permissions {
    let steps = roles.iter().filter_map(|role| Role::parse(role));
    let steps = steps.map(|role| format!("operations:{}", role.as_str()));
    let known = words
        .iter()
        .filter(|(role, _)| roles.iter().any(|held| held == role));
    let known = known.map(|(_, permission)| (*permission).to_owned());
    let named = permissions.iter().chain(roles).cloned();
    Permissions::of(named.chain(steps).chain(known)).without_platform()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A tenant is served while it is active.
#[derive(Debug)]
pub(crate) struct Served(pub(crate) TenantDirectory);

impl brisk_http::TenantDirectory for Served {
    fn exists(&self, tenant: TenantId) -> BoxFuture<'_, Result<bool, Problem>> {
        Box::pin(async move {
            let found = self.0.get(tenant).await?;
            Ok(found.is_some_and(|tenant| tenant.status == TenantStatus::Active))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_of_others_stand_for_what_the_services_say_and_never_for_the_platform() {
        let words = [
            ("get-authors", "authors:read"),
            ("librarian", "authors:update"),
            ("librarian", "books:update"),
            ("boss", "platform:*"),
        ];
        let roles = ["get-authors", "librarian", "boss", "agent", "unheard"].map(str::to_owned);
        let found = rights(&roles, &["notes:read".to_owned()], &words);
        let expected = [
            "authors:read",
            "authors:update",
            "books:update",
            "notes:read",
            "operations:agent",
        ];
        assert_eq!(found, Permissions::of(expected));
    }
}
