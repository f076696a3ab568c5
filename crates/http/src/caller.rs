//! Extractors for who asks and for which tenant.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use brisk_core::{Deadline, FieldError, Ledger, Principal, Role, Scope, TenantId};
use futures_util::future::BoxFuture;
use http::request::Parts;

use crate::{Exchange, Problem};

/// Who asks, until when and at what cost; on every route, the public ones too.
#[derive(Clone, Debug)]
pub struct Caller(pub Arc<Exchange>);

impl Caller {
    /// Who asks.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.0.principal
    }

    /// Until when.
    pub fn deadline(&self) -> Deadline {
        self.0.deadline
    }

    /// At what cost so far.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.0.ledger
    }

    /// Passes who may see what the program costs, as `/performance/stats` does: operators, and anybody from
    /// `http.insight_networks`.
    ///
    /// # Errors
    ///
    /// A 401 or 403 for everybody else.
    pub fn require_insight(&self) -> Result<(), Problem> {
        crate::insight::require(&self.0)
    }

    /// The same work in `tenant`, whose right to it the caller of this function has checked.
    pub fn scope(&self, tenant: TenantId) -> Scope {
        let e = &self.0;
        Scope::new(
            tenant,
            Arc::clone(&e.principal),
            e.deadline,
            Arc::clone(&e.ledger),
        )
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Exchange::of(parts).map(Self)
    }
}

/// Knows which tenants there are; filled by the kit's cached look-up.
pub trait TenantDirectory: Send + Sync + 'static {
    /// Whether that tenant exists and is served.
    ///
    /// # Errors
    ///
    /// A 503 when that cannot be found out now.
    fn exists(&self, tenant: TenantId) -> BoxFuture<'_, Result<bool, Problem>>;
}

/// The scope of a request in its tenant.
///
/// The tenant is the caller's own. A platform administrator and the public name one by the query parameter
/// `tenant_id`; anybody else may repeat the own one there. Another's is 403, one that does not exist is 422.
#[derive(Clone, Debug)]
pub struct TenantScope(pub Scope);

impl<S: Sync> FromRequestParts<S> for TenantScope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let exchange = Exchange::of(parts)?;
        let named = named_tenant(parts.uri.query())?;
        let own = exchange.principal.tenant;
        let tenant = match (own, named) {
            (Some(own), Some(named)) if own != named => {
                return Err(Problem::forbidden(
                    "the parameter `tenant_id` names another tenant",
                ));
            }
            (Some(own), _) => own,
            (None, Some(named)) => {
                let known = match &exchange.tenants {
                    Some(directory) => directory.exists(named).await?,
                    None => named != TenantId::PLATFORM,
                };
                if !known {
                    return Err(wrong_tenant("unknown_tenant", "there is no such tenant"));
                }
                named
            }
            (None, None) => {
                return Err(wrong_tenant(
                    "missing_field",
                    "say for which tenant you ask",
                ));
            }
        };
        Ok(Self(Caller(exchange).scope(tenant)))
    }
}

fn wrong_tenant(code: &'static str, message: &'static str) -> Problem {
    Problem::fields(vec![FieldError::new("tenant_id", code, message)])
}

fn named_tenant(query: Option<&str>) -> Result<Option<TenantId>, Problem> {
    let Some(query) = query.filter(|q| q.contains("tenant_id")) else {
        return Ok(None);
    };
    let mut named = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == "tenant_id");
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(wrong_tenant("repeated", "must be given once")),
        (Some((_, value)), None) => value
            .parse()
            .map(Some)
            .map_err(|_not_a_number| wrong_tenant("wrong_type", "must be a tenant's number")),
    }
}

/// Somebody who is known; the public is answered 401.
#[derive(Clone, Debug)]
pub struct Auth(pub Caller);

impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = Caller(Exchange::of(parts)?);
        if caller.principal().is_anonymous() {
            return Err(Problem::unauthenticated());
        }
        Ok(Self(caller))
    }
}

/// How long ago somebody may have signed in for what cannot be taken back.
const FRESH: Duration = Duration::from_mins(5);

/// A person who has signed in within the last five minutes, and whose account and session were read just now, past every
/// cache: for passwords, rights of superusers, keys and whatever cannot be taken back. Costs one statement.
#[derive(Clone, Debug)]
pub struct FreshAuth(pub Caller);

impl<S: Sync> FromRequestParts<S> for FreshAuth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Auth(caller) = Auth::from_request_parts(parts, state).await?;
        let home = caller.principal().tenant.unwrap_or(TenantId::PLATFORM);
        let scope = caller.scope(home);
        caller.0.authenticate.confirm(&scope, FRESH).await?;
        Ok(Self(caller))
    }
}

/// Checks of permissions, in the words of the API.
pub trait RequirePermission {
    /// Passes when the caller has this permission, `resource:action`, in the tenant of the scope.
    ///
    /// # Errors
    ///
    /// 401 for the public, 403 with the member `required` for a caller that is known.
    fn permit(&self, permission: &'static str) -> Result<(), Problem>;
}

impl RequirePermission for Scope {
    fn permit(&self, permission: &'static str) -> Result<(), Problem> {
        permit(self.principal(), permission, self.tenant())
    }
}

impl RequirePermission for TenantScope {
    fn permit(&self, permission: &'static str) -> Result<(), Problem> {
        self.0.permit(permission)
    }
}

/// On a [`Caller`] the tenant is the caller's own.
impl RequirePermission for Caller {
    fn permit(&self, permission: &'static str) -> Result<(), Problem> {
        let principal = &self.0.principal;
        permit(
            principal,
            permission,
            principal.tenant.unwrap_or(TenantId::PLATFORM),
        )
    }
}

fn permit(
    principal: &Principal,
    permission: &'static str,
    tenant: TenantId,
) -> Result<(), Problem> {
    if principal.can(permission, tenant) {
        Ok(())
    } else if principal.is_anonymous() {
        Err(Problem::unauthenticated())
    } else {
        let detail = format!("this needs the permission {permission}");
        Err(Problem::forbidden(detail).with("required", permission))
    }
}

/// Checks of rights, in the words of the API.
pub trait RequireRole {
    /// Passes when the caller may do what `needed` may do in the tenant of the scope.
    ///
    /// # Errors
    ///
    /// 401 for the public, 403 for a caller that is known.
    fn require(&self, needed: Role) -> Result<(), Problem>;
}

impl RequireRole for Scope {
    fn require(&self, needed: Role) -> Result<(), Problem> {
        require(self.principal(), needed, self.tenant())
    }
}

impl RequireRole for TenantScope {
    fn require(&self, needed: Role) -> Result<(), Problem> {
        self.0.require(needed)
    }
}

/// On a [`Caller`] the tenant is the caller's own.
impl RequireRole for Caller {
    fn require(&self, needed: Role) -> Result<(), Problem> {
        let home = self.0.principal.tenant.unwrap_or(TenantId::PLATFORM);
        require(&self.0.principal, needed, home)
    }
}

fn require(principal: &Principal, needed: Role, tenant: TenantId) -> Result<(), Problem> {
    if principal.may(needed, tenant) {
        Ok(())
    } else if principal.is_anonymous() {
        Err(Problem::unauthenticated())
    } else {
        let detail = format!("this needs the role {}", needed.as_str());
        Err(Problem::forbidden(detail).with("required", needed.as_str()))
    }
}
