//! The HTTP side of the service, one file for each resource.
mod audit;
mod auth;
mod client;
mod cookies;
mod device;
mod identity;
mod mail;
mod me;
mod mfa;
mod oauth;
mod oauth2;
mod precondition;
mod provider;
mod role;
mod session;
mod setup;
mod tenant;
mod user;
pub(crate) mod well_known;

use brisk_core::{Scope, TenantId};
use brisk_http::{Caller, Problem, RequirePermission};
use utoipa_axum::router::OpenApiRouter;

use crate::state::IdentityState;

/// All routes below the service's name.
pub(crate) fn router() -> OpenApiRouter<IdentityState> {
    OpenApiRouter::new()
        .merge(auth::router())
        .merge(mail::router())
        .merge(session::router())
        .merge(me::router())
        .merge(mfa::router())
        .merge(setup::router())
        .merge(client::router())
        .merge(identity::router())
        .merge(oauth::router())
        .merge(provider::router())
        .merge(oauth2::router())
        .merge(user::router())
        .merge(role::router())
        .merge(tenant::router())
        .merge(audit::router())
}

/// The scope of the caller's own tenant, where it may do that.
///
/// # Errors
///
/// 401 and 403, as [`RequirePermission`]; 403 for callers without a tenant.
fn allowed(caller: &Caller, permission: &'static str) -> Result<Scope, Problem> {
    caller.permit(permission)?;
    Ok(caller.scope(home(caller)?))
}

/// The tenant that the caller belongs to.
///
/// # Errors
///
/// 403 for callers without one: whoever runs the installation by key names a tenant instead.
fn home(caller: &Caller) -> Result<TenantId, Problem> {
    let tenant = caller.principal().tenant;
    tenant.ok_or_else(|| Problem::forbidden("this is for callers that belong to a tenant"))
}
