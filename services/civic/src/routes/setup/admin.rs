//! Who may set up what.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use brisk_core::{Role, Scope, TenantId};
use brisk_http::{Caller, Problem, RequireRole, TenantScope};
use http::request::Parts;

use crate::error::Error;
use crate::logic::Setup;
use crate::state::CivicState;

/// The setup of the request's tenant, for an administrator.
#[derive(Debug)]
pub(super) struct Admin(pub(super) Setup);

impl FromRequestParts<CivicState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &CivicState) -> Result<Self, Problem> {
        setup(parts, state, Role::Admin).await.map(Self)
    }
}

/// The setup of the request's tenant, to be read by whoever works there.
#[derive(Debug)]
pub(super) struct Agent(pub(super) Setup);

impl FromRequestParts<CivicState> for Agent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &CivicState) -> Result<Self, Problem> {
        setup(parts, state, Role::Agent).await.map(Self)
    }
}

async fn setup(parts: &mut Parts, state: &CivicState, needed: Role) -> Result<Setup, Problem> {
    let TenantScope(scope) = TenantScope::from_request_parts(parts, state).await?;
    scope.require(needed)?;
    Ok(work(state, scope))
}

/// The setup of the tenant that the path names: of the caller's own for an administrator, of any for the platform's.
///
/// To anybody else another tenant does not exist.
pub(super) fn of_path(caller: &Caller, state: &CivicState, id: i64) -> Result<Setup, Problem> {
    let principal = caller.principal();
    let foreign = principal.tenant.is_some_and(|own| own != TenantId(id));
    if foreign {
        return Err(Error::NotFound { what: "tenant" }.into());
    }
    let scope = caller.scope(TenantId(id));
    scope.require(Role::Admin)?;
    Ok(work(state, scope))
}

/// The work of one caller on a tenant's setup.
pub(super) fn work(state: &CivicState, scope: Scope) -> Setup {
    Setup {
        session: state.db.session(scope),
        settings: Arc::clone(&state.settings),
        clock: state.clock.clone(),
    }
}
